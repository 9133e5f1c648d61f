"""Cutting text before its spaces, and between characters that no piece has side by side, 64 bytes at a time; see `spaces.py`."""

from typing import Any

import numpy as np
import numpy.typing as npt

from pairloom.operators.kernels.jit import (
    address,
    inner,
    kernel,
    load_u8,
    load_u16,
    load_u32,
    load_u64,
    trailing_zeros,
)
from pairloom.operators.kernels.simd import bytes_between, store_positions
from pairloom.operators.text.front.kernels.cut import DOCUMENT, POSITION

__all__ = ["MIX", "cut_spaces"]

Int = int | np.int64

MIX = 0x9E3779B97F4A7C15
"""What a pair is multiplied by; the highest bits of the product are its place."""
_SPACE = 32
# A pair is six bytes, the first one lowest; what is set of those of two characters of three bytes, and which bits tell.
_LEADS, _TELLS = 0x8080E08080E0, 0xC0C0F0C0C0F0


@inner
def _is_known(character: Any, known: Int) -> Any:
    """Whether a character of three bytes, the first one lowest, is a piece."""
    place = (character & 0x0F) << 12 | (character >> 2 & 0xFC0) | (character >> 16 & 0x3F)
    return np.int64(load_u8(known + (place >> 3))) >> (place & 7) & 1


@inner
def _apart(here: Int, limit: Int, pairs: Int, shift: Any, known: Int) -> Any:
    """Whether the character at an address is one that no piece has after the one before it, and not both are unknown."""
    if here + 3 > limit:
        return np.int64(0)
    pair = np.uint64(load_u32(here - 3)) | np.uint64(load_u16(here + 1)) << np.uint64(32)
    place = np.int64((pair * np.uint64(MIX)) >> shift)
    free = np.int64(~load_u64(pairs + (place >> 6 << 3)) >> np.uint64(place & 63)) & 1
    both = np.int64(pair)
    return (
        free & (both & _TELLS == _LEADS) & (_is_known(both & 0xFFFFFF, known) | _is_known(both >> 24, known))
    )


@inner
def _between(here: Int, stop: Int, limit: Int, low: Int, count: Int) -> Any:
    """Which of the next 64 bytes before `stop` are from `low` on, of so many values: a bit each; what is read ends at `limit`."""
    if here + 64 <= limit:
        found = bytes_between(here, low, count)
        if stop - here < 64:
            found &= (np.uint64(1) << np.uint64(stop - here)) - np.uint64(1)
        return found
    found = np.uint64(0)
    for i in range(stop - here):
        byte = np.int64(load_u8(here + i))
        if low <= byte < low + count:
            found |= np.uint64(1) << np.uint64(i)
    return found


@kernel
def cut_spaces(
    data: npt.NDArray[np.uint8],
    offsets: npt.NDArray[np.int64],
    pairs: npt.NDArray[np.uint64],
    known: npt.NDArray[np.uint8],
    spaces: int,
    state: npt.NDArray[np.int64],
    size: int,
    ends: npt.NDArray[np.int64],
) -> int:
    """Write the ends of the next words, of about `size` bytes together, and return how many; as `cut_neighbours`.

    A document is cut before each space that no space is before (`spaces` 1), before each (2), or before none (0), and between
    two characters of three bytes, as `Spaces` says. There is room in `ends` for `size` words and 192 more.
    """
    base = address(data)
    into = address(ends)
    table, marks = address(pairs), address(known)
    shift = np.uint64(64)
    while np.int64(1) << np.int64(np.uint64(64) - shift) < 64 * len(pairs):
        shift -= np.uint64(1)
    limit = base + len(data)
    document, position = state[DOCUMENT], state[POSITION]
    from_ = position
    count = np.int64(0)
    while document + 1 < len(offsets):
        stop = offsets[document + 1]
        at = position
        before = np.uint64(1)  # where a word begins, there is no cut
        led = np.uint64(0)
        while at < stop:
            cuts = np.uint64(0)
            if spaces:
                found = _between(base + at, base + stop, limit, _SPACE, 1)
                cuts = found & ~(before if spaces == 2 else found << np.uint64(1) | before)
                before = np.uint64(0) if spaces == 2 else found >> np.uint64(63)
            leads = _between(base + at, base + stop, limit, 0xE0, 16)
            after = leads & (leads << np.uint64(3) | led)
            led = leads >> np.uint64(61)
            while after != np.uint64(0):
                i = np.int64(trailing_zeros(after))
                after &= after - np.uint64(1)
                cut = _apart(base + at + i, base + stop, table, shift, marks)
                cuts |= np.uint64(cut) << np.uint64(i)
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
