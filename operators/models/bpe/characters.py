"""Words as characters: what learners of BPE over characters and of WordPiece begin with."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pairloom.operators.counts import WordCounts
from pairloom.operators.errors import CapacityError
from pairloom.operators.learners import Allocate, Shape
from pairloom.operators.models.bpe.layout import TokenSequences

__all__ = ["Alphabet", "CharacterWords", "Letters", "chosen_characters", "counted_texts"]

_POINTS = 0x110000
_AT_A_TIME = 1 << 16  # words that are objects at once, or whose characters are counted


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Letters:
    """Characters (uint32[n], ascending), how often each occurs (uint64[2, n], high and low 32 bits), and which go on in a word."""

    points: npt.NDArray[np.uint32]
    sums: npt.NDArray[np.uint64]
    inside: npt.NDArray[np.bool_]

    @classmethod
    def together(cls, parts: Iterable[Letters]) -> Letters:
        """Those of all parts."""
        sums, inside = np.zeros((2, _POINTS), np.uint64), np.zeros(_POINTS, np.bool_)
        seen = np.zeros(_POINTS, np.bool_)
        for part in parts:
            sums[:, part.points] += part.sums
            inside[part.points] |= part.inside
            seen[part.points] = True
        points = np.flatnonzero(seen).astype(np.uint32)
        return cls(points=points, sums=sums[:, points], inside=inside[points])

    @property
    def nbytes(self) -> int:
        """The bytes of its arrays."""
        return self.points.nbytes + self.sums.nbytes + self.inside.nbytes

    @property
    def weights(self) -> dict[str, int]:
        """How often each character occurs, in numbers of any size."""
        return {
            chr(point): (high << 32) + low
            for point, high, low in zip(self.points.tolist(), *self.sums.tolist(), strict=True)
        }

    @property
    def going_on(self) -> list[str]:
        """The characters that are not only first in words, ascending."""
        return [*map(chr, self.points[self.inside].tolist())]


@dataclass(frozen=True, slots=True, kw_only=True)
class Alphabet:
    """The characters that are learned from, and those that have symbols of their own where words go on, in the order of ids.

    `rows` has them as a log of merges does, and `of_rows` reads that.

    >>> rows = Alphabet(characters=("a", "b"), going_on=("b",)).rows
    >>> rows.tolist(), Alphabet.of_rows(rows).going_on, Alphabet.of_rows(rows[:3])
    ([[2, 1], [97, 0], [98, 0], [98, 0]], ('b',), None)
    """

    characters: tuple[str, ...]
    going_on: tuple[str, ...] = ()

    @property
    def rows(self) -> npt.NDArray[np.int32]:
        """How many there are of each, then each: int32[n, 2]."""
        rows = np.zeros((1 + len(self.characters) + len(self.going_on), 2), np.int32)
        rows[0] = len(self.characters), len(self.going_on)
        rows[1:, 0] = [*map(ord, self.characters), *map(ord, self.going_on)]
        return rows

    @classmethod
    def of_rows(cls, rows: npt.NDArray[np.int32]) -> Alphabet | None:
        """What a log begins with; None where it ends before."""
        if not len(rows) or len(rows) < 1 + int(rows[0].sum()):
            return None
        own, more = rows[0].tolist()
        named = [*map(chr, rows[1 : 1 + own + more, 0].tolist())]
        return cls(characters=tuple(named[:own]), going_on=tuple(named[own:]))

    def symbols(self, first: int) -> npt.NDArray[np.int32]:
        """The symbol of each character, as the first of a word and later, int32[2, 0x110000], from `first` on; -1 for none."""
        ids = np.full((2, _POINTS), -1, np.int32)
        ids[:, [*map(ord, self.characters)]] = np.arange(first, first + len(self.characters))
        if self.going_on:
            first += len(self.characters)
            ids[1] = -1
            ids[1, [*map(ord, self.going_on)]] = np.arange(first, first + len(self.going_on))
        return ids


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CharacterWords:
    """Distinct words as characters: word i is `codes[offsets[i]:offsets[i + 1]]` (uint32) and occurs `counts[i]` times."""

    codes: npt.NDArray[np.uint32]
    offsets: npt.NDArray[np.int64]
    counts: npt.NDArray[np.int64]

    @classmethod
    def of(
        cls, words: Iterable[str], counts: Iterable[int] | npt.NDArray[np.int64], empty: Allocate = np.empty
    ) -> CharacterWords:
        """Words that are texts; `empty` makes the array of characters.

        Raises CapacityError where a word occurs more than 2^63 - 1 times.
        """
        texts = [*words]
        try:
            numbers = counts if isinstance(counts, np.ndarray) else np.array([*counts], np.int64)
        except OverflowError:
            raise CapacityError("the count of a word passes 2^63 - 1") from None
        lengths = np.fromiter(map(len, texts), np.int64, len(texts))
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        codes = empty(int(offsets[-1]), np.uint32)
        for start in range(0, len(texts), _AT_A_TIME):
            some = texts[start : start + _AT_A_TIME]
            place = slice(int(offsets[start]), int(offsets[start + len(some)]))
            codes[place] = np.frombuffer("".join(some).encode("utf-32-le"), np.uint32)
        return cls(codes=codes, offsets=offsets, counts=numbers)

    @property
    def weight(self) -> int:
        """How many characters they have, repetitions included."""
        lengths = np.diff(self.offsets)
        high, low = self.counts >> 32, self.counts & 0xFFFFFFFF
        return (int(np.dot(high, lengths)) << 32) + int(np.dot(low, lengths))

    def letters(self) -> Letters:
        """The characters, how often each occurs, and which go on in a word."""
        sums, inside, seen = np.zeros((2, _POINTS), np.uint64), np.zeros(_POINTS, np.bool_), self._points()
        for start in range(0, len(self.counts), _AT_A_TIME):
            bounds = self.offsets[start : start + _AT_A_TIME + 1]
            codes = self.codes[bounds[0] : bounds[-1]]
            each = np.repeat(self.counts[start : start + _AT_A_TIME], np.diff(bounds)).astype(np.uint64)
            np.add.at(sums[0], codes, each >> np.uint64(32))
            np.add.at(sums[1], codes, each & np.uint64(0xFFFFFFFF))
            later = np.ones(len(codes), np.bool_)
            later[_begins(bounds)] = False
            inside[codes[later]] = True
        return Letters(points=seen, sums=sums[:, seen], inside=inside[seen])

    def symbols(self, ids: npt.NDArray[np.int32]) -> TokenSequences:
        """The words of symbols, `ids` as of `Alphabet.symbols`; takes the place of the characters.

        Characters that have none are left out, so that their neighbours are adjacent.
        """
        kept, offsets = 0, np.zeros(len(self.offsets), np.int64)
        for start in range(0, len(self.counts), _AT_A_TIME):
            bounds = self.offsets[start : start + _AT_A_TIME + 1]
            codes = self.codes[bounds[0] : bounds[-1]]
            found = ids[1][codes]
            begins = _begins(bounds)
            found[begins] = ids[0][codes[begins]]
            stays = found >= 0
            ends = np.concatenate([[kept], kept + np.cumsum(stays)])
            offsets[start + 1 : start + len(bounds)] = ends[bounds[1:] - bounds[0]]
            found = found[stays]
            self.codes[kept : kept + len(found)] = found
            kept += len(found)
        return TokenSequences(ids=self.codes[:kept], offsets=offsets, counts=self.counts)

    def _points(self) -> npt.NDArray[np.uint32]:
        seen = np.zeros(_POINTS, np.bool_)
        seen[self.codes] = True
        return np.flatnonzero(seen).astype(np.uint32)


def _begins(bounds: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Where words begin that are not empty, from the first one's place on."""
    return bounds[:-1][np.diff(bounds) > 0] - bounds[0]


def chosen_characters(weights: dict[str, int], shape: Shape, kept: str = "") -> list[str]:
    """The characters that are learned from, ascending; those of `initial_alphabet` and `kept` whatever the limit."""
    initial = {*"".join(shape.initial_alphabet), *kept}
    others = sorted(
        (char for char in weights if char not in initial), key=lambda char: (-weights[char], char)
    )
    if shape.limit_alphabet is not None:
        others = others[: max(0, shape.limit_alphabet - len(initial))]
    return sorted({*initial, *others})


def counted_texts(counts: WordCounts) -> Iterator[tuple[str, int]]:
    """Words as texts, and how often each occurs."""
    for start in range(0, len(counts.words), _AT_A_TIME):
        some = counts.words[start : start + _AT_A_TIME].to_pylist()
        for word, count in zip(some, counts.counts[start : start + _AT_A_TIME].tolist(), strict=True):
            yield word.decode(), count
