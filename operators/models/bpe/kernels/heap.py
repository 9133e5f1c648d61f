"""A heap of pairs: the highest count first, among equal counts the smaller pair.

An entry is two uint64, count and key; each entry has up to four children, so that they share a cache line.
"""

import numpy as np
import numpy.typing as npt

from pairloom.operators.kernels.jit import address, inner, kernel, load_u64, signed, store_u64
from pairloom.operators.models.bpe.kernels.pairs import find_slot

__all__ = ["add_ranked", "drop_top", "heap_of", "push", "refresh_top", "sift_down", "take_from"]

# Bytes of an entry.
ENTRY = 16


@inner
def _before(count: np.uint64, key: np.uint64, other_count: np.uint64, other_key: np.uint64) -> bool:
    return bool(count > other_count or (count == other_count and key < other_key))


@inner
def push(heap: int, size: int, count: np.uint64, key: np.uint64) -> None:
    """Add an entry to a heap of `size` entries at the address `heap`."""
    at = size
    while at > 0:
        parent = (at - 1) >> 2
        above = heap + ENTRY * parent
        if not _before(count, key, load_u64(above), load_u64(above + 8)):
            break
        store_u64(heap + ENTRY * at, load_u64(above))
        store_u64(heap + ENTRY * at + 8, load_u64(above + 8))
        at = parent
    store_u64(heap + ENTRY * at, count)
    store_u64(heap + ENTRY * at + 8, key)


@inner
def sift_down(heap: int, size: int, at: int, count: np.uint64, key: np.uint64) -> None:
    """Put an entry into the subtree at `at`, whose root is free."""
    while True:
        child = 4 * at + 1
        if child >= size:
            break
        best = child
        best_count, best_key = load_u64(heap + ENTRY * child), load_u64(heap + ENTRY * child + 8)
        for other in range(child + 1, min(child + 4, size)):
            other_count, other_key = load_u64(heap + ENTRY * other), load_u64(heap + ENTRY * other + 8)
            if _before(other_count, other_key, best_count, best_key):
                best, best_count, best_key = other, other_count, other_key
        if not _before(best_count, best_key, count, key):
            break
        store_u64(heap + ENTRY * at, best_count)
        store_u64(heap + ENTRY * at + 8, best_key)
        at = best
    store_u64(heap + ENTRY * at, count)
    store_u64(heap + ENTRY * at + 8, key)


@inner
def drop_top(heap: int, size: int) -> int:
    """Take the top out of a heap of `size` entries; returns the new size."""
    last = heap + ENTRY * (size - 1)
    sift_down(heap, size - 1, 0, load_u64(last), load_u64(last + 8))
    return size - 1


@inner
def refresh_top(heap: int, size: int, table: int, mask: int, slot_bytes: int, threshold: int) -> int:
    """Bring the best pair to the top with its true count, dropping what fell below the threshold; the heap's size.

    A count in the heap may be out of date, and is then too high. The true ones are in `table`, of slots (key, count, ...).
    """
    while size:
        key = load_u64(heap + 8)
        slot = find_slot(table, mask, key, slot_bytes)
        count = signed(load_u64(slot + 8)) if load_u64(slot) == key else 0
        if count == signed(load_u64(heap)):
            break
        if count >= threshold:
            sift_down(heap, size, 0, np.uint64(count), key)
        else:
            size = drop_top(heap, size)
    return size


@inner
def take_from(slot: int, weight: int) -> None:
    """Lower the count of the pair in a slot (key, count, ...) at an address."""
    store_u64(slot + 8, np.uint64(signed(load_u64(slot + 8)) - weight))


@inner
def add_ranked(slot: int, heap: int, size: int, key: np.uint64, weight: int) -> None:
    """Write a pair that arose to its slot (key, count, ...) and into the heap of `size` entries; takes addresses."""
    store_u64(slot, key)
    store_u64(slot + 8, np.uint64(weight))
    push(heap, size, np.uint64(weight), key)


@kernel
def heap_of(table: npt.NDArray[np.uint64], heap: npt.NDArray[np.uint64]) -> int:
    """Make a heap of the hot pairs of a table that `tally` has filled; returns its size.

    Also turns the places that `tally` advanced while filling back to the beginnings of the lists.
    """
    base = address(heap)
    size = 0
    for i in range(0, len(table), 4):
        if table[i + 3]:
            table[i + 2] -= table[i + 3]
            store_u64(base + ENTRY * size, table[i + 1])
            store_u64(base + ENTRY * size + 8, table[i])
            size += 1
    for at in range((size - 2) >> 2, -1, -1):
        sift_down(base, size, at, load_u64(base + ENTRY * at), load_u64(base + ENTRY * at + 8))
    return size
