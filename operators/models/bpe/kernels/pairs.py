"""Which pairs of adjacent tokens there are, how often, and where: the table that the merge loop works on.

A pair below a threshold cannot be the most frequent one before every pair at or above it is used up, and counts of pairs
that exist never rise. So only pairs at or above the threshold ("hot") get a place in the heap and a list of positions; when
they run out, `tally` walks over the symbols again with a lower threshold. To find hot pairs without a table of all pairs,
counts are first added up in an array of cells that a hash chooses: a cell is at least as large as each of its pairs.

Table: open addressing, four uint64 a slot: (left << 32 | right) + 1 or zero where empty, count (int64), first entry in
the pool of positions, number of entries. A pair without entries is not hot.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pairloom.operators.kernels.jit import (
    address,
    inner,
    kernel,
    load_u8,
    load_u32,
    load_u64,
    prefetch,
    signed,
    store_u32,
    store_u64,
)
from pairloom.operators.models.bpe.kernels.limits import Rule, rejected
from pairloom.operators.models.bpe.kernels.symbols import AHEAD, BASE, MARK

__all__ = [
    "CELLS",
    "COUNT",
    "FILL",
    "OVERFLOW",
    "PAIR",
    "Bounds",
    "Lists",
    "compact_lists",
    "count_byte_pairs",
    "enlarge_pairs",
    "find_pair",
    "find_slot",
    "hash_pair",
    "look_up_pairs",
    "place_lists",
    "tally",
]

# Bytes a slot.
PAIR = 32
# The three walks of `tally`.
CELLS, COUNT, FILL = 0, 1, 2
# How `tally` ends where it does not count pairs: the table is too small; a count passes 2^63 - 1.
TABLE_SMALL, OVERFLOW = -1, -2

_ZERO = np.uint64(0)
_MOST = (1 << 63) - 1
_MIX1 = np.uint64(0x9E3779B97F4A7C15)
_MIX2 = np.uint64(0xD6E8FEB86659FD93)


class Bounds(NamedTuple):
    """Which pairs are listed.

    Those that occur `threshold` times and whose product has fewer than `longest` bytes, or whose two tokens are both bytes
    (or whatever there was at first): ids below `first`, which is the id that the first merge makes.
    """

    first: int
    longest: int
    threshold: int


class Lists(NamedTuple):
    """The table of pairs, uint64[4 * 2^k], and the pool of their positions, uint32."""

    table: npt.NDArray[np.uint64]
    pool: npt.NDArray[np.uint32]


@inner
def hash_pair(key: np.uint64) -> np.uint64:
    """A hash of a pair's key, good in its low bits and, for cells, in its high ones."""
    h = key * _MIX1
    h ^= h >> np.uint64(32)
    h *= _MIX2
    return h ^ (h >> np.uint64(29))


@inner
def find_slot(table: int, mask: int, key: np.uint64, size: int) -> int:
    """The address of the slot, of `size` bytes, that holds `key`, or of the empty one where it belongs."""
    place = signed(hash_pair(key)) & mask
    while True:
        slot = table + size * place
        held = load_u64(slot)
        if held == key:
            return slot
        if held == _ZERO:
            return slot
        place = (place + 1) & mask


@inner
def find_pair(table: int, mask: int, key: np.uint64) -> int:
    """`find_slot` in a table of pairs."""
    return find_slot(table, mask, key, PAIR)


@kernel
def count_byte_pairs(
    data: npt.NDArray[np.uint8],
    offsets: npt.NDArray[np.int64],
    counts: npt.NDArray[np.int64],
    pairs: npt.NDArray[np.int64],
) -> int:
    """Add every adjacent pair of bytes, weighted, to `pairs` (int64[65536], left * 256 + right).

    Returns -1, or the word at which a count would pass 2^63 - 1.
    """
    base = address(data)
    for i in range(len(counts)):
        count = counts[i]
        for p in range(offsets[i], offsets[i + 1] - 1):
            at = signed(load_u8(base + p)) * 256 + signed(load_u8(base + p + 1))
            if pairs[at] > _MOST - count:
                return i
            pairs[at] += count
    return -1


@kernel
def tally(
    walk: int,
    symbols: npt.NDArray[np.uint32],
    lengths: npt.NDArray[np.int32],
    bounds: Bounds,
    cells: npt.NDArray[np.int64],
    rule: Rule,
    into: Lists,
) -> int:
    """One walk over all tokens: add pairs up in `cells`, count the hot ones in a table, or fill their lists in its pool.

    `cells` is int64[2^k]. Pairs whose product would be too long are left out, as Hugging Face does, and so are those that
    `rule` rejects, save that these add to cells. Returns the number of pairs in the table, or TABLE_SMALL (begin again with
    an empty, larger one), or OVERFLOW where a count passes 2^63 - 1.
    """
    text, sizes, sums = address(symbols), address(lengths), address(cells)
    slots, lists = address(into.table), address(into.pool)
    first, longest, threshold = bounds.first, bounds.longest, bounds.threshold
    cell_mask, mask = len(cells) - 1, len(into.table) // 4 - 1
    most_used = (mask + 1) - (mask + 1) // 4
    used = 0
    slot_of_word, last = 0, len(symbols) - 1
    while slot_of_word < last:
        count = (signed(load_u32(text + 4 * slot_of_word)) - MARK) * BASE
        count += signed(load_u32(text + 4 * slot_of_word + 4)) - MARK
        at = slot_of_word + 2
        left = signed(load_u32(text + 4 * at))
        while True:
            size = signed(load_u32(sizes + 4 * left))
            after = at + size
            right = signed(load_u32(text + 4 * after))
            if right >= MARK:
                break
            if size + signed(load_u32(sizes + 4 * right)) < longest or (left < first and right < first):
                key = np.uint64((left << 32 | right) + 1)
                cell = sums + 8 * (signed(hash_pair(key) >> np.uint64(32)) & cell_mask)
                held = signed(load_u64(cell))
                if walk == CELLS:
                    store_u64(cell, np.uint64(held + count if held <= _MOST - count else _MOST))
                elif held >= threshold:
                    slot = find_pair(slots, mask, key)
                    if walk == COUNT:
                        if load_u64(slot) == _ZERO:
                            if rejected(rule, left, right):
                                at, left = after, right
                                continue
                            if used == most_used:
                                return TABLE_SMALL
                            used += 1
                            store_u64(slot, key)
                        total = signed(load_u64(slot + 8))
                        if total > _MOST - count:
                            return OVERFLOW
                        store_u64(slot + 8, np.uint64(total + count))
                        store_u64(slot + 24, load_u64(slot + 24) + np.uint64(1))
                    elif signed(load_u64(slot + 24)):
                        entry = load_u64(slot + 16)
                        store_u32(lists + 4 * signed(entry), np.uint32(at))
                        store_u64(slot + 16, entry + np.uint64(1))
            at, left = after, right
        slot_of_word = after
    return used


@kernel
def place_lists(table: npt.NDArray[np.uint64], threshold: int, found: npt.NDArray[np.int64]) -> None:
    """Give every hot pair its part of the pool; `found` becomes (entries, hot pairs, entries of the longest list)."""
    found[:] = 0
    for i in range(0, len(table), 4):
        if signed(table[i + 1]) >= threshold:
            entries = signed(table[i + 3])
            table[i + 2] = np.uint64(found[0])
            found[0] += entries
            found[1] += 1
            found[2] = max(found[2], entries)
        else:
            table[i + 3] = _ZERO


@kernel
def look_up_pairs(
    table: npt.NDArray[np.uint64], keys: npt.NDArray[np.uint64], counts: npt.NDArray[np.int64]
) -> None:
    """Write the count of each pair in `keys` (left << 32 | right) to `counts`; 0 for one that is not in the table."""
    slots, mask = address(table), len(table) // 4 - 1
    for i in range(len(keys)):
        slot = find_pair(slots, mask, keys[i] + np.uint64(1))
        counts[i] = 0 if load_u64(slot) == _ZERO else signed(load_u64(slot + 8))


@kernel
def enlarge_pairs(old: npt.NDArray[np.uint64], new: npt.NDArray[np.uint64]) -> None:
    """Move every pair to the larger, empty table `new`."""
    source, slots, mask = address(old), address(new), len(new) // 4 - 1
    for i in range(0, len(old), 4):
        key = load_u64(source + 8 * i)
        if key != _ZERO:
            slot = find_pair(slots, mask, key)
            for k in range(4):
                store_u64(slot + 8 * k, load_u64(source + 8 * (i + k)))


@kernel
def compact_lists(
    table: npt.NDArray[np.uint64],
    order: npt.NDArray[np.int64],
    threshold: int,
    symbols: npt.NDArray[np.uint32],
    lengths: npt.NDArray[np.int32],
    pool: npt.NDArray[np.uint32],
) -> int:
    """Move what still holds of the lists of pairs that are still hot to the front of the pool; how many entries that is.

    `order` holds the slots of the pairs that have lists, by the place of these in the pool.
    """
    lists, text, sizes = address(pool), address(symbols), address(lengths)
    end = 0
    for i in order:
        slot = 4 * i
        if signed(table[slot + 1]) < threshold:
            table[slot + 3] = _ZERO
            continue
        key = signed(table[slot]) - 1
        left, right = key >> 32, key & 0xFFFFFFFF
        size = signed(load_u32(sizes + 4 * left))
        source, n, begin = lists + 4 * signed(table[slot + 2]), signed(table[slot + 3]), end
        for k in range(n):
            prefetch(text + 4 * signed(load_u32(source + 4 * min(k + AHEAD, n - 1))))
            at = load_u32(source + 4 * k)
            here = text + 4 * signed(at)
            if signed(load_u32(here)) == left and signed(load_u32(here + 4 * size)) == right:
                store_u32(lists + 4 * end, at)
                end += 1
        table[slot + 2], table[slot + 3] = np.uint64(begin), np.uint64(end - begin)
    return end
