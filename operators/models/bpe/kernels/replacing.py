"""One merge: the pair is replaced wherever it stands, the counts of its neighbours settled, and what arises is listed."""

from typing import NamedTuple

import numpy as np

from pairloom.operators.kernels.jit import (
    inner,
    load_u32,
    load_u64,
    prefetch,
    signed,
    store_u32,
    store_u64,
)
from pairloom.operators.models.bpe.kernels.heap import push, take_from
from pairloom.operators.models.bpe.kernels.limits import Rule, rejected
from pairloom.operators.models.bpe.kernels.pairs import find_pair
from pairloom.operators.models.bpe.kernels.symbols import AHEAD, MARK, Places, ask_for, join, word_count

__all__ = ["HEAPED", "LEFTS", "LISTED", "MERGED", "PAIRED", "RIGHTS", "Merge", "Room", "replace_pair"]

# What `state` holds: merges made, entries of the heap, pairs in the table, entries of the pool; and of the last merge the
# number of left neighbours, which stand at the front of `touched`, and of right ones, from its middle on.
MERGED, HEAPED, PAIRED, LISTED, LEFTS, RIGHTS = 0, 1, 2, 3, 4, 5

_ZERO = np.uint64(0)
_NO_LIST = -1


class Merge(NamedTuple):
    """The tokens `a` and `b` become `product`; `slot` is the address of the pair in the table, `n` how long its list is."""

    a: int
    b: int
    product: int
    slot: int
    n: int


class Room(NamedTuple):
    """Addresses: the sizes of tokens; of the pairs the table, its mask, the pool and the heap; and what a merge adds up in.

    Pairs that arise are listed where they occur `threshold` times and are shorter than `longest`, and ranked where they occur
    `hot` times. `state` is int64[6].
    """

    sizes: int
    slots: int
    mask: int
    lists: int
    top: int
    hist: int
    lefts: int
    rights: int
    threshold: int
    hot: int
    longest: int
    state: int


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


@inner
def replace_pair(merge: Merge, places: Places, room: Room, rule: Rule) -> int:
    """Make a merge; how often the pair was replaced, weighted.

    There must be room for what arises. The size of the product is known already. Pairs that `rule` rejects are not listed.
    """
    a, b, product, slot, n = merge
    sizes, slots, mask, lists, top, hist, lefts, rights, threshold, hot, longest, state = room
    text = places.text
    heaped = signed(load_u64(state + 8 * HEAPED))
    paired, listed = signed(load_u64(state + 8 * PAIRED)), signed(load_u64(state + 8 * LISTED))
    a_size, b_size = signed(load_u32(sizes + 4 * a)), signed(load_u32(sizes + 4 * b))
    size = a_size + b_size
    left_n = right_n = 0
    merged = 0
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
        merged += count
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
            store_u64(newcomer, key)
            store_u64(newcomer + 8, np.uint64(weight))
            if weight >= hot:
                push(top, heaped, np.uint64(weight), key)
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
    store_u64(state + 8 * HEAPED, np.uint64(heaped))
    store_u64(state + 8 * PAIRED, np.uint64(paired))
    store_u64(state + 8 * LISTED, np.uint64(listed))
    store_u64(state + 8 * LEFTS, np.uint64(left_n))
    store_u64(state + 8 * RIGHTS, np.uint64(right_n))
    return merged
