"""The tokens of planned rows, copied from where they are."""

import numpy as np
import numpy.typing as npt

from pairloom.operators.kernels.jit import address, copy_bytes, kernel

__all__ = ["gather_rows"]


@kernel
def gather_rows(
    start: npt.NDArray[np.int64],
    rows: npt.NDArray[np.int64],
    document: npt.NDArray[np.int64],
    offset: npt.NDArray[np.int64],
    length: npt.NDArray[np.int32],
    pad: int,
    out: npt.NDArray[np.uint32],
) -> None:
    """Write rows of `seq_len` values (`out`, [rows, seq_len]), with `pad` where they hold none.

    Row `r` has the segments `rows[r]:rows[r + 1]`; segment `s` is `length[s]` values of `document[s]` from its value
    `offset[s]` on, and documents begin at the addresses `start`.
    """
    width = out.itemsize
    for r in range(len(rows) - 1):
        at = np.int64(0)
        base = address(out) + r * out.shape[1] * width
        for s in range(rows[r], rows[r + 1]):
            size = np.int64(length[s])
            copy_bytes(start[document[s]] + offset[s] * width, base + at * width, size * width)
            at += size
        for i in range(at, out.shape[1]):
            out[r, i] = pad
