"""The seeded permutation of rows."""

import numpy as np
import numpy.typing as npt

from pairloom.operators.kernels.hashing import GOLDEN
from pairloom.operators.kernels.jit import kernel

__all__ = ["permute", "warm_up"]


@kernel
def permute(
    indices: npt.NDArray[np.int64],
    size: int,
    bits: int,
    keys: npt.NDArray[np.uint64],
    out: npt.NDArray[np.int64],
) -> None:
    """Write where each index goes: a Feistel network over 2 * `bits` bits, walked until it lands below `size`.

    `keys` (uint64) are those of the rounds.
    """
    half = np.uint64(bits)
    mask = (np.uint64(1) << half) - np.uint64(1)
    length = np.uint64(size)
    for i in range(len(indices)):
        x = np.uint64(indices[i])
        while True:
            left = x >> half
            right = x & mask
            for r in range(len(keys)):
                f = (right ^ keys[r]) * GOLDEN
                f ^= f >> np.uint64(29)
                f *= np.uint64(0xBF58476D1CE4E5B9)
                f ^= f >> np.uint64(32)
                left, right = right, left ^ (f & mask)
            x = (left << half) | right
            if x < length:
                break
        out[i] = np.int64(x)


def warm_up(schemes: tuple[str, ...]) -> None:
    """Permute a few rows, and number a document."""
    import pyarrow as pa

    from pairloom.operators.selection.order import document_numbers, permutation

    permutation(3, 0)
    document_numbers(pa.array(["a"]))
