"""ELECTRA's examples of one row, over Python lists: the twin of their kernel."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from pairloom.operators.reference.layouts.draws import below, draw, share
from pairloom.operators.reference.layouts.ponet import sentences_of

__all__ = ["TWINS", "Made", "Setting", "build_examples"]

SHORTER, LENGTH = 0x8B021FA1E5A0DD11, 0x286D3F8C6A1C2D71
SINGLE, OVERFLOW = 0x6E3A5F0B1D9C4E27, 0x51C64D0F7A3B92E5


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What building goes by; `shorter`, `single` and `overflow` are probabilities in 2^53rds."""

    special: frozenset[int]
    ends: frozenset[int]
    length: int
    cls: int
    sep: int
    shorter: int
    single: int
    overflow: int


class Made(NamedTuple):
    """A row of examples."""

    ids: list[int]
    types: list[int]
    examples: list[int]


def build_examples(row: Sequence[int], segments: Sequence[int], stream: int, setting: Setting) -> Made:
    """The used tokens of a row as examples."""
    made = Made(list(row), [0] * len(row), [-1] * len(row))
    at = example = 0
    for length in segments:
        rest, low, at = sentences_of(row, range(at, at + length), setting), at, at + length
        while low < at:
            target = setting.length
            if share(draw(stream, SHORTER, low)) < setting.shorter:
                target = 5 + below(draw(stream, LENGTH, low), setting.length - 4)
            taken: list[range] = []
            while rest and sum(map(len, taken)) < target:
                taken.append(rest.pop(0))
            places = range(low, rest[0].start if rest else at)
            sides = _sides(row, taken, target, low, len(places), stream, setting)
            out = _around(sides, setting) if sides else [(row[i], 0) for i in places]
            for place, (token, side) in zip(places, out, strict=False):
                made.ids[place], made.types[place], made.examples[place] = token, side, example
            for place in places[len(out) :]:
                made.ids[place] = setting.sep
            low, example = places.stop, example + 1
    return made


def _sides(
    row: Sequence[int],
    taken: Sequence[range],
    target: int,
    low: int,
    places: int,
    stream: int,
    setting: Setting,
) -> list[list[int]]:
    """The tokens of both sides, the second perhaps none; nothing where there is no room for an example."""
    room = min(places, setting.length)
    if not taken or room < 3:
        return []
    single = share(draw(stream, SINGLE, low)) < setting.single
    most = 1 << 40 if single else (target - 3) // 2
    a, b = list(taken[:1]), list(taken[1:])
    while b:
        has = sum(map(len, a))
        overflows = has < most and share(draw(stream, OVERFLOW, b[0].start)) < setting.overflow
        if has + len(b[0]) >= most and not overflows:
            break
        a.append(b.pop(0))
    first = [row[i] for sentence in a for i in sentence][: room - 2]
    return [first, [row[i] for sentence in b for i in sentence][: max(0, room - len(first) - 3)]]


def _around(sides: Sequence[Sequence[int]], setting: Setting) -> list[tuple[int, int]]:
    """Both sides with special tokens, each token with the number of its side."""
    out = [(setting.cls, 0), *((token, 0) for token in sides[0]), (setting.sep, 0)]
    return out + ([*((token, 1) for token in sides[1]), (setting.sep, 1)] if sides[1] else [])


TWINS: Mapping[str, Callable[..., object]] = {"layouts.kernels.electra_pairs:build_examples": build_examples}
