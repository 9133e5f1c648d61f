"""The merge loop of groups: the one that is worst off says which pair is merged, and it is merged in all of them.

Each group has words, a table of all its pairs with their positions, and a heap of those that occur there `hot` times. How many
tokens a group takes is known after every merge, and compared with how much it says by products of 128 bits, so that nothing
is rounded.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pairloom.operators.kernels.jit import (
    address,
    inner,
    kernel,
    load_u32,
    load_u64,
    signed,
    store_u32,
    store_u64,
)
from pairloom.operators.models.bpe.kernels.heap import drop_top, refresh_top, sift_down
from pairloom.operators.models.bpe.kernels.limits import Rule, adopt, used_up
from pairloom.operators.models.bpe.kernels.merging import Goal, Scratch
from pairloom.operators.models.bpe.kernels.pairs import PAIR, Bounds, find_pair
from pairloom.operators.models.bpe.kernels.replacing import HEAPED, LISTED, PAIRED, Merge, Room, replace_pair
from pairloom.operators.models.bpe.kernels.symbols import Places
from pairloom.operators.models.bpe.kernels.turns import Turns, chosen_group, take_turn

__all__ = [
    "ALL_CLOSED",
    "ALL_MERGED",
    "COLUMNS",
    "GROUP",
    "HEAP_FULL",
    "LISTS_FULL",
    "MADE",
    "NO_HOT_PAIR",
    "PAIRS_FULL",
    "PAUSE",
    "TURN",
    "Groups",
    "heap_above",
    "merge_in_groups",
]

# How `merge_in_groups` ends; all but the first two and the last are about the group `state[GROUP]`.
ALL_MERGED, PAUSE, NO_HOT_PAIR, PAIRS_FULL, LISTS_FULL, HEAP_FULL, ALL_CLOSED = 0, 1, 2, 3, 4, 5, 6
# What its `state` holds: merges made, a group, and how many were chosen so far.
MADE, GROUP, TURN = 0, 1, 2
# The columns of `views`: the words' arrays, table, mask, pool and its length, heap and its length, and the group's state.
_TEXT, _SPLIT, _STARTS, _OWNERS, _COUNTS, _SLOTS, _MASK, _LISTS, _POOL, _TOP, _HEAP, _STATE = range(12)
COLUMNS = 12


class Groups(NamedTuple):
    """The groups: `views` (int64[g, COLUMNS]) has addresses and sizes of each, `hot` (int64[g]) the counts that are ranked.

    Those `closed` (bool[g]) have no pair that is worth a merge. `tokens` and `units` (int64[g]) are what each takes and says.
    `slots` (int64[g]) is room for where a pair is.
    """

    views: npt.NDArray[np.int64]
    hot: npt.NDArray[np.int64]
    closed: npt.NDArray[np.bool_]
    tokens: npt.NDArray[np.int64]
    units: npt.NDArray[np.int64]
    slots: npt.NDArray[np.int64]


@inner
def _short_of(groups: Groups, product: int) -> tuple[int, int]:
    """What a group lacks for a merge, and which group; ALL_MERGED where none lacks anything."""
    for one in range(len(groups.closed)):
        n = signed(load_u64(groups.slots[one] + 24))
        view = groups.views[one]
        state, places = view[_STATE], view[_MASK] + 1
        arising = min(2 * n, 2 * (product + 1))
        if signed(load_u64(state + 8 * PAIRED)) + arising > places - places // 4:
            return PAIRS_FULL, one
        if signed(load_u64(state + 8 * LISTED)) + 2 * n > view[_POOL]:
            return LISTS_FULL, one
        if 2 * (signed(load_u64(state + 8 * HEAPED)) + arising) > view[_HEAP]:
            return HEAP_FULL, one
    return ALL_MERGED, 0


@kernel
def merge_in_groups(
    goal: Goal,
    bounds: Bounds,
    merges: npt.NDArray[np.int32],
    lengths: npt.NDArray[np.int32],
    groups: Groups,
    turns: Turns,
    scratch: Scratch,
    rule: Rule,
    state: npt.NDArray[np.int64],
) -> int:
    """Merge until the goal is reached, or something is missing; `state` is int64[3].

    `merges` is int32[wanted, 2]; merge k makes the id `bounds.first + k`. Returns ALL_MERGED; PAUSE; NO_HOT_PAIR (the chosen
    group has none left that occurs `hot` times); PAIRS_FULL, LISTS_FULL, HEAP_FULL (make room, call again); ALL_CLOSED.
    """
    sizes, lefts, hist = address(lengths), address(scratch.touched), address(scratch.around)
    rights = lefts + 4 * (len(scratch.around) // 4)
    visited = 0
    while state[MADE] < goal.wanted:
        if visited > goal.pause:
            return PAUSE
        made = state[MADE]
        a, b, chosen, heaped, top = signed(merges[made, 0]), signed(merges[made, 1]), -1, 0, 0
        if made >= goal.given:
            chosen = chosen_group(groups, turns)
            if chosen < 0:
                return ALL_CLOSED
            state[GROUP] = chosen
            view = groups.views[chosen]
            top, own = view[_TOP], view[_STATE]
            heaped = signed(load_u64(own + 8 * HEAPED))
            heaped = refresh_top(top, heaped, view[_SLOTS], view[_MASK], PAIR, groups.hot[chosen])
            store_u64(own + 8 * HEAPED, np.uint64(heaped))
            if heaped == 0:
                return NO_HOT_PAIR
            pair = signed(load_u64(top + 8)) - 1
            a, b = pair >> 32, pair & 0xFFFFFFFF
            if used_up(rule, a, b):
                store_u64(own + 8 * HEAPED, np.uint64(drop_top(top, heaped)))
                continue
        product = bounds.first + made
        key = np.uint64((a << 32 | b) + 1)
        for one in range(len(groups.closed)):
            view = groups.views[one]
            groups.slots[one] = find_pair(view[_SLOTS], view[_MASK], key)
        missing, one = _short_of(groups, product)
        if missing != ALL_MERGED:
            state[GROUP] = one
            return missing
        if chosen >= 0:
            store_u64(groups.views[chosen, _STATE] + 8 * HEAPED, np.uint64(drop_top(top, heaped)))
            merges[made, 0], merges[made, 1] = a, b
            take_turn(turns, state[TURN], chosen)
            state[TURN] += 1
        size = signed(load_u32(sizes + 4 * a)) + signed(load_u32(sizes + 4 * b))
        store_u32(sizes + 4 * product, np.uint32(size))
        adopt(rule, a, b, product)
        state[MADE] = made + 1
        for one in range(len(groups.closed)):
            slot = groups.slots[one]
            n = signed(load_u64(slot + 24))
            if n == 0:
                continue
            visited += n
            view = groups.views[one]
            places = Places(view[_TEXT], view[_SPLIT], view[_STARTS], view[_OWNERS], view[_COUNTS])
            room = Room(
                sizes,
                view[_SLOTS],
                view[_MASK],
                view[_LISTS],
                view[_TOP],
                hist,
                lefts,
                rights,
                1,
                groups.hot[one],
                bounds.longest,
                view[_STATE],
            )
            groups.tokens[one] -= replace_pair(Merge(a, b, product, slot, n), places, room, rule)
    return ALL_MERGED


@kernel
def heap_above(table: npt.NDArray[np.uint64], hot: int, heap: npt.NDArray[np.uint64]) -> int:
    """Make a heap (count, key) of the pairs of a table that occur `hot` times; returns how many. There is room for them."""
    base, size = address(heap), 0
    for i in range(0, len(table), 4):
        if signed(table[i + 1]) >= hot and table[i + 3]:
            heap[2 * size], heap[2 * size + 1] = table[i + 1], table[i]
            size += 1
    for at in range((size - 2) >> 2, -1, -1):
        sift_down(base, size, at, load_u64(base + 16 * at), load_u64(base + 16 * at + 8))
    return size
