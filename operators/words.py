"""Word counts: how often each pretoken occurs, exactly, as a value that merges and partitions."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators.errors import CapacityError
from pairloom.operators.pretokenize import Pretokenizer
from pairloom.operators.text import TextArray, chunks

__all__ = ["WordCounter", "WordCounts", "count_words", "merge_counts"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WordCounts:
    """Distinct words and how often each occurs.

    `words` is a LargeBinaryArray without nulls, strictly ascending by bytes; `counts` is int64 of the same length, at
    least 1 each. Two equal multisets of words are equal arrays, whatever order they were counted in.
    """

    words: pa.LargeBinaryArray
    counts: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.words)

    @property
    def total(self) -> int:
        """How many words were counted, repetitions included, as a Python integer that cannot overflow."""
        return sum(self.counts.tolist())

    def partition(self, parts: int) -> list["WordCounts"]:
        """Split by a fixed hash of the word: the same word falls into the same part on every machine."""
        import hashlib

        chosen = np.array(
            [int.from_bytes(hashlib.blake2b(w, digest_size=8).digest(), "big") * parts >> 64 for w in self.words.to_pylist()],
            dtype=np.int64,
        )
        out = []
        for part in range(parts):
            index = np.flatnonzero(chosen == part)
            out.append(WordCounts(words=self.words.take(pa.array(index)), counts=self.counts[index]))
        return out


class WordCounter:
    """Counts words batch by batch; `finish` returns what was counted so far."""

    def __init__(self, pretokenizer: Pretokenizer) -> None:
        self._pretokenizer = pretokenizer
        self._counts: Counter[bytes] = Counter()

    def add(self, texts: TextArray) -> None:
        """Count the words of a text column; nulls count as empty documents."""
        for text in chunks(texts):
            data = text.data.tobytes()
            for start, ends in self._pretokenizer.blocks(text):
                low = start
                for end in ends.tolist():
                    self._counts[data[low:end]] += 1
                    low = end

    def finish(self) -> WordCounts:
        """The counts so far; the counter may go on."""
        return _from_dict(self._counts)


def count_words(texts: TextArray, pretokenizer: Pretokenizer) -> WordCounts:
    """Count the words of a text column."""
    counter = WordCounter(pretokenizer)
    counter.add(texts)
    return counter.finish()


def merge_counts(parts: Iterable[WordCounts]) -> WordCounts:
    """Add up word counts; exact, and independent of the order of the parts.

    Raises CapacityError where a sum would pass 2^63 - 1.
    """
    total: Counter[bytes] = Counter()
    for part in parts:
        for word, count in zip(part.words.to_pylist(), part.counts.tolist(), strict=True):
            total[word] += count
    return _from_dict(total)


def _from_dict(counts: dict[bytes, int]) -> WordCounts:
    if any(count >= 1 << 63 for count in counts.values()):
        raise CapacityError("a word's count passes 2^63 - 1")
    words = sorted(counts)
    return WordCounts(
        words=pa.array(words, pa.large_binary()), counts=np.array([counts[word] for word in words], dtype=np.int64)
    )
