"""Word counts: how often each pretoken occurs, exactly, as a value that merges and partitions."""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators.counts.kernels.merge import NOT_ASCENDING, OVERFLOW, merge_sorted
from pairloom.operators.counts.kernels.table import (
    ARENA_FULL,
    BAD_ENDS,
    BATCH,
    DONE,
    FILLED,
    MISSING,
    NEXT,
    TABLE_FULL,
    USED,
    count_pieces,
    rehash,
)
from pairloom.operators.counts.sort import sorted_words
from pairloom.operators.errors import CapacityError, CorruptionError
from pairloom.operators.kernels.hashing import hash_text
from pairloom.operators.shown import Shown
from pairloom.operators.text.arrays import TextArray, chunks, frozen, text_of
from pairloom.operators.text.pretokenize import Pretokenizer
from pairloom.operators.text.pretokenize.chunks import RandomChunks, RandomSpaces
from pairloom.operators.text.pretokenize.marker import BeforeSpaces

__all__ = ["KeyCounter", "WordCounter", "WordCounts", "count_words", "merge_counts"]

_PARTITION_SEED = 0x77_6F_72_64  # part of the format: stored partitions of one run must meet those of another


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class WordCounts(Shown):
    """Distinct words and how often each occurs.

    `words` is a LargeBinaryArray without nulls, strictly ascending by bytes; `counts` is int64 of the same length, at
    least 1 each, read-only. Two equal multisets of words are equal arrays, whatever order they were counted in.
    Raises ValueError where types, lengths or counts are not that; the order is checked by whoever reads (`merge_counts`).
    """

    words: pa.LargeBinaryArray
    counts: npt.NDArray[np.int64]

    def __post_init__(self) -> None:
        if self.words.type != pa.large_binary() or self.words.null_count:
            raise ValueError(f"words must be large_binary without nulls, got {self.words.type}")
        if self.counts.dtype != np.int64 or self.counts.shape != (len(self.words),):
            raise ValueError(
                f"counts must be int64[{len(self.words)}], one a word, got {self.counts.dtype}{list(self.counts.shape)}"
            )
        if len(self.counts) and int(self.counts.min()) < 1:
            raise ValueError(f"every word must occur at least once, but a count is {self.counts.min()}")
        object.__setattr__(self, "counts", frozen(self.counts))

    def __len__(self) -> int:
        return len(self.words)

    def _shown(self) -> tuple[str, dict[str, str]]:
        return "WordCounts", {"words": f"{len(self):,}", "counted": f"{self.total:,}"}

    @property
    def total(self) -> int:
        """How many words were counted, repetitions included, as a Python integer that cannot overflow."""
        return (int((self.counts >> 32).sum()) << 32) + int((self.counts & 0xFFFFFFFF).sum())

    @property
    def bytes(self) -> int:
        """How many bytes the words have, repetitions included, up to 2^63 - 1."""
        return int(np.dot(self.counts, np.diff(text_of(self.words).offsets)))

    def times(self, factor: int) -> "WordCounts":
        """Every count `factor` times, at least once; raises CapacityError where one would pass 2^63 - 1."""
        if factor < 1:
            raise ValueError(f"counts are multiplied by at least 1, got {factor}")
        most = int(self.counts.max(initial=0))
        if most * factor >= 1 << 63:
            raise CapacityError(
                f"a word that occurs {most} times passes 2^63 - 1 with a weight of {factor}; choose weights in smaller ratios"
            )
        return self if factor == 1 else WordCounts(words=self.words, counts=self.counts * factor)

    def partition(self, parts: int) -> list["WordCounts"]:
        """Split by a fixed hash of the word: the same word falls into the same part on every machine.

        Words stay ascending inside each part. The part is `(hash >> 32) * parts >> 32` with the word's XXH64.
        """
        if not 1 <= parts <= 1 << 31:
            raise ValueError(f"words are split into 1 to 2^31 parts, not {parts}")
        chosen = (hash_text(text_of(self.words), _PARTITION_SEED) >> np.uint64(32)) * np.uint64(
            parts
        ) >> np.uint64(32)
        order = np.argsort(chosen.astype(np.uint16 if parts <= 1 << 16 else np.uint32), kind="stable")
        bounds = np.searchsorted(chosen[order], np.arange(parts + 1, dtype=np.uint64))
        return [
            WordCounts(words=self.words.take(pa.array(index)), counts=self.counts[index])
            for index in (order[bounds[part] : bounds[part + 1]] for part in range(parts))
        ]


class KeyCounter:
    """Counts keys, which are any bytes; `finish` returns what was counted so far, keys as words.

    Keys go from the caller's own buffer into a hash table (`table.py`), about 32 to 64 bytes for each distinct key of up to
    15 bytes, however often it occurs.
    """

    def __init__(self) -> None:
        self._table = np.zeros(3 << 14, np.uint64)
        self._arena = np.empty(1 << 16, np.uint8)
        self._seeds = np.array([secrets.randbits(64), secrets.randbits(64)], np.uint64)
        self._scratch = np.empty(3 * BATCH, np.uint64)
        self._state = np.zeros(4, np.int64)
        self._held: list[WordCounts] = []

    def add_counts(self, counts: "WordCounts") -> None:
        """Add keys that are counted already; what is held of such is at most about twice their distinct keys."""
        self._held.append(counts)
        _merge_smaller(self._held)

    def add_pieces(self, data: npt.NDArray[np.uint8], start: int, ends: npt.NDArray[np.int64]) -> None:
        """Count consecutive pieces of `data` (uint8): the first from `start`, each up to its entry of `ends` (int64).

        Raises ValueError where the ends do not ascend within the data; pieces before them may have been counted.
        """
        data, ends = frozen(np.asarray(data, np.uint8)), frozen(np.asarray(ends, np.int64))
        state = self._state
        state[NEXT] = 0
        while True:
            status = count_pieces(
                data, start, ends, self._table, self._arena, self._seeds, self._scratch, state
            )
            if status == DONE:
                return
            if status == BAD_ENDS:
                raise ValueError(
                    f"pieces {state[NEXT]} to {state[NEXT] + BATCH} end out of order or outside of {len(data)} bytes of text"
                )
            if status == TABLE_FULL:
                larger = np.zeros(2 * len(self._table), np.uint64)
                rehash(self._table, larger, self._seeds)
                self._table = larger
            elif status == ARENA_FULL:
                filled = int(state[FILLED])
                arena = np.empty(max(2 * len(self._arena), filled + int(state[MISSING])), np.uint8)
                arena[:filled] = self._arena[:filled]
                self._arena = arena

    def finish(self) -> WordCounts:
        """The counts so far; the counter may go on."""
        data, offsets, counts = sorted_words(self._table, self._arena, int(self._state[USED]))
        found = WordCounts(words=_array(data, offsets), counts=counts)
        return merge_counts([*self._held, found]) if self._held else found


class WordCounter(KeyCounter):
    """Counts the words of texts, batch by batch."""

    def __init__(self, pretokenizer: Pretokenizer | RandomChunks | RandomSpaces | BeforeSpaces) -> None:
        super().__init__()
        self._pretokenizer = pretokenizer

    def add(self, texts: TextArray) -> None:
        """Count the words of a text column; nulls count as empty documents.

        Before spaces can only be cut in texts that are UTF-8.
        """
        if isinstance(self._pretokenizer, BeforeSpaces):
            texts = self._pretokenizer.prepared(texts)
        for text in chunks(texts):
            for start, ends in self._pretokenizer.blocks(text):
                self.add_pieces(text.data, start, ends)


def count_words(
    texts: TextArray, pretokenizer: Pretokenizer | RandomChunks | RandomSpaces | BeforeSpaces
) -> WordCounts:
    """Count the words of a text column."""
    counter = WordCounter(pretokenizer)
    counter.add(texts)
    return counter.finish()


def merge_counts(parts: Iterable[WordCounts]) -> WordCounts:
    """Add up word counts; exact, and independent of the order of the parts.

    Parts are taken one at a time and merged two by two, the smaller ones first, so that at most about three times the
    result is held besides the part at hand. Raises CapacityError where a sum would pass 2^63 - 1, and CorruptionError
    where a part's words do not ascend.
    """
    held: list[WordCounts] = []
    for part in parts:
        held.append(part)
        _merge_smaller(held)
    while len(held) > 1:
        right = held.pop()
        held.append(_merge(held.pop(), right))
    empty = WordCounts(words=pa.array([], pa.large_binary()), counts=np.zeros(0, np.int64))
    return held[0] if held else empty


def _merge_smaller(held: list[WordCounts]) -> None:
    """Merge the last of some counts with those before it that are not much larger."""
    while len(held) > 1 and len(held[-2]) <= 2 * len(held[-1]):
        right = held.pop()
        held.append(_merge(held.pop(), right))


def _merge(left: WordCounts, right: WordCounts) -> WordCounts:
    one, two = text_of(left.words), text_of(right.words)
    # Room for the case that no word is common; pages that are not written to cost nothing.
    data = np.empty(one.bytes + two.bytes, np.uint8)
    offsets = np.empty(len(left) + len(right) + 1, np.int64)
    counts = np.empty(len(left) + len(right), np.int64)
    status, n = merge_sorted(
        one.data, one.offsets, left.counts, two.data, two.offsets, right.counts, data, offsets, counts
    )
    if status == OVERFLOW:
        raise CapacityError(f"the count of word {n} of the merged counts passes 2^63 - 1")
    if status == NOT_ASCENDING:
        raise CorruptionError(f"word counts to be merged are out of order, seen at word {n} of the result")
    return WordCounts(words=_array(data[: offsets[n]], offsets[: n + 1]), counts=counts[:n])


def _array(data: npt.NDArray[np.uint8], offsets: npt.NDArray[np.int64]) -> pa.LargeBinaryArray:
    return pa.LargeBinaryArray.from_buffers(
        pa.large_binary(), len(offsets) - 1, [None, pa.py_buffer(offsets), pa.py_buffer(data)]
    )
