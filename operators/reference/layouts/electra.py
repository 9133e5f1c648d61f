"""Replaced-token detection on one row, over Python lists: the twin of its kernel."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from pairloom.operators.reference.layouts.draws import IGNORED, below, draw, share

__all__ = ["TWINS", "Setting", "replace_tokens"]

CHOICE, MASKED, GENERATED = 0x3F84D5B5B5470917, 0x9216D5D98979FB1B, 0xD1310BA698DFB5AC
TRIES = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What replacing goes by; `kind` is `uniform`, `row` or `unigram`, `edges` are the latter's, in 2^53rds."""

    special: frozenset[int]
    mask: int
    rate: float
    most: int
    masked: int
    kind: str
    ordinary: Sequence[int]
    edges: Sequence[int] = ()
    correct: bool = True


def replace_tokens(
    row: Sequence[int], stream: int, setting: Setting
) -> tuple[list[int], list[int], list[int], list[int]]:
    """Of the used tokens of a row: those with masks, their labels, those with replacements, and which were changed."""
    places = [i for i, token in enumerate(row) if token not in setting.special]
    out, labels, replaced, changed = list(row), [IGNORED] * len(row), list(row), [0] * len(row)
    some = max(1, min(setting.most, round(len(row) * setting.rate))) if places else 0
    for k in range(some):
        at = places[below(draw(stream, CHOICE, k), len(places))]
        if labels[at] != IGNORED:
            continue
        labels[at] = row[at]
        if share(draw(stream, MASKED, at)) < setting.masked:
            out[at] = setting.mask
        for again in range(TRIES):
            bits = draw(stream, GENERATED, TRIES * at + again)
            replaced[at] = _generated(row, places, bits, setting)
            if setting.correct or replaced[at] != row[at]:
                break
        changed[at] = int(replaced[at] != row[at])
    return out, labels, replaced, changed


def _generated(row: Sequence[int], places: Sequence[int], bits: int, setting: Setting) -> int:
    if setting.kind == "row":
        return row[places[below(bits, len(places))]]
    if setting.kind == "uniform":
        return setting.ordinary[below(bits, len(setting.ordinary))]
    below_all = (i for i, edge in enumerate(setting.edges) if share(bits) < edge)
    return setting.ordinary[next(below_all, len(setting.edges) - 1)]


TWINS: Mapping[str, Callable[..., object]] = {"layouts.kernels.electra:replace_tokens": replace_tokens}
