"""Merging a batch of pairs in one partition's words, on trial: apply, take back, and say what stands next to it.

The words are laid out as in `bpe/symbols.py`, where a merge writes four slots and is taken back by writing four: the slots
of a token are those of its parts, so that expanding it needs nothing but its place. Every pair of a batch is of symbols
that existed before the batch, so that no token of the batch lies inside another and the order of taking back is free.

Lists of positions stay as they are while a batch is on trial: where one pair of the batch takes a symbol away from
another, the second finds it again after both were taken back. `positions` and `weights` hold the tokens that the batch
made, pair by pair (those of pair i from `bounds[i]` to `bounds[i + 1]`), and the counts of the words that they stand in.
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
from pairloom.operators.models.bpe.pairs import find_pair
from pairloom.operators.models.bpe.symbols import AHEAD, MARK, ask_for, join, word_count

__all__ = ["apply_batch", "batch_room", "count_neighbours", "take_back"]

_ZERO = np.uint64(0)


@kernel
def batch_room(batch: npt.NDArray[np.int32], ids: int, table: npt.NDArray[np.uint64]) -> tuple[int, int]:
    """How many tokens a batch makes at most, and how many neighbours these have at most; `ids` are the symbols so far."""
    slots, mask = address(table), len(table) // 4 - 1
    tokens = neighbours = 0
    for i in range(len(batch)):
        key = np.uint64((signed(batch[i, 0]) << 32 | signed(batch[i, 1])) + 1)
        n = signed(load_u64(find_pair(slots, mask, key) + 24))
        tokens += n
        neighbours += 2 * min(n, ids + len(batch))
    return tokens, neighbours


@kernel
def apply_batch(
    batch: npt.NDArray[np.int32],
    base: int,
    split: int,
    symbols: npt.NDArray[np.uint32],
    lengths: npt.NDArray[np.int32],
    starts: npt.NDArray[np.int64],
    owners: npt.NDArray[np.uint32],
    long_counts: npt.NDArray[np.int64],
    table: npt.NDArray[np.uint64],
    pool: npt.NDArray[np.uint32],
    positions: npt.NDArray[np.uint32],
    weights: npt.NDArray[np.int64],
    bounds: npt.NDArray[np.int64],
) -> None:
    """Merge the pairs of `batch` (int32[k, 2]) in this order; pair i makes the symbol `base + i`.

    `table` and `pool` are the listed pairs and their positions (`bpe/pairs.py`), `bounds` is int64[k + 1], the arrays of
    tokens have the room that `batch_room` names. Pairs that are not listed here do not occur here.
    """
    text, sizes, slots, lists = address(symbols), address(lengths), address(table), address(pool)
    made, worth = address(positions), address(weights)
    begins, blocks, sums = address(starts), address(owners), address(long_counts)
    mask = len(table) // 4 - 1
    end = 0
    bounds[0] = 0
    for i in range(len(batch)):
        a, b, product = signed(batch[i, 0]), signed(batch[i, 1]), base + i
        a_size, b_size = signed(load_u32(sizes + 4 * a)), signed(load_u32(sizes + 4 * b))
        store_u32(sizes + 4 * product, np.uint32(a_size + b_size))
        slot = find_pair(slots, mask, np.uint64((a << 32 | b) + 1))
        own, n = lists + 4 * signed(load_u64(slot + 16)), signed(load_u64(slot + 24))
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
            count = word_count(text, sizes, at, split, begins, blocks, sums)
            join(here, there, there + 4 * b_size, product)
            store_u32(made + 4 * end, np.uint32(at))
            store_u64(worth + 8 * end, np.uint64(count))
            end += 1
        bounds[i + 1] = end


@kernel
def take_back(
    batch: npt.NDArray[np.int32],
    kept: npt.NDArray[np.bool_],
    symbols: npt.NDArray[np.uint32],
    lengths: npt.NDArray[np.int32],
    table: npt.NDArray[np.uint64],
    positions: npt.NDArray[np.uint32],
    bounds: npt.NDArray[np.int64],
) -> None:
    """Expand the tokens of the pairs of a batch that are not `kept` (bool[k]); forget the lists of those that are."""
    text, sizes, slots, made = address(symbols), address(lengths), address(table), address(positions)
    mask = len(table) // 4 - 1
    for i in range(len(batch)):
        a, b = signed(batch[i, 0]), signed(batch[i, 1])
        if kept[i]:
            slot = find_pair(slots, mask, np.uint64((a << 32 | b) + 1))
            if load_u64(slot) != _ZERO:
                store_u64(slot + 8, _ZERO)
                store_u64(slot + 24, _ZERO)
            continue
        a_size, b_size = signed(load_u32(sizes + 4 * a)), signed(load_u32(sizes + 4 * b))
        last = bounds[i + 1] - 1
        for k in range(bounds[i], bounds[i + 1]):
            prefetch(text + 4 * signed(load_u32(made + 4 * min(k + AHEAD, last))))
            here = text + 4 * signed(load_u32(made + 4 * k))
            there = here + 4 * a_size
            store_u32(here, np.uint32(a))
            store_u32(there - 4, np.uint32(a))
            store_u32(there, np.uint32(b))
            store_u32(there + 4 * b_size - 4, np.uint32(b))


@kernel
def count_neighbours(
    base: int,
    symbols: npt.NDArray[np.uint32],
    lengths: npt.NDArray[np.int32],
    positions: npt.NDArray[np.uint32],
    weights: npt.NDArray[np.int64],
    bounds: npt.NDArray[np.int64],
    around: npt.NDArray[np.int64],
    ids: npt.NDArray[np.uint32],
    counts: npt.NDArray[np.int64],
    ends: npt.NDArray[np.int64],
    totals: npt.NDArray[np.int64],
) -> None:
    """Add up what stands next to each symbol of a batch, after all of it was applied.

    `ids` and `counts` become, for each pair, its left neighbours and their weights and then its right ones; `ends`
    (int64[2k + 1]) says where each of these 2k runs ends, after a leading zero. A symbol next to itself is counted as a
    left neighbour only. `totals` (int64[k]) become the weights of the symbols. `around` (int64, one a symbol) is zero
    before and after.
    """
    text, sizes, made, worth, hist = (
        address(symbols),
        address(lengths),
        address(positions),
        address(weights),
        address(around),
    )
    found, sums = address(ids), address(counts)
    end = 0
    ends[0] = 0
    for i in range(len(totals)):
        product = base + i
        size = signed(load_u32(sizes + 4 * product))
        first, last = bounds[i], bounds[i + 1]
        total = 0
        begin = end
        for k in range(first, last):
            prefetch(text + 4 * signed(load_u32(made + 4 * min(k + AHEAD, last - 1))) - 4)
            count = signed(load_u64(worth + 8 * k))
            total += count
            left = signed(load_u32(text + 4 * signed(load_u32(made + 4 * k)) - 4))
            if left < MARK:
                held = load_u64(hist + 8 * left)
                if held == _ZERO:
                    store_u32(found + 4 * end, np.uint32(left))
                    end += 1
                store_u64(hist + 8 * left, held + np.uint64(count))
        totals[i] = total
        for k in range(begin, end):
            entry = hist + 8 * signed(load_u32(found + 4 * k))
            store_u64(sums + 8 * k, load_u64(entry))
            store_u64(entry, _ZERO)
        ends[2 * i + 1] = begin = end
        for k in range(first, last):
            at = signed(load_u32(made + 4 * k))
            right = signed(load_u32(text + 4 * (at + size)))
            if right < MARK and right != product:
                held = load_u64(hist + 8 * right)
                if held == _ZERO:
                    store_u32(found + 4 * end, np.uint32(right))
                    end += 1
                store_u64(hist + 8 * right, held + load_u64(worth + 8 * k))
        for k in range(begin, end):
            entry = hist + 8 * signed(load_u32(found + 4 * k))
            store_u64(sums + 8 * k, load_u64(entry))
            store_u64(entry, _ZERO)
        ends[2 * i + 2] = end
