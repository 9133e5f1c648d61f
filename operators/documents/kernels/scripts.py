"""How many letters of documents are of some scripts."""

import numpy as np
import numpy.typing as npt

from pairloom.operators.documents.kernels.points import class_of, step_of
from pairloom.operators.kernels.jit import kernel

__all__ = ["count_letters"]


@kernel
def count_letters(
    data: npt.NDArray[np.uint8],
    offsets: npt.NDArray[np.int64],
    block_of: npt.NDArray[np.uint16],
    blocks: npt.NDArray[np.uint8],
    out: npt.NDArray[np.int64],
) -> None:
    """Write `out[i]` (int64[n, 2]): the letters of each document, and those that are wanted; bits 1 and 2 of a class say so."""
    for i in range(len(offsets) - 1):
        p, stop = offsets[i], offsets[i + 1]
        letters = wanted = 0
        while p < stop:
            kind = class_of(data, p, block_of, blocks)
            letters += kind & 1
            wanted += kind >> 1 & 1
            p += step_of(np.int64(data[p]))
        out[i, 0], out[i, 1] = letters, wanted
