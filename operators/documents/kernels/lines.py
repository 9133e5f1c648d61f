"""What rules ask of the lines of documents: how they begin and end, how long they are, and which are there twice."""

import numpy as np
import numpy.typing as npt

from pairloom.operators.documents.kernels.points import class_of, step_of
from pairloom.operators.kernels.hashing import xxh64
from pairloom.operators.kernels.jit import address, inner, kernel
from pairloom.operators.text.pretokenize.classes import SPACE

__all__ = [
    "BULLETS",
    "ENDED",
    "FILLED",
    "LINES",
    "LINE_MEASURES",
    "REPEATED",
    "SHORT",
    "TRAILING",
    "measure_lines",
    "met",
    "slots_for",
]

# What `measure_lines` writes of each document.
LINES, BULLETS, TRAILING, FILLED, ENDED, SHORT, REPEATED = range(7)
LINE_MEASURES = 7

Bytes = npt.NDArray[np.uint8]


@inner
def met(
    keys: npt.NDArray[np.uint64], stamps: npt.NDArray[np.int32], stamp: int, key: np.uint64
) -> tuple[int, bool]:
    """The slot of a key in a table, and whether it was there under this stamp; then it is.

    The table is a power of two large. What has an earlier stamp is as good as free, so that nothing need be cleared.
    """
    mask = len(keys) - 1
    slot = np.int64((key * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(20)) & mask
    while stamps[slot] == stamp:
        if keys[slot] == key:
            return slot, True
        slot = (slot + 1) & mask
    keys[slot], stamps[slot] = key, stamp
    return slot, False


@inner
def slots_for(entries: int, most: int) -> int:
    """How many slots of a table of `most` so many entries need, so that small documents stay in the cache beside large ones."""
    slots = 16
    while slots < 2 * entries:
        slots <<= 1
    return min(slots, most)


@inner
def _last(data: Bytes, begin: int, end: int) -> int:
    """Where the last character before `end` begins."""
    p = end - 1
    while p > begin and data[p] & 0xC0 == 0x80:
        p -= 1
    return p


@inner
def _ends(data: Bytes, begin: int, end: int, ends: npt.NDArray[np.uint32]) -> bool:
    """Whether the last character is one of `ends`, which are its bytes as one number."""
    word = np.uint32(0)
    for p in range(_last(data, begin, end), end):
        word = word << np.uint32(8) | np.uint32(data[p])
    for one in ends:
        if one == word:
            return True
    return False


@kernel
def measure_lines(
    data: Bytes,
    offsets: npt.NDArray[np.int64],
    block_of: npt.NDArray[np.uint16],
    blocks: Bytes,
    ends: npt.NDArray[np.uint32],
    short: int,
    newlines: npt.NDArray[np.int64],
    keys: npt.NDArray[np.uint64],
    stamps: npt.NDArray[np.int32],
    out: npt.NDArray[np.int64],
) -> None:
    r"""Measure every document: `out[i]` (int64[n, LINE_MEASURES]) are its lines, and of these some.

    They are: those that begin with a bullet ("•" or "-", after white space), those that end with an ellipsis (before white
    space), those that are not blank, and of these those whose last character is one of `ends`, those of at most `short`
    characters, and the characters of those that stood there before. A line ends with "\n"; behind the last there is none.
    `newlines` says how many each document has; `keys` and `stamps` (zeros) are a table of twice as many slots as one has lines at
    most.
    """
    base = address(data)
    for i in range(len(offsets) - 1):
        begin, stop = offsets[i], offsets[i + 1]
        lines = bullets = trailing = filled = ended = shorts = repeated = 0
        slots = slots_for(newlines[i] + 1, len(keys))
        some_keys, some_stamps = keys[:slots], stamps[:slots]
        while begin < stop:
            end = begin
            first = -1
            behind = begin
            length = 0
            while end < stop and data[end] != 10:
                size = step_of(np.int64(data[end]))
                if not class_of(data, end, block_of, blocks) & SPACE:
                    if first < 0:
                        first = end
                    behind = end + size
                length += 1
                end += size
            lines += 1
            if first >= 0:
                filled += 1
                lead = data[first]
                bullets += lead == 45 or (
                    lead == 0xE2 and data[first + 1] == 0x80 and data[first + 2] == 0xA2
                )
                if behind - first >= 3:
                    a, b, c = data[behind - 3], data[behind - 2], data[behind - 1]
                    trailing += (a == 46 and b == 46 and c == 46) or (a == 0xE2 and b == 0x80 and c == 0xA6)
                ended += _ends(data, begin, end, ends)
                shorts += length <= short
                _, again = met(some_keys, some_stamps, i + 1, xxh64(base + begin, end - begin, np.uint64(0)))
                if again:
                    repeated += length
            begin = end + 1
        out[i, 0], out[i, 1], out[i, 2], out[i, 3] = lines, bullets, trailing, filled
        out[i, 4], out[i, 5], out[i, 6] = ended, shorts, repeated
