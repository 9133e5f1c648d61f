"""A hash table of words and counts: one cache line a probe, no object a word.

A word of at most 15 bytes is its own key: the bytes in two uint64, little-endian and zero-padded, the length in the
topmost byte. A longer word keeps its bytes in an arena, and its key is their XXH64 and their place. Slots of three uint64
(low, high, count) are probed one after another from where the hash points; `high` is zero in an empty slot. The hash is
seeded, so that no corpus can be written to make words collide; nothing that leaves the table depends on the seed.

Sources: the packed 16-byte key is gigatoken's (github.com/marcelroed/gigatoken); the folded multiplication wyhash's.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pairloom.operators.kernels.hashing import xxh64
from pairloom.operators.kernels.jit import (
    address,
    fold_multiply,
    inner,
    kernel,
    load_u8,
    load_u64,
    prefetch,
    signed,
    store_u64,
)

__all__ = [
    "ARENA_FULL",
    "BAD_ENDS",
    "BATCH",
    "DONE",
    "FILLED",
    "HEADER",
    "LONG",
    "MISSING",
    "NEXT",
    "SLOT",
    "TABLE_FULL",
    "USED",
    "count_pieces",
    "rehash",
]

# Bytes a slot.
SLOT = 24
# Pieces hashed ahead of their probes: long enough to hide memory, short enough for the first-level cache.
BATCH = 128
# The topmost byte of `high` where the word lies in the arena.
LONG = 0xFF
# Bytes before a word in the arena: its length.
HEADER = 8
# Words of more bytes than this are long.
SHORT = 15

# How `count_pieces` ends.
DONE, TABLE_FULL, ARENA_FULL, BAD_ENDS = 0, 1, 2, 3
# What `state` holds: distinct words, bytes used in the arena, the piece to go on with, bytes missing in the arena.
USED, FILLED, NEXT, MISSING = 0, 1, 2, 3

_ONES = np.uint64(0xFFFFFFFFFFFFFFFF)
_ZERO = np.uint64(0)
_ONE = np.uint64(1)
_TOP = np.uint64(56)
_LONG = np.uint64(LONG)
_PLACE = np.uint64((1 << 56) - 1)


@inner
def _same_bytes(left: int, right: int, length: int) -> bool:
    """Whether `length` bytes at two addresses are equal."""
    i = 0
    while i + 8 <= length:
        if load_u64(left + i) != load_u64(right + i):
            return False
        i += 8
    while i < length:
        if load_u8(left + i) != load_u8(right + i):
            return False
        i += 1
    return True


@inner
def _pack_bytes(start: int, length: int) -> tuple[np.uint64, np.uint64]:
    """The key of a short word, read byte by byte: for the last 15 bytes of the data."""
    low = _ZERO
    high = np.uint64(length) << _TOP
    for i in range(length):
        byte = np.uint64(load_u8(start + i))
        if i < 8:
            low |= byte << np.uint64(8 * i)
        else:
            high |= byte << np.uint64(8 * i - 64)
    return low, high


class _Store(NamedTuple):
    """Where the table (of `mask` + 1 slots), the arena (of `room` bytes) and the state are: addresses."""

    table: int
    mask: int
    arena: int
    room: int
    state: int


@inner
def _insert_long(store: _Store, place: int, digest: np.uint64, word: int, length: int) -> bool:
    """Count one long word; False where the arena has no room for it."""
    while True:
        slot = store.table + SLOT * place
        high = load_u64(slot + 8)
        if high == _ZERO:
            filled = signed(load_u64(store.state + 8 * FILLED))
            need = HEADER + ((length + 7) & ~7)
            if filled + need > store.room:
                store_u64(store.state + 8 * MISSING, np.uint64(need))
                return False
            store_u64(store.arena + filled, np.uint64(length))
            target = store.arena + filled + HEADER
            i = 0
            while i + 8 <= length:
                store_u64(target + i, load_u64(word + i))
                i += 8
            if i < length:
                tail = _ZERO
                for k in range(length - i):
                    tail |= np.uint64(load_u8(word + i + k)) << np.uint64(8 * k)
                store_u64(target + i, tail)
            store_u64(slot, digest)
            store_u64(slot + 8, (_LONG << _TOP) | np.uint64(filled))
            store_u64(slot + 16, _ONE)
            store_u64(store.state + 8 * FILLED, np.uint64(filled + need))
            store_u64(store.state + 8 * USED, load_u64(store.state + 8 * USED) + _ONE)
            return True
        if high >> _TOP == _LONG and load_u64(slot) == digest:
            held = store.arena + signed(high & _PLACE)
            if signed(load_u64(held)) == length and _same_bytes(held + HEADER, word, length):
                store_u64(slot + 16, load_u64(slot + 16) + _ONE)
                return True
        place = (place + 1) & store.mask


@kernel
def count_pieces(
    data: npt.NDArray[np.uint8],
    start: int,
    ends: npt.NDArray[np.int64],
    table: npt.NDArray[np.uint64],
    arena: npt.NDArray[np.uint8],
    seeds: npt.NDArray[np.uint64],
    scratch: npt.NDArray[np.uint64],
    state: npt.NDArray[np.int64],
) -> int:
    """Count the pieces of one block, from piece `state[NEXT]` on.

    `table` is uint64[3 * 2^k] with 2^k >= 4 * BATCH, zero where empty; `arena` uint8; `seeds` uint64[2]; `scratch`
    uint64[3 * BATCH]; `state` int64[4]. Returns DONE, TABLE_FULL or ARENA_FULL (enlarge and call again; `state` says where
    to go on and how much is missing), or BAD_ENDS where ends do not ascend within the data (`state[NEXT]` is the batch).
    Each batch is hashed first and its slots asked for, then probed, so that the misses overlap.
    """
    base, size = address(data), len(data)
    slots, capacity = address(table), len(table) // 3
    ahead, stops = address(scratch), address(ends)
    mask = capacity - 1
    store = _Store(slots, mask, address(arena), len(arena), address(state))
    shift = np.uint64(64)
    rest = capacity
    while rest > 1:
        rest >>= 1
        shift -= _ONE
    seed_low, seed_high = seeds[0], seeds[1]
    limit = capacity - capacity // 4
    i, n = state[NEXT], len(ends)
    low_end = start if i == 0 else ends[i - 1]
    while i < n:
        m = min(BATCH, n - i)
        state[NEXT] = i
        if state[USED] + m > limit:
            return TABLE_FULL
        first = low_end
        for k in range(m):
            end = signed(load_u64(stops + 8 * (i + k)))
            length = end - low_end
            if length < 0 or low_end < 0 or end > size:
                return BAD_ENDS
            p = base + low_end
            low_end = end
            if length <= SHORT:
                if p + 16 <= base + size:
                    bits = 8 * length
                    low = load_u64(p) & (_ONES >> np.uint64(min(max(64 - bits, 0), 63)))
                    high = load_u64(p + 8) & ((_ONE << np.uint64(max(bits - 64, 0))) - _ONE)
                    high |= np.uint64(length) << _TOP
                else:
                    low, high = _pack_bytes(p, length)
                digest = fold_multiply(low ^ seed_low, high ^ seed_high)
            else:
                low, high = xxh64(p, length, seed_low), _LONG << _TOP
                digest = low
            place = digest >> shift
            prefetch(slots + SLOT * signed(place))
            prefetch(slots + SLOT * signed(place) + SLOT - 1)
            store_u64(ahead + 24 * k, low)
            store_u64(ahead + 24 * k + 8, high)
            store_u64(ahead + 24 * k + 16, place)
        added = 0
        for k in range(m):
            low = load_u64(ahead + 24 * k)
            high = load_u64(ahead + 24 * k + 8)
            place = signed(load_u64(ahead + 24 * k + 16))
            if high >> _TOP == _LONG:
                word = first if k == 0 else ends[i + k - 1]
                state[USED] += added
                added = 0
                if not _insert_long(store, place, low, base + word, ends[i + k] - word):
                    state[NEXT] = i + k
                    return ARENA_FULL
                continue
            while high != _ZERO:
                slot = slots + SLOT * place
                found = load_u64(slot + 8)
                if found == high and load_u64(slot) == low:
                    store_u64(slot + 16, load_u64(slot + 16) + _ONE)
                    break
                if found == _ZERO:
                    store_u64(slot, low)
                    store_u64(slot + 8, high)
                    store_u64(slot + 16, _ONE)
                    added += 1
                    break
                place = (place + 1) & mask
        state[USED] += added
        i += m
    state[NEXT] = n
    return DONE


@kernel
def rehash(old: npt.NDArray[np.uint64], new: npt.NDArray[np.uint64], seeds: npt.NDArray[np.uint64]) -> None:
    """Move every word of `old` to the larger, empty table `new`."""
    source, target = address(old), address(new)
    capacity = len(new) // 3
    mask = capacity - 1
    shift = np.uint64(64)
    rest = capacity
    while rest > 1:
        rest >>= 1
        shift -= _ONE
    for i in range(len(old) // 3):
        low, high = load_u64(source + SLOT * i), load_u64(source + SLOT * i + 8)
        if high == _ZERO:
            continue
        digest = low if high >> _TOP == _LONG else fold_multiply(low ^ seeds[0], high ^ seeds[1])
        place = signed(digest >> shift)
        while load_u64(target + SLOT * place + 8) != _ZERO:
            place = (place + 1) & mask
        slot = target + SLOT * place
        store_u64(slot, low)
        store_u64(slot + 8, high)
        store_u64(slot + 16, load_u64(source + SLOT * i + 16))
