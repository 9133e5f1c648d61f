"""Kernels of span corruption: which spans of a row are noise, inputs and targets without them, and the row again."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from pairloom.operators.kernels.jit import inner, kernel, signed
from pairloom.operators.layouts.kernels.draws import Rows, below, draw, share

__all__ = ["Denoisers", "Marks", "corrupt_spans", "noise_and_spans", "splice_spans", "warm_up"]

CHOICE = np.uint64(0x452821E638D01377)
TEXT_CUTS = np.uint64(0xBE5466CF34E90C6C)
NOISE_CUTS = np.uint64(0xC0AC29B7C97C50DD)


class Denoisers(NamedTuple):
    """Ways to corrupt a row, one drawn for each: the last of `edges`, in 2^53rds, that a draw is below says which.

    `rate` is the share of noise, `mean_span` the mean length of a span of it, 0 for one span at the end of uniform length up
    to twice that share. `token` stands before inputs that were made so, -1 for none.
    """

    edges: npt.NDArray[np.uint64]
    rate: npt.NDArray[np.float64]
    mean_span: npt.NDArray[np.float64]
    token: npt.NDArray[np.int64]


class Marks(NamedTuple):
    """What stands for the spans of a row, in their order, and what ends inputs and targets, -1 for nothing."""

    sentinels: npt.NDArray[np.uint32]
    end: int


@inner
def noise_and_spans(length: int, rate: float, mean_span: float) -> tuple[int, int]:
    """How many of so many tokens are noise, and in how many spans: Raffel et al.'s, rounded half to even."""
    noise = min(max(signed(np.rint(length * rate)), 1), length - 1)
    if noise <= 0:
        return 0, 0
    return noise, max(signed(np.rint(min(noise, length - noise) / mean_span)), 1)


@inner
def _cut(items: int, parts: int, stream: np.uint64, purpose: np.uint64, out: npt.NDArray[np.int64]) -> None:
    """Lengths of `parts` parts of at least one item each, all ways alike: which places between items are cuts."""
    part, begun, left = 0, 0, parts - 1
    for i in range(1, items):
        if below(draw(stream, purpose, i), items - i) < left:
            out[part] = i - begun
            part, begun, left = part + 1, i, left - 1
    out[part] = items - begun


@kernel
def corrupt_spans(
    rows: Rows,
    denoisers: Denoisers,
    marks: Marks,
    cuts: npt.NDArray[np.int64],
    inputs: npt.NDArray[np.uint32],
    targets: npt.NDArray[np.int32],
) -> int:
    """Put each row's text between spans of noise into `inputs`, and the spans into `targets`; both begin as padding.

    `cuts` [2, n] is room for the lengths of spans. Gives -1, or the first row that has more spans than there are sentinels.
    """
    for r in range(len(rows.ids)):
        ids, stream = rows.ids[r], rows.streams[r]
        used = 0
        for s in range(rows.edges[r], rows.edges[r + 1]):
            used += rows.lengths[s]
        which = 0
        chosen = share(draw(stream, CHOICE, 0))
        while which + 1 < len(denoisers.edges) and chosen >= denoisers.edges[which]:
            which += 1
        rate, mean = denoisers.rate[which], denoisers.mean_span[which]
        if mean > 0:
            noise, spans = noise_and_spans(used, rate, mean)
        else:
            # From 1 to twice the share of the row, so that the mean is the share.
            most = max(1, min(used - 1, np.int64(np.rint(2 * rate * used)) - 1))
            noise = min(1 + below(draw(stream, CHOICE, 1), most), used - 1)
            spans = 1 if noise > 0 else 0
        if spans > len(marks.sentinels):
            return r
        if spans > 0:
            _cut(used - noise, spans, stream, TEXT_CUTS, cuts[0])
            _cut(noise, spans, stream, NOISE_CUTS, cuts[1])
        else:
            cuts[0, 0], cuts[1, 0] = used, 0
        i = o = t = 0
        if denoisers.token[which] >= 0:
            inputs[r, 0] = denoisers.token[which]
            o = 1
        for k in range(max(spans, 1)):
            for _ in range(cuts[0, k]):
                inputs[r, o] = ids[i]
                i, o = i + 1, o + 1
            if k < spans:
                inputs[r, o] = marks.sentinels[k]
                targets[r, t] = np.int32(marks.sentinels[k])
                o, t = o + 1, t + 1
            for _ in range(cuts[1, k]):
                targets[r, t] = np.int32(ids[i])
                i, t = i + 1, t + 1
        if marks.end >= 0:
            inputs[r, o] = marks.end
            targets[r, t] = np.int32(marks.end)
    return -1


@kernel
def splice_spans(
    inputs: npt.NDArray[np.uint32],
    targets: npt.NDArray[np.int32],
    used: npt.NDArray[np.int64],
    before: npt.NDArray[np.int64],
    marks: Marks,
    out: npt.NDArray[np.uint32],
) -> int:
    """Put inputs and targets together to the rows that they were made of: `used[r]` tokens of `out`, the rest untouched.

    `before` are the ids that may stand before inputs. Gives -1, or the first row where they do not fit together.
    """
    for r in range(len(inputs)):
        i = t = k = o = 0
        for token in before:
            if i == 0 and len(inputs[r]) > 0 and inputs[r, 0] == token:
                i = 1
        while o < used[r]:
            if i >= inputs.shape[1]:
                return r
            token = np.int64(inputs[r, i])
            i += 1
            if k >= len(marks.sentinels) or token != marks.sentinels[k]:
                out[r, o] = token
                o += 1
                continue
            if t >= targets.shape[1] or targets[r, t] != token:
                return r
            k, t = k + 1, t + 1
            after = np.int64(marks.sentinels[k]) if k < len(marks.sentinels) else np.int64(-1)
            while o < used[r] and t < targets.shape[1] and targets[r, t] >= 0 and targets[r, t] != after:
                out[r, o] = np.uint32(targets[r, t])
                o, t = o + 1, t + 1
    return -1


def warm_up(rows: Any) -> None:
    """Corrupt rows, and splice them."""
    from pairloom.operators.layouts.span_corruption import SpanCorruption, Tables

    one = Denoisers(np.ones(1, np.uint64), np.array([0.15]), np.array([3.0]), np.full(1, -1))
    tables = Tables(marks=Marks(np.arange(90, 190, dtype=np.uint32), -1), denoisers=one)
    step = SpanCorruption(end_token=None)
    step.undo(step(rows, 0, 0, 0, tables), tables)
