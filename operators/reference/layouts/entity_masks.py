"""Entity masks on one row, over Python lists: the twin of its kernel."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from pairloom.operators.reference.layouts.draws import IGNORED, below, draw, share

__all__ = ["TWINS", "Setting", "mask_entities", "spans_of"]

CHOICE, PLACE = 0x24A19947B3916CF7, 0x0801F2E2858EFC16
FATE, RANDOM = 0x636920D871574E69, 0xA458FEA3F4933D7E


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What masking goes by; probabilities in 2^53rds."""

    special: frozenset[int]
    rate: float
    masked: int
    changed: int
    mask: int
    ordinary: Sequence[int]


def spans_of(
    row: Sequence[int], segments: Sequence[int], entity: Sequence[int], special: frozenset[int]
) -> list[range]:
    """The places of each span: runs of one value that is not 0, within a segment and without special tokens."""
    found: list[range] = []
    at = 0
    for length in segments:
        before = 0
        for i in range(at, at + length):
            here = 0 if row[i] in special else entity[i]
            if here and here == before:
                found[-1] = range(found[-1].start, i + 1)
            elif here:
                found.append(range(i, i + 1))
            before = here
        at += length
    return found


def mask_entities(
    row: Sequence[int], segments: Sequence[int], entity: Sequence[int], stream: int, setting: Setting
) -> tuple[list[int], list[int]]:
    """The row with one token of each span that is drawn masked, and its labels."""
    out, labels = list(row), [IGNORED] * len(row)
    spans = spans_of(row, segments, entity, setting.special)
    left = min(len(spans), round(sum(token not in setting.special for token in row) * setting.rate))
    for k, span in enumerate(spans):
        if below(draw(stream, CHOICE, k), len(spans) - k) >= left:
            continue
        left -= 1
        at = span[below(draw(stream, PLACE, k), len(span))]
        labels[at] = row[at]
        fate = share(draw(stream, FATE, k))
        if fate < setting.masked:
            out[at] = setting.mask
        elif fate < setting.changed:
            out[at] = setting.ordinary[below(draw(stream, RANDOM, k), len(setting.ordinary))]
    return out, labels


TWINS: Mapping[str, Callable[..., object]] = {"layouts.kernels.entity_masks:mask_entities": mask_entities}
