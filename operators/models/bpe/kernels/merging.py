"""The merge loop: pop the most frequent pair, replace it everywhere, count the pairs that arise.

One merge (a, b) -> X touches only pairs next to it: (u, a), (b, v) lose and (u, X), (X, v) gain what stood there. The first
pass over the pair's positions replaces it and adds the counts up by neighbour; then each neighbour costs one look-up
instead of one a position. A pair with X arises in this merge only, so that its list of positions is complete and of known
length: the second pass writes it. Positions that have been overtaken by other merges stay in the lists and are recognized,
because no slot ever holds the same id again.

Overlaps go from left to right as in Hugging Face's `Word::merge`: in "abab" the first merge gives (X, a), which the second
takes away again (`undone`).
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pairloom.operators.kernels.jit import address, kernel, load_u32, load_u64, signed, store_u32
from pairloom.operators.models.bpe.kernels.heap import drop_top, refresh_top
from pairloom.operators.models.bpe.kernels.limits import Rule, adopt, used_up
from pairloom.operators.models.bpe.kernels.pairs import PAIR, Bounds, find_pair
from pairloom.operators.models.bpe.kernels.replacing import (
    HEAPED,
    LEFTS,
    LISTED,
    MERGED,
    PAIRED,
    RIGHTS,
    Merge,
    Room,
    replace_pair,
)
from pairloom.operators.models.bpe.kernels.symbols import WordArrays, places_of

__all__ = [
    "ALL_MERGED",
    "HEAPED",
    "HEAP_FULL",
    "LEFTS",
    "LISTED",
    "LISTS_FULL",
    "MERGED",
    "NO_PAIR",
    "PAIRED",
    "PAIRS_FULL",
    "PAUSE",
    "RIGHTS",
    "Goal",
    "Pairs",
    "Scratch",
    "merge_pairs",
]

# How `merge_pairs` ends.
ALL_MERGED, PAUSE, NO_PAIR, PAIRS_FULL, LISTS_FULL, HEAP_FULL = 0, 1, 2, 3, 4, 5


class Goal(NamedTuple):
    """When to stop: after `wanted` merges in all, of which the first `given` are prescribed, or `pause` positions visited."""

    wanted: int
    given: int
    pause: int


class Pairs(NamedTuple):
    """The table of pairs and the pool of their positions (`pairs.py`), and the heap over them (`heap.py`)."""

    table: npt.NDArray[np.uint64]
    pool: npt.NDArray[np.uint32]
    heap: npt.NDArray[np.uint64]


class Scratch(NamedTuple):
    """Room for what stands around a merge.

    `around` is int64[4 * ids], zero between merges: weight and number of each left neighbour, weight and number of each
    right one. `touched` is uint32[2 * ids], the neighbours.
    """

    around: npt.NDArray[np.int64]
    touched: npt.NDArray[np.uint32]


@kernel
def merge_pairs(
    goal: Goal,
    bounds: Bounds,
    merges: npt.NDArray[np.int32],
    words: WordArrays,
    lengths: npt.NDArray[np.int32],
    pairs: Pairs,
    scratch: Scratch,
    rule: Rule,
    state: npt.NDArray[np.int64],
) -> int:
    """Merge until the goal is reached, or something is missing.

    `merges` is int32[wanted, 2]; merge k makes the id `bounds.first + k`. `lengths` are the slots of each token. Pairs that
    `rule` rejects are not listed. `state` is int64[6].
    Returns ALL_MERGED; PAUSE; NO_PAIR (no hot pair is left, or a prescribed one is not listed: lower the threshold);
    PAIRS_FULL, LISTS_FULL, HEAP_FULL (enlarge, call again).
    """
    wanted, given, pause = goal.wanted, goal.given, goal.pause
    first, longest, threshold = bounds.first, bounds.longest, bounds.threshold
    places, sizes = places_of(words), address(lengths)
    slots, top, lefts = address(pairs.table), address(pairs.heap), address(scratch.touched)
    mask = len(pairs.table) // 4 - 1
    room = Room(
        sizes,
        slots,
        mask,
        address(pairs.pool),
        top,
        address(scratch.around),
        lefts,
        lefts + 4 * (len(scratch.around) // 4),
        threshold,
        threshold,
        longest,
        address(state),
    )
    most_paired = (mask + 1) - (mask + 1) // 4
    done = state[MERGED]
    status, visited = ALL_MERGED, 0
    while done < wanted:
        if visited > pause:
            status = PAUSE
            break
        if done < given:
            a, b = signed(merges[done, 0]), signed(merges[done, 1])
            slot = find_pair(slots, mask, np.uint64((a << 32 | b) + 1))
            n = signed(load_u64(slot + 24))
            if n == 0 and threshold > 1:
                status = NO_PAIR
                break
        else:
            state[HEAPED] = refresh_top(top, state[HEAPED], slots, mask, PAIR, threshold)
            if state[HEAPED] == 0:
                status = NO_PAIR
                break
            key = load_u64(top + 8)
            slot = find_pair(slots, mask, key)
            n = signed(load_u64(slot + 24))
            pair = signed(key) - 1
            a, b = pair >> 32, pair & 0xFFFFFFFF
            if used_up(rule, a, b):
                state[HEAPED] = drop_top(top, state[HEAPED])
                continue
        product = first + done
        arising = min(2 * n, 2 * (product + 1))
        if state[PAIRED] + arising > most_paired:
            status = PAIRS_FULL
            break
        if state[LISTED] + 2 * n > len(pairs.pool):
            status = LISTS_FULL
            break
        if 2 * (state[HEAPED] + arising) > len(pairs.heap):
            status = HEAP_FULL
            break
        if done >= given:
            state[HEAPED] = drop_top(top, state[HEAPED])
            merges[done, 0], merges[done, 1] = a, b
        size = signed(load_u32(sizes + 4 * a)) + signed(load_u32(sizes + 4 * b))
        store_u32(sizes + 4 * product, np.uint32(size))
        adopt(rule, a, b, product)
        done += 1
        state[LEFTS] = state[RIGHTS] = 0
        if n == 0:
            continue
        visited += n
        replace_pair(Merge(a, b, product, slot, n), places, room, rule)
    state[MERGED] = done
    return status
