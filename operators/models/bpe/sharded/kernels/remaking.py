"""Merges made in words of symbols, for a partition that begins after they were made."""

from typing import Any

import numpy as np
import numpy.typing as npt

from pairloom.operators.kernels.jit import address, kernel, load_u32, store_u32
from pairloom.operators.models.bpe.kernels.word import merge_symbols

__all__ = ["merge_words"]


@kernel
def merge_words(
    ids: npt.NDArray[np.uint32],
    offsets: npt.NDArray[np.int64],
    slots: npt.NDArray[np.uint64],
    products: npt.NDArray[np.uint32],
    scratch: npt.NDArray[np.uint64],
    bounds: npt.NDArray[np.int64],
) -> Any:
    """Merge each word of `ids`, which are written over; word i is `ids[bounds[i]:bounds[i + 1]]` then.

    `slots` and `products` are those of `merge_symbols`, whose `scratch` has room for the longest word.
    """
    bits = 0
    while (np.int64(1) << bits) < slots.size:
        bits += 1
    mask, shift, place = np.int64(slots.size - 1), np.int64(64 - bits), address(scratch)
    at = np.int64(0)
    bounds[0] = 0
    for i in range(len(offsets) - 1):
        start = offsets[i]
        count = offsets[i + 1] - start
        for k in range(count):
            store_u32(place + (k << 2), ids[start + k])
        if count > 1:
            count = np.int64(
                merge_symbols(
                    count, count, address(slots), address(products), mask, shift, np.int64(0), place
                )
            )
        for k in range(count):
            ids[at + k] = load_u32(place + (k << 2))
        at += count
        bounds[i + 1] = at
