"""The kernel that cuts documents into lines."""

from typing import Any

import numpy as np

from pairloom.operators.kernels.jit import kernel, load_u8, load_u64, store_u64
from pairloom.operators.kernels.simd import bytes_between, population, store_positions

__all__ = ["SPARE", "cut_lines"]

SPARE = 64


@kernel
def cut_lines(data: int, size: int, offsets: int, documents: int, out: int, room: int) -> Any:
    r"""Where documents and their lines begin and end, ascending, each place once; returns how many places.

    `data` is the address of `size` bytes, `offsets` that of where the documents begin and end (int64, one more than `documents`).
    Places are written to the address `out` (int64), which has room for so many and `SPARE` more; with no room they are counted.
    A line ends after its `\n`.
    """
    low = np.int64(load_u64(offsets))
    high = np.int64(load_u64(offsets + (documents << 3)))
    if room:
        store_u64(out, np.uint64(low))
    count = np.int64(1)
    document = np.int64(1)
    at = low
    while at < high:
        width = min(np.int64(64), high - at)
        found = np.uint64(0)
        if at + 64 <= size:
            found = bytes_between(data + at, 10, 1) & (np.uint64(0xFFFFFFFFFFFFFFFF) >> np.uint64(64 - width))
        else:
            for i in range(width):
                found |= np.uint64(load_u8(data + at + i) == 10) << np.uint64(i)
        while document <= documents:
            end = np.int64(load_u64(offsets + (document << 3)))
            if end > at + 64:
                break
            if end > at:
                found |= np.uint64(1) << np.uint64(end - at - 1)
            document += 1
        if room:
            store_positions(found, at + 1, out + (count << 3))
        count += population(found)
        at += 64
    return count
