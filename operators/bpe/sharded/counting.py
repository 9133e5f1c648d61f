"""Counts of pairs, and nothing else about them: what the coordinator knows of all words, and a partition tells of its own.

Table: open addressing, two uint64 a slot: (left << 32 | right) + 1, or zero where empty, and the count. The coordinator's
holds pairs of ids as they are after the merges made so far, whatever the partitions have on trial.

A pair that cannot be the most frequent one for a long time need not be known, and there may be thousands of millions of
them. So pairs are first added up in cells that a hash chooses; a cell is at least as large as each of its pairs, and only
the pairs of large cells are counted one by one.
"""

import numpy as np
import numpy.typing as npt

from pairloom.operators.bpe.pairs import hash_pair
from pairloom.operators.bpe.symbols import BASE, MARK
from pairloom.operators.jit import address, kernel, load_u32, load_u64, signed, store_u64

__all__ = [
    "COUNTED",
    "PAST_INT64",
    "TABLE_FULL",
    "add_cells",
    "add_pairs",
    "count_hot",
    "find_count",
    "look_up",
]

COUNTED, TABLE_FULL, PAST_INT64 = 0, 1, 2  # how `count_hot` ends

_ZERO = np.uint64(0)
_UPPER = np.uint64(32)
_MOST = (1 << 63) - 1


@kernel
def find_count(table: int, mask: int, key: np.uint64) -> int:
    """The address of the slot that holds `key`, or of the empty one where it belongs."""
    place = signed(hash_pair(key)) & mask
    while True:
        slot = table + 16 * place
        held = load_u64(slot)
        if held == key:
            return slot
        if held == _ZERO:
            return slot
        place = (place + 1) & mask


@kernel
def add_pairs(
    keys: npt.NDArray[np.uint64], counts: npt.NDArray[np.int64], table: npt.NDArray[np.uint64]
) -> int:
    """Add counts of pairs (keys as in the table) up; returns how many are new, or -1 where one passes 2^63 - 1."""
    slots, mask = address(table), len(table) // 2 - 1
    added = 0
    for i in range(len(keys)):
        slot = find_count(slots, mask, keys[i])
        if load_u64(slot) == _ZERO:
            store_u64(slot, keys[i])
            added += 1
        held = signed(load_u64(slot + 8))
        if held > _MOST - counts[i]:
            return -1
        store_u64(slot + 8, np.uint64(held + counts[i]))
    return added


@kernel
def look_up(
    keys: npt.NDArray[np.uint64], counts: npt.NDArray[np.int64], table: npt.NDArray[np.uint64]
) -> int:
    """The first of the pairs (keys as in the table) whose count in the table is another than `counts` says; -1 if none."""
    slots, mask = address(table), len(table) // 2 - 1
    for i in range(len(keys)):
        if signed(load_u64(find_count(slots, mask, keys[i]) + 8)) != counts[i]:
            return i
    return -1


@kernel
def add_cells(
    symbols: npt.NDArray[np.uint32], lengths: npt.NDArray[np.int32], cells: npt.NDArray[np.int64]
) -> None:
    """Add every pair of adjacent symbols, weighted, to its cell (int64[2^k]); a cell stays at 2^63 - 1 once it is there."""
    text, sizes = address(symbols), address(lengths)
    mask = len(cells) - 1
    word, last = 0, len(symbols) - 1
    while word < last:
        count = (signed(load_u32(text + 4 * word)) - MARK) * BASE
        count += signed(load_u32(text + 4 * word + 4)) - MARK
        at = word + 2
        left = signed(load_u32(text + 4 * at))
        while True:
            after = at + signed(load_u32(sizes + 4 * left))
            right = signed(load_u32(text + 4 * after))
            if right >= MARK:
                break
            cell = signed(hash_pair(np.uint64((left << 32 | right) + 1)) >> _UPPER) & mask
            held = cells[cell]
            cells[cell] = held + count if held <= _MOST - count else _MOST
            at, left = after, right
        word = after


@kernel
def count_hot(
    symbols: npt.NDArray[np.uint32],
    lengths: npt.NDArray[np.int32],
    hot: npt.NDArray[np.uint8],
    table: npt.NDArray[np.uint64],
) -> int:
    """Count every pair of adjacent symbols whose cell is `hot` (uint8[2^k]) in `table` (uint64[2 * 2^k], zero), weighted.

    Returns COUNTED, TABLE_FULL (begin again with an empty, larger one) or PAST_INT64 where a count passes 2^63 - 1.
    """
    text, sizes, slots = address(symbols), address(lengths), address(table)
    mask, cell_mask = len(table) // 2 - 1, len(hot) - 1
    used, most = 0, (mask + 1) - (mask + 1) // 4
    word, last = 0, len(symbols) - 1
    while word < last:
        count = (signed(load_u32(text + 4 * word)) - MARK) * BASE
        count += signed(load_u32(text + 4 * word + 4)) - MARK
        at = word + 2
        left = signed(load_u32(text + 4 * at))
        while True:
            after = at + signed(load_u32(sizes + 4 * left))
            right = signed(load_u32(text + 4 * after))
            if right >= MARK:
                break
            key = np.uint64((left << 32 | right) + 1)
            if not hot[signed(hash_pair(key) >> _UPPER) & cell_mask]:
                at, left = after, right
                continue
            slot = find_count(slots, mask, key)
            if load_u64(slot) == _ZERO:
                if used == most:
                    return TABLE_FULL
                used += 1
                store_u64(slot, key)
            held = signed(load_u64(slot + 8))
            if held > _MOST - count:
                return PAST_INT64
            store_u64(slot + 8, np.uint64(held + count))
            at, left = after, right
        word = after
    return COUNTED
