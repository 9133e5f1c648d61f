"""The characters of valid UTF-8, and what each of them is, for the rules of document steps."""

import numpy as np
import numpy.typing as npt

from pairloom.operators.kernels.jit import inner

__all__ = ["class_of", "step_of"]

Bytes = npt.NDArray[np.uint8]


@inner
def step_of(lead: int) -> int:
    """How many bytes a character takes that begins with this one."""
    if lead < 0xC0:
        return 1
    if lead < 0xE0:
        return 2
    return 3 if lead < 0xF0 else 4


@inner
def class_of(data: Bytes, p: int, block_of: npt.NDArray[np.uint16], blocks: Bytes) -> int:
    """The class byte of the character at `p`, of a table as `classes` makes it."""
    lead = np.int64(data[p])
    if lead < 0x80:
        return np.int64(blocks[lead])
    if lead < 0xE0:
        block, low = lead & 31, np.int64(data[p + 1]) & 63
    elif lead < 0xF0:
        block, low = (lead & 15) << 6 | np.int64(data[p + 1]) & 63, np.int64(data[p + 2]) & 63
    else:
        block = (lead & 7) << 12 | (np.int64(data[p + 1]) & 63) << 6 | np.int64(data[p + 2]) & 63
        low = np.int64(data[p + 3]) & 63
    return np.int64(blocks[np.int64(block_of[block]) * 64 + low])
