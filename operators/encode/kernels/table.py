"""The table of words: how words are packed, hashed, found, and moved to a larger table; see `encode/table.py`."""

from typing import Any

import numpy as np

from pairloom.operators.kernels.jit import (
    address,
    fold_multiply,
    inner,
    kernel,
    load_u8,
    load_u32,
    load_u64,
    store_u64,
)

__all__ = [
    "PROBES",
    "bucket_hash",
    "find_long",
    "find_short",
    "hash_long",
    "high_of",
    "low_of",
    "pack_at_end",
    "rehash_long",
    "rehash_short",
]

PROBES = 32
_K0 = 0x9E3779B97F4A7C15
_K1 = 0xC2B2AE3D27D4EB4F
_K2 = 0xD6E8FEB86659FD93


@inner
def low_of(start: int, length: int) -> Any:
    """Bytes 0..7 of the word of 1 to 15 bytes at address `start`; reads 8 bytes."""
    return load_u64(start) & (np.uint64(0xFFFFFFFFFFFFFFFF) >> np.uint64(64 - 8 * min(length, 8)))


@inner
def high_of(start: int, length: int) -> Any:
    """Bytes 8..14 of the word of 1 to 15 bytes at address `start` and its length; reads 16 bytes."""
    bytes_after = (np.uint64(1) << np.uint64(8 * max(length - 8, 0))) - np.uint64(1)
    return (load_u64(start + 8) & bytes_after) | (np.uint64(length) << np.uint64(56))


@inner
def pack_at_end(start: int, length: int) -> Any:
    """(low, high) of the word of 1 to 15 bytes at address `start`; reads nothing after it."""
    low = np.uint64(0)
    high = np.uint64(length) << np.uint64(56)
    for i in range(length):
        byte = np.uint64(load_u8(start + i))
        if i < 8:
            low |= byte << np.uint64(8 * i)
        else:
            high |= byte << np.uint64(8 * (i - 8))
    return low, high


@inner
def bucket_hash(low: Any, high: Any) -> Any:
    """Mixed bits of a packed word; buckets are chosen by the lowest of them.

    The lowest bits hold those from the middle of the 128-bit product, which depend on every byte.
    """
    return fold_multiply(low ^ np.uint64(_K0), high ^ np.uint64(_K1))


@inner
def find_short(table: int, bucket: int, mask: int, low: Any, high: Any) -> Any:
    """The address of the entry of a packed word, or 0; `bucket` is where its bucket begins in the table at address `table`."""
    for _ in range(PROBES):
        for place in (table + bucket, table + bucket + 32):
            found = load_u64(place + 8)
            if (load_u64(place) ^ low) | ((found ^ high) << np.uint64(4)) == np.uint64(0):
                return place
            if found == np.uint64(0):
                return np.int64(0)
        bucket = (bucket + 64) & mask
    return np.int64(0)


@inner
def hash_long(start: int, length: int) -> Any:
    """64 mixed bits of the word of at least 16 bytes at address `start`; never 0."""
    end = start + length
    mixed = np.uint64(length)
    while start < end - 32:
        mixed = fold_multiply(load_u64(start) ^ mixed, load_u64(start + 8) ^ np.uint64(_K1))
        start += 16
    # What is left are 16 to 32 bytes: the first and the last sixteen of them.
    mixed = fold_multiply(load_u64(start) ^ mixed, load_u64(start + 8) ^ np.uint64(_K1))
    mixed ^= fold_multiply(load_u64(end - 16) ^ np.uint64(_K0), load_u64(end - 8) ^ np.uint64(_K2))
    return fold_multiply(mixed, np.uint64(_K2)) | np.uint64(1)


@inner
def _same_word(left: int, right: int, length: int) -> bool:
    same = load_u64(left + length - 8) == load_u64(right + length - 8)
    i = 0
    while same and i < length - 8:
        same = load_u64(left + i) == load_u64(right + i)
        i += 8
    return same


@inner
def find_long(slots: int, bits: int, arena: int, hashed: Any, start: int, length: int) -> Any:
    """The place of a long word in `slots`, or of the free slot for it; -1 where all probed are taken.

    Returns (place, address of its record or 0).
    """
    mask = (np.int64(1) << bits) - 1
    place = np.int64(hashed >> np.uint64(64 - bits))
    for _ in range(2 * PROBES):
        found = load_u64(slots + (place << 4))
        if found == np.uint64(0):
            return place, np.int64(0)
        if found == hashed:
            record = arena + np.int64(load_u64(slots + (place << 4) + 8))
            if np.int64(load_u32(record)) == length and _same_word(record + 8, start, length):
                return place, record
        place = (place + 1) & mask
    return np.int64(-1), np.int64(0)


@kernel
def rehash_short(old: Any, new: Any) -> Any:
    """Move every entry into an empty table; returns how many entries found room."""
    source, target = address(old), address(new)
    mask = (np.int64(new.size) >> 3) - 1
    moved = 0
    for i in range(old.size >> 2):
        entry = source + (i << 5)
        high = load_u64(entry + 8)
        if high == np.uint64(0):
            continue
        key = high & np.uint64(0x0FFFFFFFFFFFFFFF)
        bucket = np.int64(bucket_hash(load_u64(entry), key)) & mask
        for probe in range(2 * PROBES):
            place = target + (((bucket + (probe >> 1)) & mask) << 6) + ((probe & 1) << 5)
            if load_u64(place + 8) == np.uint64(0):
                for word in range(4):
                    store_u64(place + 8 * word, load_u64(entry + 8 * word))
                moved += 1
                break
    return moved


@kernel
def rehash_long(old: Any, new: Any, bits: int) -> Any:
    """Move every slot into an empty array of 2^bits slots; returns how many found room."""
    source, target = address(old), address(new)
    mask = (np.int64(1) << bits) - 1
    moved = 0
    for i in range(old.size >> 1):
        hashed = load_u64(source + (i << 4))
        if hashed == np.uint64(0):
            continue
        place = np.int64(hashed >> np.uint64(64 - bits))
        for _ in range(2 * PROBES):
            if load_u64(target + (place << 4)) == np.uint64(0):
                store_u64(target + (place << 4), hashed)
                store_u64(target + (place << 4) + 8, load_u64(source + (i << 4) + 8))
                moved += 1
                break
            place = (place + 1) & mask
    return moved
