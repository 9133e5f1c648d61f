"""The arrays of the merge loop, and what happens between two calls of its kernel."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from pairloom.operators.bpe.heap import heap_of
from pairloom.operators.bpe.merging import (
    ALL_MERGED,
    HEAP_FULL,
    LISTS_FULL,
    NO_PAIR,
    PAIRS_FULL,
    PAUSE,
    merge_pairs,
)
from pairloom.operators.bpe.pairs import (
    CELLS,
    COUNT,
    FILL,
    PAIR,
    compact_lists,
    enlarge_pairs,
    place_lists,
    tally,
)
from pairloom.operators.bpe.symbols import HOLE, LONG, lay_out, measure
from pairloom.operators.errors import CapacityError
from pairloom.operators.text import Text

__all__ = ["Learner", "memory"]

_PAUSE = 1 << 20  # positions visited between two reports of progress: about 50 ms
_BYTE_PAIRS = 1 << 14  # pairs of bytes that a corpus in many languages has, about


def memory(words: int, symbols: int, merges: int) -> int:
    """What a learner of `words` words of `symbols` bytes allocates at most; see `learn_bpe`'s `learn_memory`."""
    laid_out = 4 * (symbols + 2 * words) + symbols * 5 // 16  # the latter for the owners of long words
    lists = 12 * symbols
    tables = 3 * PAIR * 4 * min(symbols, _most_hot(merges))  # an old one and a new one of twice the size
    by_id = 256 * (merges + 8192)
    return laid_out + lists + tables + by_id + 8 * _cells(symbols + 2 * words + 1) + (1 << 20)


def _cells(slots: int) -> int:
    """How many cells add up pairs: one for 8 to 16 slots keeps most pairs that are not hot out of the table."""
    return 1 << max(10, (slots // 16).bit_length())


def _most_hot(merges: int) -> int:
    return (1 << 18) + 2 * merges


class Learner:
    """Words as symbols, and the merges made in them so far."""

    def __init__(
        self,
        text: Text,
        counts: npt.NDArray[np.int64],
        ids: npt.NDArray[np.int32],
        *,
        first: int,
        merges: int,
        max_token_length: int | None,
        threshold: int | None = None,
        most_hot: int | None = None,
    ) -> None:
        """Lay the words out.

        `ids` is int32[256], negative for bytes to leave out; the first merge makes the id `first`. `threshold` is the
        count from which pairs are listed at first, and `most_hot` how many pairs are listed at a time if there is a
        choice; they decide how fast the result comes and in how much memory, not which.
        """
        if first + merges >= HOLE:
            raise CapacityError(
                f"a vocabulary of {first + merges} tokens is too large: ids must stay below {HOLE}"
            )
        sizes = np.zeros(5, np.int64)
        measure(text.data, text.offsets, ids, sizes)
        short, short_bytes, longs, long_bytes, longest = (int(n) for n in sizes)
        slots = short_bytes + long_bytes + 2 * (short + longs) + 1
        if slots >= 1 << 32 or longest >= 1 << 31:
            raise CapacityError(
                f"{short + longs} distinct words of {short_bytes + long_bytes} bytes need {slots} slots; "
                f"learning holds at most {1 << 32} (leave out words that occur once)"
            )
        self._first = first
        self._longest = max_token_length if max_token_length is not None else 1 << 40
        self._split = short_bytes + 2 * short
        self._symbols = np.empty(slots, np.uint32)
        self._starts = np.empty(longs + 1, np.int64)
        self._owners = np.empty((slots - self._split) // LONG + 1, np.uint32)
        self._long_counts = np.empty(longs, np.int64)
        lay_out(
            text.data,
            text.offsets,
            counts,
            ids,
            self._split,
            self._symbols,
            self._starts,
            self._owners,
            self._long_counts,
        )
        self._lengths = np.ones(first + merges + 1, np.int32)
        self._around = np.zeros(4 * (first + merges + 1), np.int64)
        self._touched = np.empty(2 * (first + merges + 1), np.uint32)
        self._merges = np.zeros((merges, 2), np.int32)
        self._state = np.zeros(4, np.int64)
        self._most_hot = _most_hot(merges) if most_hot is None else most_hot
        if threshold is None:
            # Measured on 123 MB of English and 168 MB in 19 languages: with 1/64 of the mean, one or two listings do.
            weight = float(np.dot(counts.astype(np.float64), np.diff(text.offsets)))
            threshold = int(min(weight / (64 * max(merges, 1)), 1 << 62))
        self._threshold = threshold
        self._reserve = self._listed_at = 0
        self._table = self._heap = np.zeros(0, np.uint64)
        self._pool = np.zeros(0, np.uint32)

    def learn(
        self,
        *,
        min_count: int = 1,
        given: npt.NDArray[np.int32] | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> npt.NDArray[np.int32]:
        """Make as many merges as there is room for, the `given` ones first; int32[m, 2]."""
        prescribed = 0 if given is None else len(given)
        if given is not None and prescribed:
            self._merges[:prescribed] = given
            self._run(prescribed, prescribed, 1, progress)
        if prescribed < len(self._merges):
            self._run(len(self._merges), prescribed, max(min_count, 1), progress)
        return self._merges[: int(self._state[0])]

    def _run(self, until: int, given: int, floor: int, progress: Callable[[int, int], None] | None) -> None:
        """Merge until there are `until` merges or no pair occurs `floor` times."""
        self._list_pairs(max(self._threshold, floor), floor)
        while True:
            status = merge_pairs(
                until,
                given,
                _PAUSE,
                self._first,
                self._longest,
                self._threshold,
                self._split,
                self._merges,
                self._symbols,
                self._lengths,
                self._starts,
                self._owners,
                self._long_counts,
                self._table,
                self._pool,
                self._heap,
                self._around,
                self._touched,
                self._state,
            )
            if progress is not None:
                progress(int(self._state[0]), len(self._merges))
            if status == ALL_MERGED or (status == NO_PAIR and self._threshold == floor):
                return
            if status == NO_PAIR:
                # Cells overstate pairs: a threshold that they raised and no pair reached is not raised again.
                lowest = max(floor, self._threshold // 4)
                fruitful = int(self._state[0]) > self._listed_at
                self._list_pairs(lowest, max(floor, self._threshold - 1) if fruitful else lowest)
            elif status == LISTS_FULL:
                if not self._compacted():
                    self._list_pairs(self._threshold, self._threshold)
            elif status == PAIRS_FULL:
                larger = np.zeros(2 * len(self._table), np.uint64)
                enlarge_pairs(self._table, larger)
                self._table = larger
            elif status == HEAP_FULL:
                heap = np.empty(2 * len(self._heap), np.uint64)
                heap[: len(self._heap)] = self._heap
                self._heap = heap
            else:
                assert status == PAUSE, status

    def _compacted(self) -> bool:
        """Take the lists of used-up pairs out of the pool; whether that leaves room for the next merges."""
        table = self._table.reshape(-1, 4)
        slots = np.flatnonzero(table[:, 3])
        order = slots[np.argsort(table[slots, 2])]
        self._state[3] = compact_lists(self._table, order, self._threshold, self._pool)
        return int(self._state[3]) <= len(self._pool) * 3 // 4 - self._reserve

    def _list_pairs(self, threshold: int, ceiling: int) -> None:
        """Count every pair anew and list the positions of those at or above the threshold.

        The threshold is raised, up to `ceiling`, where more pairs than `most_hot` reach it.
        """
        # Released before their successors are made.
        self._table, self._heap = np.zeros(4, np.uint64), np.zeros(0, np.uint64)
        self._pool = np.zeros(0, np.uint32)
        nothing = np.zeros(0, np.uint32)
        hot = min(len(self._symbols), _BYTE_PAIRS)
        cells = np.full(1, threshold, np.int64)  # at first all pairs are counted: pairs of bytes are few
        if self._state[0]:
            cells = np.zeros(_cells(len(self._symbols)), np.int64)
            tally(
                CELLS,
                self._symbols,
                self._lengths,
                self._first,
                self._longest,
                0,
                cells,
                self._table,
                nothing,
            )
            hot = int(np.count_nonzero(cells >= threshold))
            if hot > self._most_hot and threshold < ceiling:
                threshold = min(int(np.partition(cells, -self._most_hot)[-self._most_hot]) + 1, ceiling)
                hot = int(np.count_nonzero(cells >= threshold))
        self._threshold = threshold
        walk = (self._symbols, self._lengths, self._first, self._longest, threshold, cells)
        slots = 1 << (2 * hot + 1024).bit_length()
        while True:
            table = np.zeros(4 * slots, np.uint64)
            paired = tally(COUNT, *walk, table, nothing)
            if paired == -2:
                raise CapacityError("the count of a pair passes 2^63 - 1")
            if paired >= 0:
                break
            del table
            slots *= 4
        found = np.zeros(3, np.int64)
        place_lists(table, threshold, found)
        entries, listed, longest = (int(n) for n in found)
        self._reserve = 2 * longest
        pool = np.empty(entries + max(self._reserve, entries // 2) + 1024, np.uint32)
        tally(FILL, *walk, table, pool)
        heap = np.empty(4 * listed + 4 * len(self._touched), np.uint64)
        self._state[1] = heap_of(table, heap)
        self._state[2], self._state[3] = paired, entries
        self._listed_at = int(self._state[0])
        self._table, self._pool, self._heap = table, pool, heap
