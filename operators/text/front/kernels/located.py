"""Normalizing by a table with where each byte is from, and what is normalized by the library on the way; see `located.py`."""

import numpy as np
import numpy.typing as npt

from pairloom.operators.kernels.jit import address, inner, kernel, load_u8, store_u8
from pairloom.operators.text.front.kernels.rewrite import (
    HARD,
    JOIN_RUNS,
    KEEP,
    LONGEST,
    PREFIX,
    PREPEND,
    REPLACED,
    STRIP_LEFT,
    STRIP_RIGHT,
)
from pairloom.operators.text.normalize.kernels.quick import character

__all__ = ["AHEAD", "find_windows", "rewrite_located"]

# One more bit of what is done to a segment: a space is from what follows it.
AHEAD = 32

_SPACE = 32


@inner
def _asked(state: int) -> bool:
    """Whether a character depends on others, or others on it, as on one that nothing becomes of."""
    if state >= REPLACED:
        return (state - REPLACED) & 63 == 0
    return state != KEEP


@kernel
def find_windows(
    data: npt.NDArray[np.uint8],
    offsets: npt.NDArray[np.int64],
    does: npt.NDArray[np.int16],
    table: npt.NDArray[np.int32],
    found: npt.NDArray[np.int64],
) -> int:
    """Write (segment, first byte, end) of each window, as far as there is room in `found`; how many there are.

    A window has characters that depend on others, or that nothing becomes of, and one character more on each side, if there is
    one: so it begins and ends between two that depend on nothing. Segments whose `does` is negative are left out.
    """
    base = address(data)
    count = 0
    for segment in range(len(does)):
        if does[segment] < 0:
            continue
        p = base + offsets[segment]
        stop = base + offsets[segment + 1]
        # Addresses: of the window that is open, and of the last character that depends on nothing.
        begin = before = 0
        fresh = False  # whether no such character came since
        while p < stop:
            lead = int(load_u8(p))
            length = 1
            if lead < 0x80:
                state = int(table[lead])
            else:
                one = character(p, stop)
                state = HARD if one == 0 else int(table[one >> 3])
                length = max(1, one & 7)
            if _asked(state):
                if begin == 0:
                    begin = before if before != 0 else p
                fresh = True
            else:
                if begin != 0 and not fresh:
                    if count < found.shape[1]:
                        found[0, count], found[1, count], found[2, count] = segment, begin - base, p - base
                    count += 1
                    begin = 0
                fresh = False
                before = p
            p += length
        if begin != 0:
            if count < found.shape[1]:
                found[0, count], found[1, count], found[2, count] = segment, begin - base, stop - base
            count += 1
    return count


@inner
def _put(
    byte: int, at: int, content: int, does: int, place: int, start: int, places: npt.NDArray[np.int64]
) -> tuple[int, int]:
    """As `_put` of `rewrite.py`, of what was made of the character at a place; `start` is the address of the output."""
    if content != 0 and load_u8(at - 1) == _SPACE:
        if byte == _SPACE:
            if does & JOIN_RUNS != 0:
                places[at - 1 - start] = place
                return at, content
        elif does & AHEAD != 0:
            places[at - 1 - start] = place
    if content == 0:
        if byte == _SPACE and does & STRIP_LEFT != 0:
            return at, content
        if does & PREPEND != 0 or (does & PREFIX != 0 and byte != _SPACE):
            store_u8(at, np.uint8(_SPACE))
            places[at - start] = place
            at += 1
        content = at
    store_u8(at, np.uint8(byte))
    places[at - start] = place
    return at + 1, content


@kernel
def rewrite_located(
    data: npt.NDArray[np.uint8],
    offsets: npt.NDArray[np.int64],
    does: npt.NDArray[np.int16],
    table: npt.NDArray[np.int32],
    pool: npt.NDArray[np.uint8],
    windows: npt.NDArray[np.int64],
    made: npt.NDArray[np.uint8],
    rises: npt.NDArray[np.int32],
    edges: npt.NDArray[np.int64],
    out: npt.NDArray[np.uint8],
    places: npt.NDArray[np.int64],
    ends: npt.NDArray[np.int64],
    first: int,
    window: int,
) -> int:
    """Write normalized segments from `first` on, and where they end; the segment for which there was no room, or their number.

    `places` receives for each byte where in `data` the character begins that it was made of. `windows`, int64[4, n], are those of
    `find_windows` with the number of what each becomes, `window` the next one: number i is the bytes of `made` from `edges[i]` to
    `edges[i + 1]`, of which each is from `rises` bytes behind the window's first.
    """
    base, start = address(data), address(out)
    limit = start + len(out) - LONGEST - 16
    pooled, ready = address(pool), address(made)
    at = start + ends[first]
    for segment in range(first, len(does)):
        todo = int(does[segment])
        p = base + offsets[segment]
        stop = base + offsets[segment + 1]
        content = 0
        if todo < 0:
            p = stop
        while p < stop:
            if at > limit:
                return segment
            place = p - base
            if window < windows.shape[1] and windows[1, window] == place:
                low, high = edges[windows[3, window]], edges[windows[3, window] + 1]
                if at + (high - low) > limit:
                    return segment
                for i in range(low, high):
                    at, content = _put(
                        int(load_u8(ready + i)), at, content, todo, place + int(rises[i]), start, places
                    )
                p = base + windows[2, window]
                window += 1
                continue
            lead = int(load_u8(p))
            if lead < 0x80:
                state, length = int(table[lead]), 1
            else:
                one = character(p, stop)
                state = HARD if one == 0 else int(table[one >> 3])
                length = max(1, one & 7)
            taken, count = p, length
            if state >= REPLACED:
                taken, count = pooled + ((state - REPLACED) >> 6), (state - REPLACED) & 63
            for i in range(count):
                at, content = _put(int(load_u8(taken + i)), at, content, todo, place, start, places)
            p += length
        if content != 0 and todo & STRIP_RIGHT != 0:
            while at > content and load_u8(at - 1) == _SPACE:
                at -= 1
        ends[segment + 1] = at - start
    return len(does)
