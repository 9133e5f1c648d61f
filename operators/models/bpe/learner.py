"""The arrays of the merge loop, and what happens between two calls of its kernel."""

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

from pairloom.operators.errors import CapacityError
from pairloom.operators.models.bpe.kernels.heap import heap_of
from pairloom.operators.models.bpe.kernels.merging import (
    ALL_MERGED,
    HEAP_FULL,
    HEAPED,
    LEFTS,
    LISTED,
    LISTS_FULL,
    MERGED,
    NO_PAIR,
    PAIRED,
    PAIRS_FULL,
    PAUSE,
    RIGHTS,
    Goal,
    Pairs,
    Scratch,
    merge_pairs,
)
from pairloom.operators.models.bpe.kernels.pairs import (
    CELLS,
    COUNT,
    FILL,
    OVERFLOW,
    PAIR,
    Bounds,
    Lists,
    compact_lists,
    enlarge_pairs,
    look_up_pairs,
    place_lists,
    tally,
)
from pairloom.operators.models.bpe.kernels.symbols import HOLE
from pairloom.operators.models.bpe.layout import Layout
from pairloom.operators.models.bpe.limits import NO_LIMITS, PairLimits, TokenFacts

__all__ = ["Learner", "memory"]

# Positions visited between two reports of progress: about 50 ms.
_PAUSE = 1 << 20
# Pairs of bytes that a corpus in many languages has, about.
_BYTE_PAIRS = 1 << 14


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
        layout: Layout,
        *,
        first: int,
        merges: int,
        max_token_length: int | None = None,
        limits: PairLimits | None = None,
        threshold: int | None = None,
        most_hot: int | None = None,
    ) -> None:
        """Begin with words that are laid out, which this learner changes.

        The first merge makes the id `first`; `limits` are on what merges make. `threshold` is the count from which pairs
        are listed at first, and `most_hot` how many pairs are listed at a time if there is a choice; they decide how
        fast the result comes and in how much memory, not which.
        """
        if first + merges >= HOLE:
            raise CapacityError(
                f"a vocabulary of {first + merges} tokens is too large: ids must stay below {HOLE}"
            )
        self._first = first
        self._longest = max_token_length if max_token_length is not None else 1 << 40
        self._few = layout.few
        self._words = layout.words
        self._facts = None if limits is None else TokenFacts.of(limits, first + merges + 1)
        self._rule = NO_LIMITS if self._facts is None else self._facts.rule
        self._lengths = np.ones(first + merges + 1, np.int32)
        self._scratch = Scratch(
            around=np.zeros(4 * (first + merges + 1), np.int64),
            touched=np.empty(2 * (first + merges + 1), np.uint32),
        )
        self._merges = np.zeros((merges, 2), np.int32)
        self._state = np.zeros(6, np.int64)
        self._most_hot = _most_hot(merges) if most_hot is None else most_hot
        if threshold is None:
            # Measured on 123 MB of English and 168 MB in 19 languages: with 1/64 of the mean, one or two listings do.
            threshold = int(min(layout.weight / (64 * max(merges, 1)), 1 << 62))
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
        return self._merges[: int(self._state[MERGED])]

    def replay(
        self, given: npt.NDArray[np.int32]
    ) -> Iterator[tuple[int, npt.NDArray[np.uint64], npt.NDArray[np.int64]]]:
        """Make the given merges one by one; `replay.py` says what comes of it.

        Yields (count, keys, counts): how often the merged pair occurred, and which pairs (left << 32 | right, ascending)
        have another count than before, and which; first of all, before any merge, every pair there is.
        """
        self._merges[: len(given)] = given
        self._list_pairs(1, 1)
        table = self._table.reshape(-1, 4)
        found = table[table[:, 0] != 0]
        order = np.argsort(found[:, 0])
        yield 0, found[order, 0] - np.uint64(1), found[order, 1].astype(np.int64)
        wide = len(self._scratch.touched) // 2
        for k, (left, right) in enumerate(given.astype(np.uint64)):
            own = np.array([left << np.uint64(32) | right], np.uint64)
            count = self._counts(own)
            self._merge(k + 1, len(given), 1)
            if not count[0]:
                yield 0, own[:0], count[:0]
                continue
            lefts = self._scratch.touched[: self._state[LEFTS]].astype(np.uint64) << np.uint64(32)
            rights = self._scratch.touched[wide : wide + self._state[RIGHTS]].astype(np.uint64)
            product = np.uint64(self._first + k)
            gone = np.concatenate([lefts | left, right << np.uint64(32) | rights])
            new = np.concatenate([lefts | product, product << np.uint64(32) | rights])
            # A neighbour that is the product itself lost no pair with the old token, and where runs overlapped a new
            # pair may have come and gone.
            gone = gone[(gone >> np.uint64(32) < product) & (gone & np.uint64(0xFFFFFFFF) < product)]
            new = np.unique(new)
            new = new[self._counts(new) > 0]
            keys = np.unique(np.concatenate([own, gone, new]))
            counts = self._counts(keys)
            counts[keys == own[0]] = 0
            yield int(count[0]), keys, counts

    @property
    def _bounds(self) -> Bounds:
        return Bounds(self._first, self._longest, self._threshold)

    def _counts(self, keys: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
        counts = np.empty(len(keys), np.int64)
        look_up_pairs(self._table, keys, counts)
        return counts

    def _run(self, until: int, given: int, floor: int, progress: Callable[[int, int], None] | None) -> None:
        """List pairs, then merge until there are `until` merges or no pair occurs `floor` times."""
        self._list_pairs(max(self._threshold, floor), floor)
        self._merge(until, given, floor, progress)

    def _merge(
        self, until: int, given: int, floor: int, progress: Callable[[int, int], None] | None = None
    ) -> None:
        while True:
            status = merge_pairs(
                Goal(until, given, _PAUSE),
                self._bounds,
                self._merges,
                self._words,
                self._lengths,
                Pairs(self._table, self._pool, self._heap),
                self._scratch,
                self._rule,
                self._state,
            )
            if progress is not None:
                progress(int(self._state[MERGED]), len(self._merges))
            if status == ALL_MERGED or (status == NO_PAIR and self._threshold == floor):
                return
            if status == NO_PAIR:
                # Cells overstate pairs: a threshold that they raised and no pair reached is not raised again.
                lowest = max(floor, self._threshold // 4)
                fruitful = int(self._state[MERGED]) > self._listed_at
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
        self._state[LISTED] = compact_lists(
            self._table, order, self._threshold, self._words.symbols, self._lengths, self._pool
        )
        return int(self._state[LISTED]) <= len(self._pool) * 3 // 4 - self._reserve

    def _list_pairs(self, threshold: int, ceiling: int) -> None:
        """Count every pair anew and list the positions of those at or above the threshold.

        The threshold is raised, up to `ceiling`, where more pairs than `most_hot` reach it.
        """
        # Released before their successors are made.
        self._table, self._heap = np.zeros(4, np.uint64), np.zeros(0, np.uint64)
        self._pool = np.zeros(0, np.uint32)
        nothing = np.zeros(0, np.uint32)
        hot = min(len(self._words.symbols), _BYTE_PAIRS)
        cells = np.full(1, threshold, np.int64)  # pairs of bytes are few, and all of them are counted
        if self._state[MERGED] or not self._few:
            cells = np.zeros(_cells(len(self._words.symbols)), np.int64)
            every = Bounds(self._first, self._longest, 0)
            lists = Lists(self._table, nothing)
            tally(CELLS, self._words.symbols, self._lengths, every, cells, self._rule, lists)
            hot = int(np.count_nonzero(cells >= threshold))
            if hot > self._most_hot and threshold < ceiling:
                threshold = min(int(np.partition(cells, -self._most_hot)[-self._most_hot]) + 1, ceiling)
                hot = int(np.count_nonzero(cells >= threshold))
        self._threshold = threshold
        walk = (self._words.symbols, self._lengths, self._bounds, cells, self._rule)
        slots = 1 << (2 * hot + 1024).bit_length()
        while True:
            table = np.zeros(4 * slots, np.uint64)
            paired = tally(COUNT, *walk, Lists(table, nothing))
            if paired == OVERFLOW:
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
        tally(FILL, *walk, Lists(table, pool))
        heap = np.empty(4 * listed + 4 * len(self._scratch.touched), np.uint64)
        self._state[HEAPED] = heap_of(table, heap)
        self._state[PAIRED], self._state[LISTED] = paired, entries
        self._listed_at = int(self._state[MERGED])
        self._table, self._pool, self._heap = table, pool, heap
