"""The kernel that cuts documents into pieces, as many as fit in a buffer, and resumes where it stopped."""

import numpy as np
import numpy.typing as npt

from pairloom.operators.jit import address, kernel, store_u64
from pairloom.operators.pretokenize.classes import DIGIT
from pairloom.operators.pretokenize.pieces import piece_end
from pairloom.operators.pretokenize.symbols import DIGITS_LEFT, DIGITS_RUN, DIGITS_SINGLE, digits_end, symbol

__all__ = ["scan"]


@kernel
def scan(
    data: npt.NDArray[np.uint8],
    offsets: npt.NDArray[np.int64],
    index: npt.NDArray[np.uint16],
    blocks: npt.NDArray[np.uint8],
    rules: npt.NDArray[np.int64],
    state: npt.NDArray[np.int64],
    size: int,
    ends: npt.NDArray[np.int64],
) -> int:
    """Write the ends of the next pieces and return how many there are; 0 when all documents are done.

    Stops at the first piece's end that is `size` or more bytes away from where it began, or when `ends` is full. `rules` are int64
    [family, contractions, family's option, digits] as in `pieces.py` and `symbols.py`. `state` is int64 [document, position, end
    of the digits that are already known to come in threes], to begin with [0, offsets[0], 0], and is moved on.
    """
    base = address(data)
    i = address(index)
    b = address(blocks)
    out = address(ends)
    family, short, option, digits = rules[0], rules[1], rules[2], rules[3]
    documents = len(offsets) - 1
    document, position, threes = state[0], state[1], state[2]
    enough = position + size
    count = 0
    while document < documents and count < len(ends) and position < enough:
        stop = base + offsets[document + 1]
        p = base + position
        if p >= stop:
            document += 1
            continue
        while p < stop and count < len(ends) and p - base < enough:
            s = symbol(p, stop, i, b)
            if digits == DIGITS_RUN or s & DIGIT == 0:
                p = piece_end(p, stop, i, b, family, short, option)
            elif digits == DIGITS_SINGLE:
                p += s >> 8
            elif digits == DIGITS_LEFT or p - base < threes:
                p = digits_end(p, stop, i, b, 3)
            else:
                length = 0
                q = p
                while q < stop:
                    s = symbol(q, stop, i, b)
                    if s & DIGIT == 0:
                        break
                    q += s >> 8
                    length += 1
                threes = q - base
                p = digits_end(p, stop, i, b, (length - 1) % 3 + 1)
            store_u64(out + 8 * count, np.uint64(p - base))
            count += 1
        position = p - base
    state[0], state[1], state[2] = document, position, threes
    return count
