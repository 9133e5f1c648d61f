"""The coordinator's counts of pairs: of ids as they are after the merges made so far, whatever the partitions have on trial.

Table: open addressing, two uint64 a slot: (left << 32 | right) + 1, or zero where empty, and the count.
"""

import numpy as np
import numpy.typing as npt

from pairloom.operators.kernels.jit import address, inner, kernel, load_u64, signed, store_u64
from pairloom.operators.models.bpe.kernels.pairs import find_slot

__all__ = ["COUNT", "add_pairs", "find_count", "look_up"]

# Bytes a slot.
COUNT = 16

_ZERO = np.uint64(0)
_MOST = (1 << 63) - 1


@inner
def find_count(table: int, mask: int, key: np.uint64) -> int:
    """The address of the slot that holds `key`, or of the empty one where it belongs."""
    return find_slot(table, mask, key, COUNT)


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
