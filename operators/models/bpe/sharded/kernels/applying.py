"""Merging a batch of pairs in one partition's words, on trial: apply, take back, and say what stands next to it.

The words are laid out as in `bpe/symbols.py`, where a merge writes four slots and is taken back by writing four: the slots
of a token are those of its parts, so that expanding it needs nothing but its place. Every pair of a batch is of symbols
that existed before the batch, so that no token of the batch lies inside another and the order of taking back is free.

Lists of positions stay as they are while a batch is on trial: where one pair of the batch takes a symbol away from
another, the second finds it again after both were taken back.
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
from pairloom.operators.models.bpe.kernels.pairs import Lists, find_pair
from pairloom.operators.models.bpe.kernels.symbols import (
    AHEAD,
    MARK,
    WordArrays,
    ask_for,
    join,
    places_of,
    word_count,
)

__all__ = ["Around", "Made", "add_neighbour", "apply_batch", "batch_room", "count_neighbours", "take_back"]

_ZERO = np.uint64(0)


class Made(NamedTuple):
    """The tokens that a batch of k pairs made, pair by pair.

    Those of pair i begin in the slots `positions[bounds[i]:bounds[i + 1]]` (uint32; bounds int64[k + 1]); `weights` (int64)
    are the counts of the words that they stand in.
    """

    positions: npt.NDArray[np.uint32]
    weights: npt.NDArray[np.int64]
    bounds: npt.NDArray[np.int64]


class Around(NamedTuple):
    """What stands next to the symbols of a batch of k pairs.

    `symbols` (uint32) and `counts` (int64) are, for each pair, its left neighbours and their weights and then its right ones;
    `ends` (int64[2k + 1]) says where each of these 2k runs ends, after a leading zero. A symbol next to itself is counted as
    a left neighbour only. `totals` (int64[k]) are the weights of the symbols.
    """

    symbols: npt.NDArray[np.uint32]
    counts: npt.NDArray[np.int64]
    ends: npt.NDArray[np.int64]
    totals: npt.NDArray[np.int64]


@inner
def add_neighbour(around: int, found: int, n: int, symbol: int, count: np.uint64) -> int:
    """Add to the weight of a neighbour, which is noted as the n-th if it is new; how many there are now.

    `around` is the address of a weight for each symbol, `found` that of the symbols that have one.
    """
    held = load_u64(around + 8 * symbol)
    if held == _ZERO:
        store_u32(found + 4 * n, np.uint32(symbol))
        n += 1
    store_u64(around + 8 * symbol, held + count)
    return n


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
    words: WordArrays,
    lengths: npt.NDArray[np.int32],
    listed: Lists,
    made: Made,
) -> None:
    """Merge the pairs of `batch` (int32[k, 2]) in this order; pair i makes the symbol `base + i`.

    `made` has the room that `batch_room` names. Pairs that are not listed here do not occur here.
    """
    places, sizes = places_of(words), address(lengths)
    text, slots, lists = places.text, address(listed.table), address(listed.pool)
    positions, worth, bounds = address(made.positions), address(made.weights), made.bounds
    mask = len(listed.table) // 4 - 1
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
            count = word_count(places, sizes, at)
            join(here, there, there + 4 * b_size, product)
            store_u32(positions + 4 * end, np.uint32(at))
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
    made: Made,
) -> None:
    """Expand the tokens of the pairs of a batch that are not `kept` (bool[k]); forget the lists of those that are."""
    text, sizes, slots = address(symbols), address(lengths), address(table)
    positions, bounds = address(made.positions), made.bounds
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
            prefetch(text + 4 * signed(load_u32(positions + 4 * min(k + AHEAD, last))))
            here = text + 4 * signed(load_u32(positions + 4 * k))
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
    made: Made,
    around: npt.NDArray[np.int64],
    out: Around,
) -> None:
    """Add up what stands next to each symbol of a batch, after all of it was applied.

    `out` has the room that `batch_room` names. `around` (int64, one a symbol) is zero before and after.
    """
    text, sizes, hist = address(symbols), address(lengths), address(around)
    positions, worth, bounds = address(made.positions), address(made.weights), made.bounds
    found, sums = address(out.symbols), address(out.counts)
    end = 0
    out.ends[0] = 0
    for i in range(len(out.totals)):
        product = base + i
        size = signed(load_u32(sizes + 4 * product))
        first, last = bounds[i], bounds[i + 1]
        total = 0
        begin = end
        for k in range(first, last):
            prefetch(text + 4 * signed(load_u32(positions + 4 * min(k + AHEAD, last - 1))) - 4)
            count = signed(load_u64(worth + 8 * k))
            total += count
            left = signed(load_u32(text + 4 * signed(load_u32(positions + 4 * k)) - 4))
            if left < MARK:
                end = add_neighbour(hist, found, end, left, np.uint64(count))
        out.totals[i] = total
        _write_weights(hist, found, sums, begin, end)
        out.ends[2 * i + 1] = begin = end
        for k in range(first, last):
            at = signed(load_u32(positions + 4 * k))
            right = signed(load_u32(text + 4 * (at + size)))
            if right < MARK and right != product:
                end = add_neighbour(hist, found, end, right, load_u64(worth + 8 * k))
        _write_weights(hist, found, sums, begin, end)
        out.ends[2 * i + 2] = end


@inner
def _write_weights(around: int, found: int, sums: int, begin: int, end: int) -> None:
    """Move the weights of some neighbours to where they are told. Takes addresses."""
    for k in range(begin, end):
        entry = around + 8 * signed(load_u32(found + 4 * k))
        store_u64(sums + 8 * k, load_u64(entry))
        store_u64(entry, _ZERO)
