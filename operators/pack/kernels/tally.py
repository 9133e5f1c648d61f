"""A tally of tokens by hash, whatever their order."""

import numpy as np
import numpy.typing as npt

from pairloom.operators.kernels.hashing import GOLDEN, mix64
from pairloom.operators.kernels.jit import kernel, load_u8, load_u16, load_u32

__all__ = ["add_segments", "add_values"]


@kernel
def add_segments(
    tally: npt.NDArray[np.uint64],
    starts: npt.NDArray[np.int64],
    width: int,
    lengths: npt.NDArray[np.int64],
    documents: npt.NDArray[np.int64],
    offsets: npt.NDArray[np.int64],
    column: np.uint64,
) -> None:
    """Add the hashes of segments of a column of tokens: segment `s` has `lengths[s]` values of `width` bytes from `starts[s]` on.

    Its tokens are those of `documents[s]` from its token `offsets[s]` on. `starts` are addresses; `column` is the hash of the
    column's name, 0 for the ids.
    """
    mask = np.uint64(len(tally) - 1)
    for s in range(len(starts)):
        document = np.uint64(documents[s])
        seed = mix64(document + GOLDEN) ^ column
        total = np.uint64(0)
        for i in range(lengths[s]):
            at = starts[s] + i * width
            if width == 2:
                value = np.uint64(load_u16(at))
            elif width == 4:
                value = np.uint64(load_u32(at))
            else:
                value = np.uint64(load_u8(at))
            place = np.uint64(offsets[s] + i) << np.uint64(32)
            total += mix64(seed + (place | value) * GOLDEN)
        tally[np.int64(document & mask)] += total


@kernel
def add_values(
    tally: npt.NDArray[np.uint64],
    values: npt.NDArray[np.uint64],
    lengths: npt.NDArray[np.int64],
    documents: npt.NDArray[np.int64],
    column: np.uint64,
) -> None:
    """Add the hashes of segments' values of a column of documents, each `lengths[s]` times."""
    mask = np.uint64(len(tally) - 1)
    for s in range(len(values)):
        document = np.uint64(documents[s])
        seed = mix64(document + GOLDEN) ^ column
        tally[np.int64(document & mask)] += np.uint64(lengths[s]) * mix64(seed + values[s] * GOLDEN)
