"""Tokens that are bytes, where they are no characters together."""

from typing import Any

import numpy as np

from pairloom.operators.kernels.jit import inner, kernel

__all__ = ["spoil_runs"]


@kernel
def spoil_runs(values: Any, offsets: Any, kinds: Any, whole: bool, spoiled: Any) -> None:
    """Set `spoiled` at each id of a byte that is no part of UTF-8 text.

    `kinds` is by id: 0 to 255 for a byte, 256 for other tokens, 257 for an id that is passed over as if it were not there.
    Bytes of a list one after another are a run. With `whole`, a run is text or none of it is; else a byte is spoiled that is
    part of no character.
    """
    run = np.empty(values.size, np.int64)
    for row in range(offsets.size - 1):
        size = 0
        for i in range(offsets[row], offsets[row + 1] + 1):
            kind = np.int64(256) if i == offsets[row + 1] else np.int64(kinds[values[i]])
            if kind < 256:
                run[size] = i
                size += 1
            elif kind == 256:
                if size:
                    _spoil(values, kinds, run, size, whole, spoiled)
                size = 0


@inner
def _spoil(values: Any, kinds: Any, run: Any, size: int, whole: bool, spoiled: Any) -> None:
    at = 0
    while at < size:
        length = _character(values, kinds, run, at, size)
        if length:
            at += length
            continue
        if whole:
            for j in range(size):
                spoiled[run[j]] = True
            return
        spoiled[run[at]] = True
        at += 1


@inner
def _character(values: Any, kinds: Any, run: Any, at: int, size: int) -> int:
    """How many bytes the character at a place of a run has, 0 where there is none (Unicode 16, table 3-7)."""
    first = np.int64(kinds[values[run[at]]])
    if first < 0x80:
        return 1
    if first < 0xC2 or first > 0xF4:
        return 0
    length = 2 + (first >= 0xE0) + (first >= 0xF0)
    if at + length > size:
        return 0
    low, high = np.int64(0x80), np.int64(0xBF)
    if first == 0xE0:
        low = 0xA0
    elif first == 0xED:
        high = 0x9F
    elif first == 0xF0:
        low = 0x90
    elif first == 0xF4:
        high = 0x8F
    for j in range(1, length):
        byte = np.int64(kinds[values[run[at + j]]])
        if byte < low or byte > high:
            return 0
        low, high = 0x80, 0xBF
    return length
