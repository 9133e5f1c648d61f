"""Normalizing character by character, by a table; see `normal.py`."""

import numpy as np
import numpy.typing as npt

from pairloom.operators.kernels.jit import address, inner, kernel, load_u8, load_u64, store_u8
from pairloom.operators.text.normalize.kernels.quick import character

__all__ = [
    "HARD",
    "JOIN_RUNS",
    "KEEP",
    "LONGEST",
    "PREFIX",
    "PREPEND",
    "REPLACED",
    "STRIP_LEFT",
    "STRIP_RIGHT",
    "UNKNOWN",
    "rewrite",
    "unknown_points",
]

# What the table says of a code point: not asked for yet, as it is, what depends on others, asked for right now; from
# REPLACED on, where its replacement is: REPLACED + (place in the pool << 6 | its bytes).
UNKNOWN, KEEP, HARD, ASKED, REPLACED = range(5)
LONGEST = 48  # bytes of a replacement
# Bits of what is done to a segment.
JOIN_RUNS, STRIP_LEFT, STRIP_RIGHT, PREFIX, PREPEND = 1, 2, 4, 8, 16

_HIGH = np.uint64(0x8080808080808080)
_SPACE = 32


@kernel
def unknown_points(
    data: npt.NDArray[np.uint8],
    offsets: npt.NDArray[np.int64],
    table: npt.NDArray[np.int32],
    found: npt.NDArray[np.int64],
) -> int:
    """Write the code points of which the table knows nothing, each once, as far as there is room; how many there are."""
    p = address(data) + offsets[0]
    stop = address(data) + offsets[-1]
    count = 0
    while p < stop:
        if p + 8 <= stop and load_u64(p) & _HIGH == np.uint64(0):
            p += 8
            continue
        one = character(p, stop)
        if one == 0:
            p += 1
            continue
        point = one >> 3
        if table[point] == UNKNOWN:
            if count == len(found):
                break
            table[point] = ASKED
            found[count] = point
            count += 1
        p += one & 7
    return count


@inner
def _put(byte: int, at: int, begin: int, content: int, does: int) -> tuple[int, int]:
    """Write a byte of a segment that began at `begin` and whose text began at `content` (0: nothing yet)."""
    if byte == _SPACE:
        if does & STRIP_LEFT != 0 and content == 0:
            return at, content
        if does & JOIN_RUNS != 0 and content != 0 and load_u8(at - 1) == _SPACE:
            return at, content
    if content == 0:
        if does & PREPEND != 0 or (does & PREFIX != 0 and byte != _SPACE):
            store_u8(at, np.uint8(_SPACE))
            at += 1
        content = at
    store_u8(at, np.uint8(byte))
    return at + 1, content


@kernel
def rewrite(
    data: npt.NDArray[np.uint8],
    offsets: npt.NDArray[np.int64],
    does: npt.NDArray[np.int16],
    table: npt.NDArray[np.int32],
    pool: npt.NDArray[np.uint8],
    out: npt.NDArray[np.uint8],
    ends: npt.NDArray[np.int64],
    first: int,
) -> int:
    """Write normalized segments from `first` on, and where they end; the segment for which there was no room, or their number.

    `does` has the bits of what is done to each, -1 for one that is left out. Of one that has a hard character, or is not UTF-8,
    nothing is written, and its `does` is -2.
    """
    base, start_of_out = address(data), address(out)
    limit = start_of_out + len(out) - LONGEST - 16
    pooled = address(pool)
    at = start_of_out + ends[first]
    for segment in range(first, len(does)):
        begin = at
        todo = int(does[segment])
        p = base + offsets[segment]
        stop = base + offsets[segment + 1]
        content = 0
        if todo < 0:
            p = stop
        while p < stop:
            if at > limit:
                return segment
            lead = int(load_u8(p))
            if lead < 0x80:
                state = int(table[lead])
                if state == KEEP:
                    p += 1
                    if lead != _SPACE and content != 0:
                        store_u8(at, np.uint8(lead))
                        at += 1
                    else:
                        at, content = _put(lead, at, begin, content, todo)
                    continue
                length = 1
            else:
                one = character(p, stop)
                state = HARD if one == 0 else int(table[one >> 3])
                length = max(1, one & 7)
            if state < REPLACED and state != KEEP:
                does[segment] = -2
                at = begin
                content = 0
                break
            taken, count = p, length
            if state >= REPLACED:
                taken, count = pooled + ((state - REPLACED) >> 6), (state - REPLACED) & 63
            for i in range(count):
                at, content = _put(int(load_u8(taken + i)), at, begin, content, todo)
            p += length
        if content != 0 and todo & STRIP_RIGHT != 0:
            while at > content and load_u8(at - 1) == _SPACE:
                at -= 1
        ends[segment + 1] = at - start_of_out
    return len(does)
