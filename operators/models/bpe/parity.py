"""Learning merges for groups that are to be treated alike: parity-aware BPE (Foroutan et al., 2025).

words of each group ──▶ symbols of each, and all its pairs ──▶ merges, each for the group that is worst off
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import lcm

import numpy as np
import numpy.typing as npt

from pairloom.operators.counts import WordCounts
from pairloom.operators.errors import CapacityError, RecipeError
from pairloom.operators.learners import Parity
from pairloom.operators.models.bpe.kernels.limits import Rule
from pairloom.operators.models.bpe.kernels.merging import Goal, Scratch
from pairloom.operators.models.bpe.kernels.pairs import (
    COUNT,
    FILL,
    OVERFLOW,
    Bounds,
    Lists,
    compact_lists,
    enlarge_pairs,
    place_lists,
    tally,
)
from pairloom.operators.models.bpe.kernels.parity import (
    ALL_CLOSED,
    ALL_MERGED,
    COLUMNS,
    GROUP,
    HEAP_FULL,
    LISTS_FULL,
    MADE,
    NO_HOT_PAIR,
    PAIRS_FULL,
    Groups,
    heap_above,
    merge_in_groups,
)
from pairloom.operators.models.bpe.kernels.replacing import HEAPED, LISTED, PAIRED
from pairloom.operators.models.bpe.kernels.symbols import HOLE
from pairloom.operators.models.bpe.kernels.turns import Turns
from pairloom.operators.models.bpe.layout import Layout
from pairloom.operators.models.bpe.limits import NO_LIMITS, PairLimits, TokenFacts
from pairloom.operators.text.arrays import text_of

__all__ = ["Group", "GroupLearner", "group_amounts", "group_sizes", "text_size"]

# Positions visited between two reports of progress.
_PAUSE = 1 << 20
# Counts of tokens and units are int64 in kernels.
_MOST = (1 << 63) - 1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Group:
    """A group's words, laid out, how many tokens they are before the first merge, and how much it says."""

    layout: Layout
    tokens: int
    units: int


def group_amounts(sizes: Mapping[str | None, int], parity: Parity) -> list[int]:
    """How much each group says, in whole numbers of one unit, of the `sizes` of all groups in `parity.unit`.

    Raises RecipeError where amounts are given for other groups than these.
    """
    if not parity.amounts:
        return [*sizes.values()]
    given = dict(parity.amounts)
    if wrong := [name for name in given if name not in sizes]:
        raise RecipeError(f"vocabulary.parity.amounts has {wrong[0]!r}, which no document is of: remove it")
    if left := [name for name in sizes if name not in given]:
        raise RecipeError(f"vocabulary.parity.amounts has none for the group {left[0]!r}: add it")
    scale = lcm(*(amount.denominator for amount in given.values()))
    return [int(given[name] * scale) for name in sizes if name is not None]


def group_sizes(groups: Mapping[str | None, WordCounts], parity: Parity) -> dict[str | None, int]:
    """How much text each group has, in `parity.unit`."""
    characters = parity.unit == "characters"
    return {name: text_size(one, characters=characters) for name, one in groups.items()}


def text_size(counts: WordCounts, *, characters: bool = False) -> int:
    """The bytes of words, or their characters, each word as often as it occurs."""
    text = text_of(counts.words)
    lengths = np.diff(text.offsets)
    if characters:
        begins = np.concatenate([[0], np.cumsum((text.data & 0xC0) != 0x80)])
        lengths = np.diff(begins[text.offsets])
    return (int(np.dot(counts.counts >> 32, lengths)) << 32) + int(
        np.dot(counts.counts & 0xFFFFFFFF, lengths)
    )


@dataclass(slots=True, kw_only=True, eq=False)
class _Pairs:
    """All pairs of a group: where each is, how often, and a heap of those that occur `hot` times."""

    layout: Layout
    lengths: npt.NDArray[np.int32]
    bounds: Bounds
    hot: int
    state: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(6, np.int64))
    table: npt.NDArray[np.uint64] = field(default_factory=lambda: np.zeros(1 << 14, np.uint64))
    pool: npt.NDArray[np.uint32] = field(default_factory=lambda: np.zeros(0, np.uint32))
    heap: npt.NDArray[np.uint64] = field(default_factory=lambda: np.zeros(0, np.uint64))
    reserve: int = 0

    @property
    def view(self) -> list[int]:
        """Its row of `views`."""
        words = self.layout.words
        arrays = (words.starts, words.owners, words.counts, self.table)
        addresses = [int(array.ctypes.data) for array in arrays]
        table = [len(self.table) // 4 - 1, int(self.pool.ctypes.data), len(self.pool)]
        heap = [int(self.heap.ctypes.data), len(self.heap), int(self.state.ctypes.data)]
        return [int(words.symbols.ctypes.data), words.split, *addresses, *table, *heap]

    def count(self, rule: Rule) -> None:
        """Count every pair anew and list where it is."""
        symbols, nothing = self.layout.words.symbols, np.zeros(0, np.uint32)
        walk = (symbols, self.lengths, self.bounds, np.ones(1, np.int64), rule)
        slots = max(1 << 12, len(self.table) // 16)
        self.table, self.pool, self.heap = np.zeros(4, np.uint64), nothing, np.zeros(0, np.uint64)
        while True:
            table = np.zeros(4 * slots, np.uint64)
            paired = tally(COUNT, *walk, Lists(table, nothing))
            if paired == OVERFLOW:
                raise CapacityError("the count of a pair passes 2^63 - 1")
            if 0 <= paired <= slots // 2:
                break
            del table
            slots *= 2
        found = np.zeros(3, np.int64)
        place_lists(table, 1, found)
        entries, self.reserve = int(found[0]), 2 * int(found[2])
        self.table, self.pool = table, np.empty(entries + max(self.reserve, entries // 2) + 1024, np.uint32)
        tally(FILL, *walk, Lists(table, self.pool))
        table[2::4] -= table[3::4]
        self.state[PAIRED], self.state[LISTED] = paired, entries
        self.rank()

    def rank(self) -> None:
        """Make the heap anew."""
        ranked = int(np.count_nonzero((self.table[1::4].view(np.int64) >= self.hot) & (self.table[3::4] > 0)))
        self.heap = np.empty(4 * ranked + 8192, np.uint64)
        self.state[HEAPED] = heap_above(self.table, self.hot, self.heap)

    def enlarge(self, rule: Rule) -> None:
        """Room for more pairs: a larger table, or one without those that are used up."""
        counts = self.table[1::4].view(np.int64)
        if 2 * np.count_nonzero(counts > 0) < self.state[PAIRED]:
            self.count(rule)
            return
        larger = np.zeros(2 * len(self.table), np.uint64)
        enlarge_pairs(self.table, larger)
        self.table = larger

    def compact(self, rule: Rule) -> None:
        """Room for more positions: without those of pairs that are used up, or all anew."""
        table = self.table.reshape(-1, 4)
        slots = np.flatnonzero(table[:, 3])
        order = slots[np.argsort(table[slots, 2])]
        symbols = self.layout.words.symbols
        self.state[LISTED] = compact_lists(self.table, order, 1, symbols, self.lengths, self.pool)
        if int(self.state[LISTED]) > len(self.pool) * 3 // 4 - self.reserve:
            self.count(rule)

    def raise_heap(self) -> None:
        """Room for more pairs that are hot."""
        heap = np.empty(2 * len(self.heap), np.uint64)
        heap[: len(self.heap)] = self.heap
        self.heap = heap


class GroupLearner:
    """The words of groups as symbols, and the merges made in them so far."""

    def __init__(
        self,
        groups: Sequence[Group],
        *,
        first: int,
        merges: int,
        window: int = 0,
        max_token_length: int | None = None,
        limits: PairLimits | None = None,
        hot: int | None = None,
    ) -> None:
        """Begin with words that are laid out, which this learner changes; options as those of `Learner`.

        `hot` is the count from which pairs are ranked at first; it decides how fast the result comes, not which.
        """
        if first + merges >= HOLE:
            raise CapacityError(
                f"a vocabulary of {first + merges} tokens is too large: ids must stay below {HOLE}"
            )
        ids = first + merges + 1
        longest = max_token_length if max_token_length is not None else 1 << 40
        self._bounds = Bounds(first, longest, 1)
        self._facts = None if limits is None else TokenFacts.of(limits, ids)
        self._rule = NO_LIMITS if self._facts is None else self._facts.rule
        self._lengths = np.ones(ids, np.int32)
        self._scratch = Scratch(around=np.zeros(4 * ids, np.int64), touched=np.empty(2 * ids, np.uint32))
        self._merges = np.zeros((merges, 2), np.int32)
        self._state = np.zeros(3, np.int64)
        self._turns = Turns(last=np.zeros(window, np.int64), times=np.zeros(len(groups), np.int64))
        if any(max(group.tokens, group.units) > _MOST for group in groups):
            raise CapacityError("the text of a group passes 2^63 - 1 tokens or units")
        self._tokens = np.array([group.tokens for group in groups], np.int64)
        self._units = np.array([group.units for group in groups], np.int64)
        self._pairs = [
            _Pairs(
                layout=group.layout,
                lengths=self._lengths,
                bounds=self._bounds,
                hot=max(1, group.tokens // (64 * max(merges, 1))) if hot is None else hot,
            )
            for group in groups
        ]

    @property
    def tokens(self) -> list[int]:
        """How many tokens each group takes, as merged so far."""
        return [int(n) for n in self._tokens]

    def learn(
        self,
        *,
        min_count: int = 1,
        given: npt.NDArray[np.int32] | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> npt.NDArray[np.int32]:
        """Make as many merges as there is room for, the `given` ones first; int32[m, 2]."""
        done = 0 if given is None else len(given)
        if given is not None:
            self._merges[:done] = given
        floor = max(min_count, 1)
        for pairs in self._pairs:
            pairs.hot = max(pairs.hot, floor)
            pairs.count(self._rule)
        closed = np.zeros(len(self._pairs), np.bool_)
        goal = Goal(len(self._merges), done, _PAUSE)
        while True:
            groups = Groups(
                views=np.array([pairs.view for pairs in self._pairs], np.int64).reshape(-1, COLUMNS),
                hot=np.array([pairs.hot for pairs in self._pairs], np.int64),
                closed=closed,
                tokens=self._tokens,
                units=self._units,
                slots=np.zeros(len(self._pairs), np.int64),
            )
            status = merge_in_groups(
                goal,
                self._bounds,
                self._merges,
                self._lengths,
                groups,
                self._turns,
                self._scratch,
                self._rule,
                self._state,
            )
            if progress is not None:
                progress(int(self._state[MADE]), len(self._merges))
            if status in (ALL_MERGED, ALL_CLOSED):
                return self._merges[: int(self._state[MADE])]
            group = int(self._state[GROUP])
            if status == NO_HOT_PAIR and self._pairs[group].hot == floor:
                closed[group] = True
            else:
                self._make_room(self._pairs[group], status, floor)

    def _make_room(self, pairs: _Pairs, status: int, floor: int) -> None:
        if status == NO_HOT_PAIR:
            pairs.hot = max(floor, pairs.hot // 4)
            pairs.rank()
        elif status == PAIRS_FULL:
            pairs.enlarge(self._rule)
        elif status == LISTS_FULL:
            pairs.compact(self._rule)
        elif status == HEAP_FULL:
            pairs.raise_heap()
