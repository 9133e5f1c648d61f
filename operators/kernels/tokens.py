"""Documents of tokens by address: copied together, and hashed."""

import numpy as np
import numpy.typing as npt

from pairloom.operators.kernels.hashing import mix64, xxh64
from pairloom.operators.kernels.jit import address, copy_bytes, kernel

__all__ = ["copy_documents", "fingerprint_column", "fingerprint_documents"]


@kernel
def copy_documents(
    start: npt.NDArray[np.int64], size: npt.NDArray[np.int64], out: npt.NDArray[np.uint8]
) -> None:
    """Copy documents one after another into `out`; document `i` is `size[i]` bytes from the address `start[i]` on."""
    target = address(out)
    for i in range(len(start)):
        copy_bytes(start[i], target, size[i])
        target += size[i]


@kernel
def fingerprint_documents(
    start: npt.NDArray[np.int64],
    size: npt.NDArray[np.int64],
    keys: npt.NDArray[np.uint64],
    numbers: npt.NDArray[np.uint64],
    content_seed: np.uint64,
    second_seed: np.uint64,
    out: npt.NDArray[np.uint64],
) -> None:
    """Write three words for each document (uint64[n, 3]): its content, and 128 bits of (key, number, content).

    Documents are as in `copy_documents`.
    """
    for i in range(len(start)):
        content = xxh64(start[i], size[i], content_seed)
        second = xxh64(start[i], size[i], second_seed)
        out[i, 0] = content
        out[i, 1] = mix64(mix64(content ^ keys[i]) ^ numbers[i])
        out[i, 2] = mix64(mix64(second ^ keys[i]) ^ numbers[i])


@kernel
def fingerprint_column(
    start: npt.NDArray[np.int64],
    size: npt.NDArray[np.int64],
    content_seed: np.uint64,
    second_seed: np.uint64,
    out: npt.NDArray[np.uint64],
) -> None:
    """Let a further column change the second and the third word."""
    for i in range(len(start)):
        out[i, 1] = mix64(out[i, 1] ^ xxh64(start[i], size[i], content_seed))
        out[i, 2] = mix64(out[i, 2] ^ xxh64(start[i], size[i], second_seed))
