"""Applying merges in time linear in the text; see `models/bpe/linear.py`."""

from typing import Any

import numpy as np

from pairloom.operators.kernels.jit import (
    address,
    inner,
    kernel,
    load_u8,
    load_u32,
    load_u64,
    store_u8,
    store_u32,
    store_u64,
)
from pairloom.operators.models.bpe.kernels.trie import longest_token

__all__ = ["MEMO_BYTES", "NONE", "encode_linear", "fill_merges", "fill_shorter"]

Int = int | np.int64

NONE = 0xFFFFFFFF
_MIX = 0x9E3779B97F4A7C15
# Pairs of tokens that are known to go together or not: a table of 2^15 uint64, which lies before the scratch.
_MEMO_BITS = 15
MEMO_BYTES = 8 << _MEMO_BITS


@inner
def _made(slots: Int, mask: Int, shift: Int, left: Int, right: Int) -> Any:
    # The ordinal of what the pair makes, or NONE.
    key = ((np.uint64(left) + np.uint64(1)) << np.uint64(21)) | np.uint64(right)
    place = np.int64((key * np.uint64(_MIX)) >> np.uint64(shift))
    while True:
        slot = load_u64(slots + (place << 3))
        if slot >> np.uint64(22) == key:
            return np.int64(slot & np.uint64(0x3FFFFF))
        if slot == np.uint64(0):
            return np.int64(NONE)
        place = (place + 1) & mask


@inner
def _together(parts: Int, slots: Int, mask: Int, shift: Int, left: Int, right: Int) -> bool:
    # Whether BPE leaves these two tokens side by side. `limit`: only merges made before it may cross the seam.
    limit = np.int64(NONE)
    while True:
        if _made(slots, mask, shift, left, right) < limit:
            return False
        # The later-made of the two comes apart; of equal ones the right one, since merging begins at the left. A byte
        # does not come apart.
        of_left = np.int64(load_u32(parts + (left << 3) + 4))
        of_right = np.int64(load_u32(parts + (right << 3)))
        if of_left != left and (left > right or of_right == right):
            limit = left
            left = of_left
        elif of_right != right:
            limit = right + 1
            right = of_right
        else:
            return True


@inner
def _known_together(memo: Int, parts: Int, slots: Int, mask: Int, shift: Int, left: Int, right: Int) -> bool:
    key = (np.uint64(left) << np.uint64(21) | np.uint64(right)) + np.uint64(1)
    entry = memo + np.int64(((key * np.uint64(_MIX)) >> np.uint64(64 - _MEMO_BITS)) << np.uint64(3))
    known = load_u64(entry)
    if known >> np.uint64(1) == key:
        return known & np.uint64(1) == np.uint64(1)
    found = _together(parts, slots, mask, shift, left, right)
    store_u64(entry, key << np.uint64(1) | np.uint64(1 if found else 0))
    return found


@kernel
def fill_merges(slots: Any, parts: Any, used: Any) -> None:
    """Fill `slots` with the merges that are ever made, which `used` tells; see `LinearTable`."""
    mask = np.int64(slots.size - 1)
    bits = 0
    while (np.int64(1) << bits) < slots.size:
        bits += 1
    shift = np.int64(64 - bits)
    for k in range(256, len(used)):
        left, right = np.int64(parts[2 * k]), np.int64(parts[2 * k + 1])
        used[k] = (
            used[left] and used[right] and _together(address(parts), address(slots), mask, shift, left, right)
        )
        if used[k]:
            key = ((np.uint64(left) + np.uint64(1)) << np.uint64(21)) | np.uint64(right)
            place = np.int64((key * np.uint64(_MIX)) >> np.uint64(shift))
            while slots[place] != np.uint64(0):
                place = (place + 1) & mask
            slots[place] = (key << np.uint64(22)) | np.uint64(k)


@kernel
def fill_shorter(shorter: Any, trie: Any, data: Any, offsets: Any, ids: Any, used: Any) -> None:
    """Write the longest token that each token begins with, other than itself."""
    base = address(data)
    for k in range(len(ids)):
        if used[k]:
            start, stop = base + offsets[ids[k]], base + offsets[ids[k] + 1]
            found = longest_token(address(trie), start, stop - 1)
            if found >= 0:
                shorter[k] = found


@inner
def encode_linear(word: Int, length: Int, table: Any, scratch: Int) -> Any:
    """Encode the `length` >= 1 bytes at address `word`; returns how many ids are left as uint32 from `scratch` on.

    `table` is `LinearTable.addresses`; `scratch` the address of `linear_bytes(length)` bytes, 8-byte aligned, with
    MEMO_BYTES before it that hold zeros or what this function has left there with the same table.
    """
    parts, shorter, lengths, ids, slots, trie, mask, shift = table
    memo = scratch - MEMO_BYTES
    # A bit a place.
    dead = scratch + 4 * (length + 1)
    for i in range((length >> 3) + 1):
        store_u8(dead + i, np.uint8(0))
    count = np.int64(0)
    place = np.int64(0)
    last = np.int64(-1)
    token = longest_token(trie, word, word + length)
    while place < length:
        end = place + np.int64(load_u32(lengths + (token << 2)))
        if (np.int64(load_u8(dead + (end >> 3))) >> (end & 7)) & 1 == 0 and (
            last < 0 or _known_together(memo, parts, slots, mask, shift, last, token)
        ):
            store_u32(scratch + (count << 2), np.uint32(token))
            count += 1
            last = token
            place = end
            token = longest_token(trie, word + place, word + length)
            continue
        less = np.int64(load_u32(shorter + (token << 2)))
        if less != NONE:
            token = less
            continue
        # Nothing goes on from here: the token before was wrong.
        here = dead + (place >> 3)
        store_u8(here, np.uint8(np.int64(load_u8(here)) | np.int64(1) << (place & 7)))
        count -= 1
        token = last
        place -= np.int64(load_u32(lengths + (token << 2)))
        last = np.int64(load_u32(scratch + ((count - 1) << 2))) if count else np.int64(-1)
    for i in range(count):
        store_u32(scratch + (i << 2), load_u32(ids + (np.int64(load_u32(scratch + (i << 2))) << 2)))
    return count
