"""The kernel of replaced-token detection: which tokens of a row are masked, and what a generator puts in their place."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from pairloom.operators.kernels.jit import inner, kernel, signed
from pairloom.operators.layouts.kernels.draws import IGNORED, Rows, below, draw, share

__all__ = [
    "FROM_ROW",
    "FROM_SHARES",
    "FROM_VOCABULARY",
    "Generator",
    "Replacing",
    "replace_tokens",
    "warm_up",
]

CHOICE = np.uint64(0x3F84D5B5B5470917)
MASKED = np.uint64(0x9216D5D98979FB1B)
GENERATED = np.uint64(0xD1310BA698DFB5AC)

# Where a generator draws tokens from.
FROM_VOCABULARY, FROM_ROW, FROM_SHARES = 0, 1, 2
TRIES = 64


class Generator(NamedTuple):
    """What stands for a masked token: one of `ordinary`, of the row's own, or `ordinary[i]` below the i-th of `edges`."""

    kind: int
    ordinary: npt.NDArray[np.uint32]
    edges: npt.NDArray[np.uint64]
    correct: bool  # whether it may be the token itself


class Replacing(NamedTuple):
    """The share of tokens that are masked and the most of a row; in 2^53rds, the share of those that become `mask`."""

    rate: float
    most: int
    masked: np.uint64
    mask: int


@inner
def _generated(
    ids: npt.NDArray[np.uint32], places: npt.NDArray[np.int64], generator: Generator, bits: np.uint64
) -> int:
    if generator.kind == FROM_ROW:
        return signed(ids[places[below(bits, len(places))]])
    if generator.kind == FROM_VOCABULARY:
        return signed(generator.ordinary[below(bits, len(generator.ordinary))])
    low, high, wanted = 0, len(generator.edges) - 1, share(bits)
    while low < high:
        middle = (low + high) // 2
        if wanted < generator.edges[middle]:
            high = middle
        else:
            low = middle + 1
    return signed(generator.ordinary[low])


@kernel
def replace_tokens(
    rows: Rows,
    special: npt.NDArray[np.bool_],
    generator: Generator,
    replacing: Replacing,
    places: npt.NDArray[np.int64],
    out: npt.NDArray[np.uint32],
    labels: npt.NDArray[np.int32],
    replaced: npt.NDArray[np.uint32],
    changed: npt.NDArray[np.uint8],
) -> None:
    """Mask tokens of each row, drawn with replacement from those that are not special, and generate others for them.

    `out` and `replaced` begin as copies of the ids. `places` is room for the places of a row's ordinary tokens.
    """
    for r in range(len(rows.ids)):
        ids, stream = rows.ids[r], rows.streams[r]
        used = ordinary = 0
        for s in range(rows.edges[r], rows.edges[r + 1]):
            for i in range(used, used + rows.lengths[s]):
                if not special[ids[i]]:
                    places[ordinary] = i
                    ordinary += 1
            used += rows.lengths[s]
        if ordinary == 0:
            continue
        some = max(1, min(replacing.most, signed(np.rint(used * replacing.rate))))
        for k in range(some):
            at = places[below(draw(stream, CHOICE, k), ordinary)]
            if labels[r, at] != IGNORED:
                continue
            token = signed(ids[at])
            labels[r, at] = np.int32(token)
            if share(draw(stream, MASKED, at)) < replacing.masked:
                out[r, at] = replacing.mask
            other = token
            for again in range(TRIES):
                bits = draw(stream, GENERATED, TRIES * at + again)
                other = _generated(ids, places[:ordinary], generator, bits)
                if generator.correct or other != token:
                    break
            replaced[r, at] = other
            changed[r, at] = other != token


def warm_up(rows: Any) -> None:
    """Replace tokens of rows."""
    from pairloom.operators.layouts.electra import Electra, Tables

    generator = Generator(FROM_ROW, np.zeros(1, np.uint32), np.ones(1, np.uint64), True)
    some = np.zeros(9, np.bool_)
    Electra()(rows, 0, 0, 0, Tables(special=some, mask=0, generator=generator, ends=some, around=(0, 0)))
