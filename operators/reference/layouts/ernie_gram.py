"""N-gram masking of one row, over Python lists: the twin of its kernels."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from pairloom.operators.reference.layouts.draws import IGNORED, draw, share

__all__ = [
    "TWINS",
    "Made",
    "Unit",
    "index_ngrams",
    "mask_explicitly",
    "mask_tokens",
    "segment_units",
    "spelled_out",
]

CHOICE = 0x2FFD72DBD01ADFB7
Ngrams = Mapping[tuple[int, ...], int]


class Unit(NamedTuple):
    """Tokens of a row from a place on: one n-gram by its number, -1 for a single token, -2 for a special one."""

    at: int
    length: int
    number: int
    segment: int


class Made(NamedTuple):
    """A row in which some units are one mask each."""

    inputs: list[int]
    labels: list[int]
    segments: list[int]
    fine: list[int]
    fine_places: list[int]


def index_ngrams(ngrams: Sequence[Sequence[int]]) -> Ngrams:
    """The number of each n-gram; raises ValueError for one that is there twice."""
    found = {tuple(ngram): number for number, ngram in enumerate(ngrams)}
    if len(found) < len(ngrams):
        raise ValueError("an n-gram is there twice")
    return found


def segment_units(
    row: Sequence[int], segments: Sequence[int], special: frozenset[int], ngrams: Ngrams
) -> list[Unit]:
    """The fewest units that a row is made of; of several ways, that whose first unit is longest, and so on."""
    units: list[Unit] = []
    at = 0
    for segment, length in enumerate(segments):
        stop = at + length
        # Of each place: how many units there are from there on, and the first of them, as (length, number).
        best: dict[int, tuple[int, int, int]] = {stop: (0, 0, 0)}
        for i in range(stop - 1, at - 1, -1):
            if row[i] in special:
                best[i] = (best[i + 1][0], 1, -2)
                continue
            ways = [(best[i + 1][0] + 1, -1, -1)]
            for n in range(2, stop - i + 1):
                number = ngrams.get(tuple(row[i : i + n]))
                if number is not None and not special & set(row[i : i + n]):
                    ways.append((best[i + n][0] + 1, -n, number))
            count, less, number = min(ways)
            best[i] = (count, -less, number)
        while at < stop:
            _, several, number = best[at]
            units.append(Unit(at, several, number, segment))
            at += several
    return units


def mask_tokens(
    row: Sequence[int], stream: int, units: Sequence[Unit], rate: int, mask: int
) -> tuple[list[int], list[int]]:
    """The row with every token of the units that are drawn masked, and its labels."""
    out, labels = list(row), [IGNORED] * len(row)
    for unit in units:
        if _drawn(unit, stream, rate):
            for i in range(unit.at, unit.at + unit.length):
                out[i], labels[i] = mask, row[i]
    return out, labels


def mask_explicitly(
    row: Sequence[int], stream: int, units: Sequence[Unit], rate: int, mask: int, tokens: int
) -> Made:
    """The row with one mask for each unit that is drawn."""
    made = Made([], [], [], [], [])
    for unit in units:
        here = list(row[unit.at : unit.at + unit.length])
        if _drawn(unit, stream, rate):
            made.fine.extend(here)
            made.fine_places.extend([len(made.inputs)] * len(here))
            made.labels.append(here[0] if unit.number < 0 else tokens + unit.number)
            here = [mask]
        else:
            made.labels.extend([IGNORED] * len(here))
        made.inputs.extend(here)
        made.segments.extend([unit.segment] * len(here))
    return made


def spelled_out(made: Made, ngrams: Sequence[Sequence[int]], tokens: int) -> list[int]:
    """The row that was masked explicitly: each mask as the tokens that its label stands for."""
    out: list[int] = []
    for token, label in zip(made.inputs, made.labels, strict=True):
        if label == IGNORED:
            out.append(token)
        else:
            out += [label] if label < tokens else ngrams[label - tokens]
    return out


def _drawn(unit: Unit, stream: int, rate: int) -> bool:
    return unit.number != -2 and share(draw(stream, CHOICE, unit.at)) < rate


TWINS: Mapping[str, Callable[..., object]] = {
    "layouts.kernels.ernie_gram:index_ngrams": index_ngrams,
    "layouts.kernels.ernie_gram:segment_units": segment_units,
    "layouts.kernels.ernie_gram:mask_tokens": mask_tokens,
    "layouts.kernels.ernie_gram:mask_explicitly": mask_explicitly,
}
