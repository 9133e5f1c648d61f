"""Applying merges to one word; see `models/bpe/word.py`."""

from typing import Any

import numpy as np

from pairloom.operators.kernels.jit import (
    address,
    inner,
    kernel,
    load_u8,
    load_u16,
    load_u32,
    load_u64,
    minimum_16,
    opaque,
    store_u16,
    store_u32,
    store_u64,
)
from pairloom.operators.models.bpe.kernels.linear import encode_linear

__all__ = [
    "NO_RANK",
    "SHORT",
    "encode_word",
    "fill_grid",
    "fill_ranks",
    "fill_whole",
    "merge_symbols",
    "pair_rank",
    "tied_product",
]

Int = int | np.int64

NO_RANK = 0xFFFFFFFF
SHORT = 256
_MIX = 0x9E3779B97F4A7C15


@inner
def pair_rank(slots: Int, mask: Int, shift: Int, left: Int, right: Int) -> Any:
    """The rank of a pair of ids as uint32, or NO_RANK; `slots` is the address of a table of ranks."""
    key = ((np.uint64(left) + np.uint64(1)) << np.uint64(21)) | np.uint64(right)
    place = np.int64((key * np.uint64(_MIX)) >> np.uint64(shift))
    slot = load_u64(slots + (place << 3))
    # Whether a pair has a rank cannot be guessed: only a collision, which is rare, is branched upon.
    while (slot >> np.uint64(22) != key) & (slot != np.uint64(0)):
        place = (place + 1) & mask
        slot = load_u64(slots + (place << 3))
    absent = np.uint64(opaque(np.int64(slot == np.uint64(0))))
    return np.uint32((slot & np.uint64(0x3FFFFF)) | (np.uint64(0) - absent))


@kernel
def fill_ranks(slots: Any, merges: Any, ranks: Any) -> None:
    """Put pairs of ids (int32[n, 2]) and their ranks (uint32[n]) into `slots` (uint64, a power of two)."""
    mask = np.int64(slots.size - 1)
    bits = 0
    while (np.int64(1) << bits) < slots.size:
        bits += 1
    shift = np.uint64(64 - bits)
    for i in range(merges.shape[0]):
        key = ((np.uint64(merges[i, 0]) + np.uint64(1)) << np.uint64(21)) | np.uint64(merges[i, 1])
        place = np.int64((key * np.uint64(_MIX)) >> shift)
        while slots[place] != np.uint64(0) and slots[place] >> np.uint64(22) != key:
            place = (place + 1) & mask
        slots[place] = (key << np.uint64(22)) | np.uint64(ranks[i])


@kernel
def fill_grid(grid: Any, ids: Any, slots: Any) -> None:
    """Write the rank of every pair of bytes, whose ids are `ids`, into `grid` (uint32[65536])."""
    mask = np.int64(slots.size - 1)
    bits = 0
    while (np.int64(1) << bits) < slots.size:
        bits += 1
    for left in range(256):
        for right in range(256):
            if ids[left] != np.uint32(NO_RANK) and ids[right] != np.uint32(NO_RANK):
                grid[left * 256 + right] = pair_rank(
                    address(slots), mask, 64 - bits, np.int64(ids[left]), np.int64(ids[right])
                )


@inner
def _key(rank: Any, place: Int) -> Any:
    return np.uint32(min((np.uint64(rank) << np.uint64(8)) | np.uint64(place), np.uint64(NO_RANK)))


@inner
def _hash_bytes(start: Int, length: Int) -> Any:
    mixed = np.uint64(length)
    for i in range(length):
        mixed = (mixed ^ np.uint64(load_u8(start + i))) * np.uint64(_MIX)
        mixed ^= mixed >> np.uint64(32)
    return np.int64(mixed >> np.uint64(1))


@kernel
def fill_whole(whole: Any, data: Any, offsets: Any, chosen: Any) -> None:
    """Put the tokens `chosen` into the table of words that are tokens, `whole` (uint32, zero)."""
    mask = np.int64(whole.size - 1)
    for token in chosen:
        start = address(data) + np.int64(offsets[token])
        place = _hash_bytes(start, np.int64(offsets[token + 1] - offsets[token])) & mask
        while whole[place] != np.uint32(0):
            place = (place + 1) & mask
        whole[place] = np.uint32(token + 1)


@inner
def _whole_word(word: Int, length: Int, whole: Int, mask: Int, data: Int, offsets: Int) -> Any:
    # The token that the word is, or -1.
    place = _hash_bytes(word, length) & mask
    while True:
        token = np.int64(load_u32(whole + (place << 2))) - 1
        if token < 0:
            return token
        start = np.int64(load_u64(offsets + (token << 3)))
        if np.int64(load_u64(offsets + (token << 3) + 8)) - start == length:
            i = 0
            while i < length and load_u8(data + start + i) == load_u8(word + i):
                i += 1
            if i == length:
                return token
        place = (place + 1) & mask


@inner
def encode_word(word: Int, length: Int, table: Any, scratch: Int) -> Any:
    """Encode the `length` bytes at address `word`.

    `table` is `PairTable.addresses`; `scratch` the address of `scratch_bytes(length)` bytes, 8-byte aligned, with those
    before it that `linear.py` asks for. The ids are left as uint32 from `scratch` on. Returns (how many ids, how many bytes
    had no token and were left out).
    """
    byte_ids, grid, slots, products, mask, shift, whole, whole_mask, data, offsets = table[:10]
    if whole_mask >= 0:
        token = _whole_word(word, length, whole, whole_mask, data, offsets)
        if token >= 0:
            store_u32(scratch, np.uint32(token))
            return np.int64(1), np.int64(0)
    missing = np.int64(0)
    if table[10]:
        return encode_linear(word, length, table[11:], scratch), missing
    if length > SHORT:
        for i in range(length):
            if load_u32(byte_ids + (np.int64(load_u8(word + i)) << 2)) == np.uint32(NO_RANK):
                missing += 1
        count = _merge_long(word, length, byte_ids, slots, products, mask, shift, scratch)
        return np.int64(count), missing
    keys = scratch + 4 * SHORT
    smallest = keys + 4 * SHORT
    after = smallest + 64
    before = after + 2 * SHORT
    none = np.uint32(NO_RANK)
    count = np.int64(0)
    last = np.int64(0)
    for i in range(length):
        byte = np.int64(load_u8(word + i))
        symbol = load_u32(byte_ids + (byte << 2))
        if symbol == none:
            missing += 1
            continue
        store_u32(scratch + (count << 2), symbol)
        if count:
            key = (np.uint64(load_u32(grid + (((last << 8) | byte) << 2))) << np.uint64(8)) | np.uint64(
                count - 1
            )
            store_u32(keys + ((count - 1) << 2), np.uint32(min(key, np.uint64(NO_RANK))))
        store_u16(after + (count << 1), np.uint16(count + 1))
        store_u16(before + (count << 1), np.uint16(count - 1))
        last = byte
        count += 1
    if count < 2:
        return count, missing
    blocks = (count + 14) >> 4
    for i in range(count - 1, blocks << 4):
        store_u32(keys + (i << 2), none)
    if blocks > 1:
        for i in range(16):
            store_u32(smallest + (i << 2), minimum_16(keys + (i << 6)) if i < blocks else none)
    left = count
    while True:
        best = minimum_16(keys) if blocks == 1 else minimum_16(smallest)
        if best == none:
            break
        place = np.int64(best & np.uint32(255))
        product = load_u32(products + (np.int64(best >> np.uint32(8)) << 2))
        gone = np.int64(load_u16(after + (place << 1)))
        behind = np.int64(load_u16(after + (gone << 1)))
        store_u32(scratch + (place << 2), product)
        store_u16(after + (place << 1), np.uint16(behind))
        store_u32(keys + (gone << 2), none)
        left -= 1
        rank = none
        if behind < count:
            store_u16(before + (behind << 1), np.uint16(place))
            rank = pair_rank(
                slots, mask, shift, np.int64(product), np.int64(load_u32(scratch + (behind << 2)))
            )
        store_u32(keys + (place << 2), _key(rank, place))
        if place:
            front = np.int64(load_u16(before + (place << 1)))
            rank = pair_rank(
                slots, mask, shift, np.int64(load_u32(scratch + (front << 2))), np.int64(product)
            )
            store_u32(keys + (front << 2), _key(rank, front))
            if blocks > 1:
                store_u32(smallest + ((front >> 4) << 2), minimum_16(keys + ((front >> 4) << 6)))
        if blocks > 1:
            store_u32(smallest + ((place >> 4) << 2), minimum_16(keys + ((place >> 4) << 6)))
            if gone >> 4 != place >> 4 and gone >> 4 < blocks:
                store_u32(smallest + ((gone >> 4) << 2), minimum_16(keys + ((gone >> 4) << 6)))
    place = np.int64(0)
    for i in range(left):
        store_u32(scratch + (i << 2), load_u32(scratch + (place << 2)))
        place = np.int64(load_u16(after + (place << 1)))
    return left, missing


@inner
def _push(heap: Int, size: Int, entry: Any) -> Any:
    place = size
    while place > 0:
        parent = (place - 1) >> 1
        above = load_u64(heap + (parent << 3))
        if above <= entry:
            break
        store_u64(heap + (place << 3), above)
        place = parent
    store_u64(heap + (place << 3), entry)
    return size + 1


@inner
def _sift(heap: Int, size: Int, place: Int, entry: Any) -> None:
    while True:
        child = 2 * place + 1
        if child >= size:
            break
        value = load_u64(heap + (child << 3))
        if child + 1 < size:
            other = load_u64(heap + ((child + 1) << 3))
            if other < value:
                value = other
                child += 1
        if value >= entry:
            break
        store_u64(heap + (place << 3), value)
        place = child
    store_u64(heap + (place << 3), entry)


@inner
def _merge_long(
    word: Int, length: Int, byte_ids: Int, slots: Int, products: Int, mask: Int, shift: Int, scratch: Int
) -> Any:
    none = np.uint32(NO_RANK)
    count = np.int64(0)
    for i in range(length):
        symbol = load_u32(byte_ids + (np.int64(load_u8(word + i)) << 2))
        if symbol != none:
            store_u32(scratch + (count << 2), symbol)
            count += 1
    return merge_symbols(count, length, slots, products, mask, shift, np.int64(0), scratch)


@inner
def tied_product(tied: Int, left: Any, right: Any) -> Any:
    """What two symbols make, of whose rank the product is NO_RANK: several pairs have it, that make different tokens.

    `tied` is the address of that of a table as of `pair_rank`, of its mask, and its shift (uint64 each); its numbers are ids.
    """
    mask, shift = np.int64(load_u64(tied + 8)), np.int64(load_u64(tied + 16))
    return pair_rank(np.int64(load_u64(tied)), mask, shift, np.int64(left), np.int64(right))


@inner
def merge_symbols(
    count: Int, length: Int, slots: Int, products: Int, mask: Int, shift: Int, tied: Int, scratch: Int
) -> Any:
    """Merge the `count` symbols (uint32) from `scratch` on, at most `length` of them, in O(n log n); how many are left.

    Where `tied` is not 0, see `tied_product`. `scratch` has 64 + 40 * (length + 1) bytes, 8-byte aligned.
    """
    # Layout: symbols, ranks, next, previous (uint32 each), then the heap of at most 3n entries of (rank, position):
    # n - 1 pairs at first, and each of at most n - 1 merges takes one entry out and puts two in.
    ranks = scratch + 4 * (length + 1)
    after = ranks + 4 * (length + 1)
    before = after + 4 * (length + 1)
    heap = (before + 4 * (length + 1) + 7) & ~7
    none = np.uint32(NO_RANK)
    size = 0
    for i in range(count):
        rank = none
        if i + 1 < count:
            left, right = load_u32(scratch + (i << 2)), load_u32(scratch + ((i + 1) << 2))
            rank = pair_rank(slots, mask, shift, np.int64(left), np.int64(right))
            if rank != none:
                store_u64(heap + (size << 3), (np.uint64(rank) << np.uint64(32)) | np.uint64(i))
                size += 1
        store_u32(ranks + (i << 2), rank)
        store_u32(after + (i << 2), np.uint32(i + 1))
        store_u32(before + (i << 2), np.uint32(i - 1) if i else none)
    for i in range(size // 2 - 1, -1, -1):
        _sift(heap, size, i, load_u64(heap + (i << 3)))
    while size > 0:
        top = load_u64(heap)
        size -= 1
        if size > 0:
            _sift(heap, size, 0, load_u64(heap + (size << 3)))
        place = np.int64(top & np.uint64(0xFFFFFFFF))
        rank = np.uint32(top >> np.uint64(32))
        if load_u32(ranks + (place << 2)) != rank:
            continue  # the pair that stood here was merged away or changed
        product = load_u32(products + (np.int64(rank) << 2))
        gone = np.int64(load_u32(after + (place << 2)))
        if product == none and tied != 0:
            product = tied_product(tied, load_u32(scratch + (place << 2)), load_u32(scratch + (gone << 2)))
        behind = np.int64(load_u32(after + (gone << 2)))
        store_u32(scratch + (place << 2), product)
        store_u32(after + (place << 2), np.uint32(behind))
        store_u32(ranks + (gone << 2), none)
        rank = none
        if behind < count:
            store_u32(before + (behind << 2), np.uint32(place))
            right = np.int64(load_u32(scratch + (behind << 2)))
            rank = pair_rank(slots, mask, shift, np.int64(product), right)
            if rank != none:
                size = _push(heap, size, (np.uint64(rank) << np.uint64(32)) | np.uint64(place))
        store_u32(ranks + (place << 2), rank)
        if load_u32(before + (place << 2)) != none:
            front = np.int64(load_u32(before + (place << 2)))
            left = np.int64(load_u32(scratch + (front << 2)))
            rank = pair_rank(slots, mask, shift, left, np.int64(product))
            store_u32(ranks + (front << 2), rank)
            if rank != none:
                size = _push(heap, size, (np.uint64(rank) << np.uint64(32)) | np.uint64(front))
    kept = 0
    place = np.int64(0)
    while place < count:
        store_u32(scratch + (kept << 2), load_u32(scratch + (place << 2)))
        kept += 1
        place = np.int64(load_u32(after + (place << 2)))
    return kept
