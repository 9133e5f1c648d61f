"""How well documents follow a secret sequence of numbers, by the best alignment of some of their tokens with it."""

import numpy as np
import numpy.typing as npt

from pairloom.operators.kernels.jit import kernel

__all__ = ["follow_keys"]


@kernel
def follow_keys(
    ids: npt.NDArray[np.int64],
    offsets: npt.NDArray[np.int64],
    keys: npt.NDArray[np.uint64],
    rows: int,
    block: int,
    most: int,
    costs: npt.NDArray[np.float64],
    out: npt.NDArray[np.float64],
) -> None:
    """Write out[document, key]: the lowest mean cost of `block` tokens that follow one another, over all places and all shifts.

    Token `t` at row `r` of a key costs `costs[u >> 52]` (float64[4096]), u being what the finalizer of SplitMix64 makes of
    key + (r 2^32 + t + 1) 0x9E3779B97F4A7C15. Rows come round again. Of each document the first `most` tokens are looked at; a
    document with fewer than `block` is a block, and one without tokens costs 0.
    """
    here = np.empty(most, np.float64)
    for document in range(len(offsets) - 1):
        begin = offsets[document]
        many = min(most, offsets[document + 1] - begin)
        width = min(block, many)
        for k in range(len(keys)):
            best = 0.0
            for shift in range(rows if many > 0 else 0):
                whole = 0.0
                row = shift
                for j in range(many):
                    x = keys[k] + np.uint64((row << 32) + ids[begin + j] + 1) * np.uint64(0x9E3779B97F4A7C15)
                    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
                    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
                    x ^= x >> np.uint64(31)
                    here[j] = costs[np.int64(x >> np.uint64(52))]
                    whole += here[j]
                    if j >= width:
                        whole -= here[j - width]
                    if j >= width - 1 and whole < best:
                        best = whole
                    row = row + 1 if row + 1 < rows else 0
            out[document, k] = best / width if width > 0 else 0.0
