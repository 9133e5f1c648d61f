"""Words laid out as symbols, from bytes or from tokens that an earlier vocabulary made of them."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from pairloom.operators.counts import WordCounts
from pairloom.operators.errors import CapacityError
from pairloom.operators.models.bpe.kernels.symbols import (
    LONG,
    LONGEST,
    MARK,
    WordArrays,
    lay_out,
    lay_out_tokens,
    measure,
)
from pairloom.operators.text.arrays import text_of

__all__ = ["Allocate", "Layout", "TokenSequences"]

Allocate: TypeAlias = Callable[[int, Any], npt.NDArray[Any]]
"""Makes an array of so many elements of a dtype, whatever they hold."""

# Tokens that are widened to 32 bits at a time.
_AT_A_TIME = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TokenSequences:
    """Words as tokens: word `i` is `ids[offsets[i]:offsets[i + 1]]` (uint16 or uint32) and occurs `counts[i]` times.

    `offsets` and `counts` are int64.
    """

    ids: npt.NDArray[np.uint16] | npt.NDArray[np.uint32]
    offsets: npt.NDArray[np.int64]
    counts: npt.NDArray[np.int64]

    def __post_init__(self) -> None:
        if len(self.offsets) != len(self.counts) + 1 or self.offsets[-1] - self.offsets[0] > len(self.ids):
            raise ValueError(
                f"{len(self.counts)} words need {len(self.counts) + 1} offsets within {len(self.ids)} ids, "
                f"got {len(self.offsets)}"
            )

    def batches(self, tokens: int) -> Iterator[tuple[int, int]]:
        """Ranges of words (first, last + 1) of some `tokens` tokens each, or one word that has more."""
        start = 0
        while start < len(self.counts):
            stop = int(np.searchsorted(self.offsets, self.offsets[start] + tokens, "right")) - 1
            stop = min(max(stop, start + 1), len(self.counts))
            yield start, stop
            start = stop


@dataclass(slots=True, kw_only=True, eq=False)
class Layout:
    """The symbols that a learner merges in place; `kernels/symbols.py` says how they lie.

    `weight` is the number of symbols, repetitions included, about; `few` says that the symbols are bytes, of which there are
    few pairs.
    """

    words: WordArrays
    weight: float
    few: bool

    @classmethod
    def of_bytes(
        cls, parts: Iterable[WordCounts], ids: npt.NDArray[np.int32], empty: Allocate = np.empty
    ) -> "Layout":
        """Words of bytes, in order; `ids` is int32[256], negative for bytes to leave out. `parts` are gone through twice.

        `empty(slots, uint32)` makes the array of symbols, which is most of it.
        """
        sizes = np.zeros(5, np.int64)
        weight = 0.0
        for part in parts:
            text = text_of(part.words)
            measure(text.data, text.offsets, ids, sizes)
            weight += float(np.dot(part.counts.astype(np.float64), np.diff(text.offsets)))
        layout = cls._empty(sizes, "bytes", weight, few=True, empty=empty)
        cursors = np.array([0, layout.words.split, 0, 0], np.int64)
        for part in parts:
            text = text_of(part.words)
            lay_out(text.data, text.offsets, part.counts, ids, layout.words, cursors)
        return layout

    @classmethod
    def of_tokens(cls, parts: Iterable[TokenSequences], empty: Allocate = np.empty) -> "Layout":
        """Words of tokens, in order; `parts` and `empty` as of `of_bytes`."""
        layout = cls._for_tokens(parts, empty)
        layout._write_tokens(parts)
        return layout

    @classmethod
    def consuming_tokens(cls, parts: list[TokenSequences]) -> "Layout":
        """Words of tokens, which are taken out of the list as they are read, so that they can be released."""
        layout = cls._for_tokens(parts, np.empty)
        layout._write_tokens(parts.pop() for _ in range(len(parts)))
        return layout

    @classmethod
    def _for_tokens(cls, parts: Iterable[TokenSequences], empty: Allocate) -> "Layout":
        sizes = np.zeros(5, np.int64)
        weight = 0.0
        for part in parts:
            lengths = np.diff(part.offsets)
            weight += float(np.dot(part.counts.astype(np.float64), lengths))
            short, long = lengths[(lengths >= 2) & (lengths < LONG)], lengths[lengths >= LONG]
            sizes[:4] += [len(short), short.sum(), len(long), long.sum()]
            sizes[LONGEST] = max(sizes[LONGEST], lengths.max(initial=0))
        return cls._empty(sizes, "tokens", weight, few=False, empty=empty)

    def _write_tokens(self, parts: Iterable[TokenSequences]) -> None:
        cursors = np.array([0, self.words.split, 0, 0], np.int64)
        for part in parts:
            for start, stop in part.batches(_AT_A_TIME):
                low, high = int(part.offsets[start]), int(part.offsets[stop])
                lay_out_tokens(
                    part.ids[low:high].astype(np.uint32),
                    part.offsets[start : stop + 1] - low,
                    # Which may be read-only, and kernels tell these apart.
                    part.counts[start:stop].copy(),
                    self.words,
                    cursors,
                )

    @classmethod
    def _empty(
        cls,
        sizes: npt.NDArray[np.int64],
        what: str,
        weight: float,
        *,
        few: bool,
        empty: Allocate = np.empty,
    ) -> "Layout":
        short, short_symbols, longs, long_symbols, longest = (int(n) for n in sizes)
        slots = short_symbols + long_symbols + 2 * (short + longs) + 1
        if slots >= 1 << 32 or longest >= 1 << 31:
            raise CapacityError(
                f"{short + longs} distinct words of {short_symbols + long_symbols} {what} need {slots} slots; "
                f"a learner holds at most {1 << 32} (use more partitions, or leave out words that occur once)"
            )
        split = short_symbols + 2 * short
        symbols = empty(slots, np.uint32)
        starts = np.empty(longs + 1, np.int64)
        symbols[-1], starts[-1] = MARK, slots - 1
        return cls(
            words=WordArrays(
                symbols=symbols,
                split=split,
                starts=starts,
                owners=np.empty((slots - split) // LONG + 1, np.uint32),
                counts=np.empty(longs, np.int64),
            ),
            weight=weight,
            few=few,
        )
