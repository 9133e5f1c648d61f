"""An open-addressed table of keys, for kernels that number what they meet: int64 keys of 0 or more, -1 where one is free."""

import numpy as np
import numpy.typing as npt

from pairloom.operators.kernels.jit import inner

__all__ = ["empty_slots", "slot_of"]

_SPREAD = np.uint64(0x9E3779B97F4A7C15)  # 2**64 over the golden ratio


def empty_slots(entries: int) -> npt.NDArray[np.int64]:
    """A table that so many entries fill to half at most; its size is a power of two."""
    return np.full(1 << max(4, (2 * entries - 1).bit_length()), -1, np.int64)


@inner
def slot_of(keys: npt.NDArray[np.int64], key: int) -> int:
    """Where a key stands in a table, or where it would."""
    mask = len(keys) - 1
    slot = np.int64((np.uint64(key) * _SPREAD) >> np.uint64(24)) & mask
    while keys[slot] != key and keys[slot] >= 0:
        slot = (slot + 1) & mask
    return slot
