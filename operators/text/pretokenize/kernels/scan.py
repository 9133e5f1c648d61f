"""The kernel that cuts documents into pieces, as many as fit in a buffer, and resumes where it stopped."""

from collections.abc import Callable
from types import FunctionType
from typing import Any

import numpy as np
import numpy.typing as npt

from pairloom.operators.kernels.jit import address, kernel, load_u8, store_u8, store_u64
from pairloom.operators.kernels.simd import leading_zeros, store_positions
from pairloom.operators.text.pretokenize.classes import DIGIT
from pairloom.operators.text.pretokenize.kernels import ends as pieces
from pairloom.operators.text.pretokenize.kernels import windows
from pairloom.operators.text.pretokenize.kernels.characters import (
    DIGITS_LEFT,
    DIGITS_RUN,
    DIGITS_SINGLE,
    Rule,
    Tables,
    digits_end,
    symbol,
)
from pairloom.operators.text.pretokenize.kernels.masks import Window

__all__ = ["POSITION", "SCANS", "SLACK"]

# Entries that must be free in `ends` before a window is looked at: one a byte, the document's end, and one to
# spare.
SLACK = 66
# What `setup` holds: the addresses of the scheme's `Classes`, and its `Rule`. One array of numbers, since a call has some ten
# pieces of text a microsecond to wait for, and named tuples take several to cross from Python.
BLOCK_OF, BLOCKS, BITS, CONTRACTIONS, OPTION, DIGITS = range(6)
# What `state` holds: the document, the position in the data, the end of the digits that are known to come in threes.
DOCUMENT, POSITION, THREES = 0, 1, 2

# What `_scan` leaves open: each family binds its own functions to these names (`_of_family`).
piece_starts: Any = None
piece_end: Any = None

_0 = np.uint64(0)
_1 = np.uint64(1)


def _scan(
    data: npt.NDArray[np.uint8],
    offsets: npt.NDArray[np.int64],
    setup: npt.NDArray[np.int64],
    state: npt.NDArray[np.int64],
    size: int,
    room: npt.NDArray[np.uint8],
    ends: npt.NDArray[np.int64],
) -> int:
    """Write the ends of the next pieces and return how many there are; 0 when all documents are done.

    Stops at a piece's end when `size` bytes or more are cut or fewer than `SLACK` entries of `ends` are left.
    `setup` is int64[6]. `state` is int64[3], to begin with (0, offsets[0], 0), and is moved on. `room` is 64 bytes for the
    end of `data`, past which nothing is read.
    """
    base = address(data)
    # The last address from which 64 bytes may be loaded.
    safe = base + len(data) - 64
    copy = address(room)
    tables = Tables(setup[BLOCK_OF], setup[BLOCKS], setup[BITS])
    rule = Rule(setup[CONTRACTIONS], setup[OPTION], setup[DIGITS])
    digits = rule.digits
    out = address(ends)
    documents = len(offsets) - 1
    document, position, threes = state[DOCUMENT], state[POSITION], state[THREES]
    enough = base + position + size
    count = 0
    limit = len(ends) - SLACK
    while document < documents and count <= limit and base + position < enough:
        stop = base + offsets[document + 1]
        p = base + position
        if p >= stop:
            document += 1
            continue
        while p < stop and count <= limit and p < enough:
            left = stop - p
            ended = 1 if left <= 64 else 0
            valid = ~_0 if left >= 64 else (_1 << np.uint64(left)) - _1
            at = p
            if p > safe:
                at = copy
                for k in range(left):
                    store_u8(copy + k, load_u8(p + k))
            starts = piece_starts(Window(p, at, stop, valid, ended), tables, rule)
            sure = starts & _1 != _0
            starts &= valid & ~_1
            count += store_positions(starts, p - base, out + 8 * count)
            if ended != 0 and sure:
                p = stop
            elif starts != _0:
                p += 63 - leading_zeros(starts)
                continue
            else:
                s = symbol(p, stop, tables)
                if digits == DIGITS_RUN or s & DIGIT == 0:
                    p = piece_end(p, stop, tables, rule)
                elif digits == DIGITS_SINGLE:
                    p += s >> 8
                elif digits == DIGITS_LEFT or p - base < threes:
                    p = digits_end(p, stop, tables, 3)
                else:
                    length = 0
                    q = p
                    while q < stop:
                        s = symbol(q, stop, tables)
                        if s & DIGIT == 0:
                            break
                        q += s >> 8
                        length += 1
                    threes = q - base
                    p = digits_end(p, stop, tables, (length - 1) % 3 + 1)
            store_u64(out + 8 * count, np.uint64(p - base))
            count += 1
        position = p - base
    state[DOCUMENT], state[POSITION], state[THREES] = document, position, threes
    return count


def _of_family(name: str, piece_starts: Any, piece_end: Any) -> Callable[..., int]:
    """`_scan` with its two free names bound: a kernel of its own that compiles nothing of the others.

    The code is the same object; the name tells the kernels apart in the cache on disk.
    """
    bound = _scan.__globals__ | {"piece_starts": piece_starts, "piece_end": piece_end}
    function = FunctionType(_scan.__code__, bound, f"scan_{name}")
    function.__qualname__ = function.__name__
    function.__annotations__ = _scan.__annotations__
    return kernel(function)


scan_spaced = _of_family("spaced", windows.spaced_starts, pieces.spaced_end)
scan_prefixed = _of_family("prefixed", windows.prefixed_starts, pieces.prefixed_end)
scan_cased = _of_family("cased", windows.cased_starts, pieces.cased_end)
scan_isolated = _of_family("isolated", windows.isolated_starts, pieces.isolated_end)
scan_segmented = _of_family("segmented", windows.segmented_starts, pieces.segmented_end)

# family -> its kernel
SCANS = {
    "spaced": scan_spaced,
    "prefixed": scan_prefixed,
    "cased": scan_cased,
    "isolated": scan_isolated,
    "segmented": scan_segmented,
}
