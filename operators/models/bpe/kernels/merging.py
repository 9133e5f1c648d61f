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

from pairloom.operators.kernels.jit import (
    address,
    inner,
    kernel,
    load_u32,
    load_u64,
    prefetch,
    signed,
    store_u32,
    store_u64,
)
from pairloom.operators.models.bpe.kernels.heap import add_ranked, drop_top, refresh_top, take_from
from pairloom.operators.models.bpe.kernels.limits import Rule, adopt, rejected, used_up
from pairloom.operators.models.bpe.kernels.pairs import PAIR, Bounds, find_pair
from pairloom.operators.models.bpe.kernels.symbols import (
    AHEAD,
    MARK,
    WordArrays,
    ask_for,
    join,
    places_of,
    word_count,
)

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
# What `state` holds: merges made, entries of the heap, pairs in the table, entries of the pool; and of the last merge the
# number of left neighbours, which stand at the front of `touched`, and of right ones, from its middle on.
MERGED, HEAPED, PAIRED, LISTED, LEFTS, RIGHTS = 0, 1, 2, 3, 4, 5

_ZERO = np.uint64(0)
_NO_LIST = -1


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


@inner
def _write_lists(
    text: int, sizes: int, hist: int, lists: int, own: int, kept: int, product: int, size: int
) -> None:
    """The second pass: write the lists of the pairs that arose, whose places `hist` holds; takes addresses."""
    for k in range(kept):
        prefetch(text + 4 * signed(load_u32(own + 4 * min(k + AHEAD, kept - 1))))
        at = signed(load_u32(own + 4 * k))
        left = signed(load_u32(text + 4 * at - 4))
        right = signed(load_u32(text + 4 * (at + size)))
        if left < MARK:
            entry = hist + 32 * left + 8
            cursor = signed(load_u64(entry))
            if cursor >= 0:
                store_u32(lists + 4 * cursor, np.uint32(at - signed(load_u32(sizes + 4 * left))))
                store_u64(entry, np.uint64(cursor + 1))
        if right < MARK and right != product:
            entry = hist + 32 * right + 24
            cursor = signed(load_u64(entry))
            if cursor >= 0:
                store_u32(lists + 4 * cursor, np.uint32(at))
                store_u64(entry, np.uint64(cursor + 1))


@inner
def _forget(hist: int, touched: int, n: int) -> None:
    """Clear what one side's neighbours have added up; takes addresses."""
    for k in range(n):
        entry = hist + 32 * signed(load_u32(touched + 4 * k))
        store_u64(entry, _ZERO)
        store_u64(entry + 8, _ZERO)


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
    text = places.text
    slots, lists, top = address(pairs.table), address(pairs.pool), address(pairs.heap)
    around = scratch.around
    hist, lefts = address(around), address(scratch.touched)
    rights = lefts + 4 * (len(around) // 4)
    mask = len(pairs.table) // 4 - 1
    most_paired = (mask + 1) - (mask + 1) // 4
    done, heaped, paired, listed = state[MERGED], state[HEAPED], state[PAIRED], state[LISTED]
    status, visited = ALL_MERGED, 0
    left_n = right_n = 0
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
            heaped = refresh_top(top, heaped, slots, mask, PAIR, threshold)
            if heaped == 0:
                status = NO_PAIR
                break
            key = load_u64(top + 8)
            slot = find_pair(slots, mask, key)
            n = signed(load_u64(slot + 24))
            pair = signed(key) - 1
            a, b = pair >> 32, pair & 0xFFFFFFFF
            if used_up(rule, a, b):
                heaped = drop_top(top, heaped)
                continue
        product = first + done
        arising = min(2 * n, 2 * (product + 1))
        if paired + arising > most_paired:
            status = PAIRS_FULL
            break
        if listed + 2 * n > len(pairs.pool):
            status = LISTS_FULL
            break
        if 2 * (heaped + arising) > len(pairs.heap):
            status = HEAP_FULL
            break
        if done >= given:
            heaped = drop_top(top, heaped)
            merges[done, 0], merges[done, 1] = a, b
        a_size, b_size = signed(load_u32(sizes + 4 * a)), signed(load_u32(sizes + 4 * b))
        size = a_size + b_size
        store_u32(sizes + 4 * product, np.uint32(size))
        adopt(rule, a, b, product)
        done += 1
        left_n = right_n = 0
        if n == 0:
            continue
        visited += n
        own = lists + 4 * signed(load_u64(slot + 16))
        # Used up: whatever is taken from it from now on keeps it below every threshold.
        store_u64(slot + 8, _ZERO)
        store_u64(slot + 24, _ZERO)

        # First pass: replace, and add up by neighbour. Positions that held the pair move to the front of the list.
        kept = 0
        undone = undone_n = 0
        for k in range(min(n, AHEAD)):
            ask_for(text, own, k)
        for k in range(n):
            if k + AHEAD < n:
                ask_for(text, own, k + AHEAD)
            at = signed(load_u32(own + 4 * k))
            here = text + 4 * at
            if signed(load_u32(here)) != a:
                continue
            there = here + 4 * a_size
            if signed(load_u32(there)) != b:
                continue
            after = there + 4 * b_size
            left, right = signed(load_u32(here - 4)), signed(load_u32(after))
            count = word_count(places, sizes, at)
            join(here, there, after, product)
            store_u32(own + 4 * kept, np.uint32(at))
            kept += 1
            if left < MARK:
                if left == product:
                    undone += count
                    undone_n += 1
                entry = hist + 32 * left
                number = load_u64(entry + 8)
                if number == _ZERO:
                    store_u32(lefts + 4 * left_n, np.uint32(left))
                    left_n += 1
                store_u64(entry, load_u64(entry) + np.uint64(count))
                store_u64(entry + 8, number + np.uint64(1))
            if right < MARK:
                entry = hist + 32 * right
                number = load_u64(entry + 24)
                if number == _ZERO:
                    store_u32(rights + 4 * right_n, np.uint32(right))
                    right_n += 1
                store_u64(entry + 16, load_u64(entry + 16) + np.uint64(count))
                store_u64(entry + 24, number + np.uint64(1))

        # Settle the counts: one look-up for each pair that loses and for each hot one that arises.
        fresh = 0
        for k in range(left_n + right_n):
            on_left = k < left_n
            if on_left:
                other = signed(load_u32(lefts + 4 * k))
                entry = hist + 32 * other
                losing, arisen = other << 32 | a, other << 32 | product
            else:
                other = signed(load_u32(rights + 4 * (k - left_n)))
                entry = hist + 32 * other + 16
                losing, arisen = b << 32 | other, product << 32 | other
            weight, number = signed(load_u64(entry)), signed(load_u64(entry + 8))
            if other != product:
                loser = find_pair(slots, mask, np.uint64(losing + 1))
                if load_u64(loser) != _ZERO:
                    take_from(loser, weight)
            if not on_left and other == a:
                weight -= undone
                number -= undone_n
            cursor = _NO_LIST
            first_id, second_id = (other, product) if on_left else (product, other)
            if (
                weight >= threshold
                and size + signed(load_u32(sizes + 4 * other)) < longest
                and not rejected(rule, first_id, second_id)
            ):
                key = np.uint64(arisen + 1)
                newcomer = find_pair(slots, mask, key)
                store_u64(newcomer + 16, np.uint64(listed))
                store_u64(newcomer + 24, np.uint64(number))
                add_ranked(newcomer, top, heaped, key, weight)
                heaped += 1
                paired += 1
                cursor = listed
                listed += number
                fresh += 1
            store_u64(entry + 8, np.uint64(cursor))

        if fresh:
            _write_lists(text, sizes, hist, lists, own, kept, product, size)
        _forget(hist, lefts, left_n)
        _forget(hist + 16, rights, right_n)
    state[MERGED], state[HEAPED], state[PAIRED], state[LISTED] = done, heaped, paired, listed
    state[LEFTS], state[RIGHTS] = left_n, right_n
    return status
