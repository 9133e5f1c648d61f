"""The kernel that puts something between the bytes of documents, at equal distances."""

import numpy as np
import numpy.typing as npt

from pairloom.operators.kernels.jit import address, copy_bytes, kernel, signed

__all__ = ["insert_runs"]


@kernel
def insert_runs(
    start: npt.NDArray[np.int64],
    size: npt.NDArray[np.int64],
    every: int,
    count: npt.NDArray[np.int64],
    run: npt.NDArray[np.uint8],
    out: npt.NDArray[np.uint8],
) -> None:
    """Copy documents, `size[i]` bytes at the address `start[i]`, with `run` behind every `every` bytes, `count[i]` times."""
    source, length = address(run), signed(run.size)
    to = address(out)
    for i in range(len(start)):
        at = start[i]
        for _ in range(count[i]):
            copy_bytes(at, to, every)
            copy_bytes(source, to + every, length)
            at += every
            to += every + length
        rest = size[i] - count[i] * every
        copy_bytes(at, to, rest)
        to += rest
