"""The kernel that cuts documents into chunks of random lengths."""

import numpy as np
import numpy.typing as npt

from pairloom.operators.kernels.hashing import GOLDEN, mix64
from pairloom.operators.kernels.jit import address, kernel, load_u8

__all__ = ["POSITION", "cut_chunks"]

# What `state` holds: the document, the position in the data, the draws made in the document.
DOCUMENT, POSITION, DRAWS = 0, 1, 2


@kernel
def cut_chunks(
    data: npt.NDArray[np.uint8],
    offsets: npt.NDArray[np.int64],
    keys: npt.NDArray[np.uint64],
    ranges: npt.NDArray[np.int64],
    bounds: npt.NDArray[np.uint64],
    state: npt.NDArray[np.int64],
    ends: npt.NDArray[np.int64],
) -> int:
    """Write the ends of the next chunks and return how many; `state` is int64[3].

    Draw i of a document is SplitMix64 of its key (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014):
    the upper 32 bits choose the range, the lower ones the length.
    """
    base = address(data)
    document, position, draws = state[DOCUMENT], state[POSITION], state[DRAWS]
    count = 0
    while document < len(keys) and count < len(ends):
        stop = offsets[document + 1]
        if position >= stop:
            document += 1
            draws = 0
            continue
        draws += 1
        z = mix64(keys[document] + np.uint64(draws) * GOLDEN)
        chosen = 0
        while z >> np.uint64(32) >= bounds[chosen]:
            chosen += 1
        least, most = ranges[chosen, 0], ranges[chosen, 1]
        within = (z & np.uint64(0xFFFFFFFF)) * np.uint64(most - least + 1) >> np.uint64(32)
        left = least + np.int64(within)
        while position < stop:
            # A character begins with a byte that continues none.
            if np.int64(load_u8(base + position)) & 0xC0 != 0x80:
                if left == 0:
                    break
                left -= 1
            position += 1
        ends[count] = position
        count += 1
    state[DOCUMENT], state[POSITION], state[DRAWS] = document, position, draws
    return count
