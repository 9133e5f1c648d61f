"""Cutting normalized text between neighbouring characters, by their classes; see `pieces.py`."""

import numpy as np
import numpy.typing as npt

from pairloom.operators.kernels.jit import address, kernel, load_u8
from pairloom.operators.text.normalize.kernels.quick import character

__all__ = ["CLASSES", "POSITION", "cut_neighbours"]

CLASSES = 256
# What `state` holds: the document, the position in the data.
DOCUMENT, POSITION = 0, 1


@kernel
def cut_neighbours(
    data: npt.NDArray[np.uint8],
    offsets: npt.NDArray[np.int64],
    classes: npt.NDArray[np.uint8],
    apart: npt.NDArray[np.uint8],
    state: npt.NDArray[np.int64],
    size: int,
    ends: npt.NDArray[np.int64],
) -> int:
    """Write the ends of the next pieces, of about `size` bytes together, and return how many.

    A document is cut between two characters of the classes a and b where `apart[a * CLASSES + b]` is set. Classes below 128 may
    be those of ASCII alone or of others as well.
    """
    base = address(data)
    table, matrix = address(classes), address(apart)
    document, position = state[DOCUMENT], state[POSITION]
    from_ = position
    count = 0
    while document + 1 < len(offsets):
        stop = base + offsets[document + 1]
        p = base + position
        last = np.int64(-1)
        while p < stop:
            lead = np.int64(load_u8(p))
            length = np.int64(1)
            if lead >= 0x80:
                one = np.int64(character(p, stop))
                length = max(np.int64(1), one & 7)
                lead = one >> 3 if one != 0 else np.int64(0xFFFD)
            now = np.int64(load_u8(table + lead))
            if last >= 0 and load_u8(matrix + (last * CLASSES + now)) != 0:
                ends[count] = p - base
                count += 1
                position = p - base
                if position - from_ >= size:
                    state[DOCUMENT], state[POSITION] = document, position
                    return count
            last = now
            p += length
        if offsets[document + 1] > position:
            position = offsets[document + 1]
            ends[count] = position
            count += 1
        document += 1
        if position - from_ >= size:
            break
    state[DOCUMENT], state[POSITION] = document, position
    return count
