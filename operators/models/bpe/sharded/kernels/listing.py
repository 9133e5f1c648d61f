"""Where the pairs stand that may be merged next, in one partition's words.

Which pairs are worth a list is known to the coordinator alone: a pair that is rare here may be frequent elsewhere. It
names all of them now and then (`choose_pairs`; a walk over the words, `tally`, writes their lists), and after each batch
those that arose in it (`list_new`, a walk over the tokens that were made). A list is complete when it is written, because
no occurrence of a pair arises later; positions that other merges have overtaken stay in it and are recognized.
"""

import numpy as np
import numpy.typing as npt

from pairloom.operators.kernels.jit import (
    address,
    kernel,
    load_u32,
    load_u64,
    prefetch,
    signed,
    store_u32,
    store_u64,
)
from pairloom.operators.models.bpe.kernels.pairs import Lists, find_pair, hash_pair
from pairloom.operators.models.bpe.kernels.symbols import AHEAD, MARK
from pairloom.operators.models.bpe.sharded.kernels.applying import Made

__all__ = ["choose_pairs", "list_new", "mark_cells"]

_ZERO = np.uint64(0)


@kernel
def mark_cells(pairs: npt.NDArray[np.int32], cells: npt.NDArray[np.int64]) -> None:
    """Set the cells (int64[2^k], as in `tally`) of `pairs` (int32[n, 2]) to 1."""
    mask = len(cells) - 1
    for i in range(len(pairs)):
        key = np.uint64((signed(pairs[i, 0]) << 32 | signed(pairs[i, 1])) + 1)
        cells[signed(hash_pair(key) >> np.uint64(32)) & mask] = 1


@kernel
def choose_pairs(
    pairs: npt.NDArray[np.int32], counted: npt.NDArray[np.uint64], table: npt.NDArray[np.uint64]
) -> int:
    """Copy those of `pairs` (int32[n, 2]) that `tally` has counted into the empty `table`; returns how many they are.

    Their counts become 1: what a pair counts here decides nothing, only whether it is listed.
    """
    source, source_mask = address(counted), len(counted) // 4 - 1
    slots, mask = address(table), len(table) // 4 - 1
    chosen = 0
    for i in range(len(pairs)):
        key = np.uint64((signed(pairs[i, 0]) << 32 | signed(pairs[i, 1])) + 1)
        found = find_pair(source, source_mask, key)
        if load_u64(found) != _ZERO:
            slot = find_pair(slots, mask, key)
            store_u64(slot, key)
            store_u64(slot + 8, np.uint64(1))
            store_u64(slot + 24, load_u64(found + 24))
            chosen += 1
    return chosen


@kernel
def list_new(
    pairs: npt.NDArray[np.int32],
    base: int,
    symbols: npt.NDArray[np.uint32],
    lengths: npt.NDArray[np.int32],
    tokens: Made,
    around: npt.NDArray[np.int64],
    numbers: npt.NDArray[np.int64],
    into: Lists,
    listed: int,
) -> tuple[int, int]:
    """Write the lists of `pairs` (int32[n, 2]), each with a symbol of the batch that made `tokens`.

    Pairs are in the order of the later of their two symbols, which is of the batch: symbol `base + i` for its pair i.
    `around` (int64[2 * symbols]) is zero before and after, `numbers` is int64[n]. The table has room for n more pairs, the
    pool for two entries a token from `listed` on.
    Returns the end of the pool's entries and how many pairs were added to the table.
    """
    text, sizes, slots, lists = address(symbols), address(lengths), address(into.table), address(into.pool)
    made, bounds, marks = address(tokens.positions), tokens.bounds, address(around)
    mask = len(into.table) // 4 - 1
    added, begin = 0, 0
    while begin < len(pairs):
        product = max(signed(pairs[begin, 0]), signed(pairs[begin, 1]))
        end = begin
        # The symbols on the other side are marked with their pair; those on the left first.
        while end < len(pairs) and max(signed(pairs[end, 0]), signed(pairs[end, 1])) == product:
            on_left = signed(pairs[end, 1]) == product
            other = signed(pairs[end, 0]) if on_left else signed(pairs[end, 1])
            store_u64(marks + 16 * other + (0 if on_left else 8), np.uint64(end + 1))
            numbers[end] = 0
            end += 1
        size = signed(load_u32(sizes + 4 * product))
        first, last = bounds[product - base], bounds[product - base + 1]
        for k in range(first, last):
            prefetch(text + 4 * signed(load_u32(made + 4 * min(k + AHEAD, last - 1))) - 4)
            at = signed(load_u32(made + 4 * k))
            left, right = signed(load_u32(text + 4 * at - 4)), signed(load_u32(text + 4 * (at + size)))
            if left < MARK:
                mark = signed(load_u64(marks + 16 * left))
                if mark:
                    numbers[mark - 1] += 1
            if right < MARK:
                mark = signed(load_u64(marks + 16 * right + 8))
                if mark:
                    numbers[mark - 1] += 1
        for p in range(begin, end):
            number = numbers[p]
            numbers[p] = listed
            if number:
                key = np.uint64((signed(pairs[p, 0]) << 32 | signed(pairs[p, 1])) + 1)
                slot = find_pair(slots, mask, key)
                store_u64(slot, key)
                store_u64(slot + 8, np.uint64(1))
                store_u64(slot + 16, np.uint64(listed))
                store_u64(slot + 24, np.uint64(number))
                listed += number
                added += 1
        for k in range(first, last):
            at = signed(load_u32(made + 4 * k))
            left, right = signed(load_u32(text + 4 * at - 4)), signed(load_u32(text + 4 * (at + size)))
            if left < MARK:
                mark = signed(load_u64(marks + 16 * left))
                if mark:
                    store_u32(
                        lists + 4 * numbers[mark - 1], np.uint32(at - signed(load_u32(sizes + 4 * left)))
                    )
                    numbers[mark - 1] += 1
            if right < MARK:
                mark = signed(load_u64(marks + 16 * right + 8))
                if mark:
                    store_u32(lists + 4 * numbers[mark - 1], np.uint32(at))
                    numbers[mark - 1] += 1
        for p in range(begin, end):
            store_u64(marks + 16 * signed(pairs[p, 0]), _ZERO)
            store_u64(marks + 16 * signed(pairs[p, 0]) + 8, _ZERO)
            store_u64(marks + 16 * signed(pairs[p, 1]), _ZERO)
            store_u64(marks + 16 * signed(pairs[p, 1]) + 8, _ZERO)
        begin = end
    return listed, added
