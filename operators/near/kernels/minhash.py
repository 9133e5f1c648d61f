"""Signatures of documents by the least of each of many hashes, keys of their bands, and what two documents share."""

import numpy as np
import numpy.typing as npt

from pairloom.operators.kernels.hashing import GOLDEN, mix64
from pairloom.operators.kernels.jit import kernel

__all__ = ["band_keys", "share_of_pairs", "sign"]


@kernel
def sign(
    hashes: npt.NDArray[np.uint64],
    lists: npt.NDArray[np.int64],
    factors: npt.NDArray[np.uint32],
    added: npt.NDArray[np.uint32],
    out: npt.NDArray[np.uint32],
) -> None:
    """The least `factors[k] * x + added[k]`, modulo 2^32, of the upper halves x of a document's hashes: out[i, k]."""
    for i in range(len(lists) - 1):
        least = out[i]
        least[:] = np.uint32(0xFFFFFFFF)
        for j in range(lists[i], lists[i + 1]):
            x = np.uint32(hashes[j] >> np.uint64(32))
            for k in range(len(factors)):
                value = np.uint32(factors[k] * x + added[k])
                least[k] = min(least[k], value)


@kernel
def band_keys(signatures: npt.NDArray[np.uint32], rows: int, out: npt.NDArray[np.uint64]) -> None:
    """A hash of each `rows` numbers of a signature that follow one another."""
    for i in range(len(out)):
        for band in range(out.shape[1]):
            key = np.uint64(0)
            for k in range(band * rows, (band + 1) * rows):
                key = mix64(key * GOLDEN + np.uint64(signatures[i, k]) + GOLDEN)
            out[i, band] = key


@kernel
def share_of_pairs(
    left: npt.NDArray[np.uint64],
    left_lists: npt.NDArray[np.int64],
    right: npt.NDArray[np.uint64],
    right_lists: npt.NDArray[np.int64],
    one: npt.NDArray[np.int64],
    other: npt.NDArray[np.int64],
    out: npt.NDArray[np.float64],
) -> None:
    """The numbers in both of two ascending lists over those in either, for each pair of lists."""
    for i in range(len(one)):
        a, a_end = left_lists[one[i]], left_lists[one[i] + 1]
        b, b_end = right_lists[other[i]], right_lists[other[i] + 1]
        whole = (a_end - a) + (b_end - b)
        both = 0
        while a < a_end and b < b_end:
            x, y = left[a], right[b]
            both += x == y
            a += x <= y
            b += y <= x
        out[i] = both / max(1, whole - both)
