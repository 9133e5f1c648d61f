"""Cutting text before its spaces, 64 bytes at a time."""

import numpy as np
import numpy.typing as npt

from pairloom.operators.kernels.jit import address, kernel, load_u8
from pairloom.operators.kernels.simd import bytes_between, store_positions
from pairloom.operators.text.front.kernels.cut import DOCUMENT, POSITION

__all__ = ["cut_spaces"]

_SPACE = 32


@kernel
def cut_spaces(
    data: npt.NDArray[np.uint8],
    offsets: npt.NDArray[np.int64],
    state: npt.NDArray[np.int64],
    size: int,
    ends: npt.NDArray[np.int64],
) -> int:
    """Write the ends of the next words, of about `size` bytes together, and return how many; as `cut_neighbours`.

    A document is cut before each space that no space is before. There is room in `ends` for `size` words and 192 more.
    """
    base = address(data)
    into = address(ends)
    limit = np.int64(len(data))
    document, position = state[DOCUMENT], state[POSITION]
    from_ = position
    count = np.int64(0)
    while document + 1 < len(offsets):
        stop = offsets[document + 1]
        at = position
        before = np.uint64(1)  # where a word begins, there is no cut
        while at < stop:
            if at + 64 <= limit:
                found = bytes_between(base + at, _SPACE, 1)
                if stop - at < 64:
                    found &= (np.uint64(1) << np.uint64(stop - at)) - np.uint64(1)
            else:
                found = np.uint64(0)
                for i in range(stop - at):
                    if load_u8(base + at + i) == _SPACE:
                        found |= np.uint64(1) << np.uint64(i)
            cuts = found & ~(found << np.uint64(1) | before)
            before = found >> np.uint64(63)
            if cuts != np.uint64(0):
                count += store_positions(cuts, at, into + (count << 3))
                position = ends[count - 1]
                if position - from_ >= size:
                    state[DOCUMENT], state[POSITION] = document, position
                    return count
            at += 64
        if stop > position:
            position = stop
            ends[count] = position
            count += 1
        document += 1
        if position - from_ >= size:
            break
    state[DOCUMENT], state[POSITION] = document, position
    return count
