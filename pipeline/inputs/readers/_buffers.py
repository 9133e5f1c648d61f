"""Buffers that are used again once nobody looks at what is in them.

The allocator gives back what is large, and every block of a file would pay for its pages.
"""

from contextlib import suppress
from typing import TypeAlias
from weakref import finalize

import numpy as np
import numpy.typing as npt
import pyarrow as pa

__all__ = ["Buffer", "Buffers"]

Buffer: TypeAlias = npt.NDArray[np.uint8]

_KEPT = 32 << 20  # a larger buffer is for one record
_RESTING = 64 << 20  # bytes that are kept for whoever comes next


class Buffers:
    """Room for the values of fields, one block of a file after another; several threads may take of it.

    >>> buffers = Buffers()
    >>> room = buffers.take(64)
    >>> there, lent = room.ctypes.data, buffers.lend(room, 10)
    >>> del room, lent
    >>> buffers.take(32).ctypes.data == there
    True
    """

    def __init__(self) -> None:
        self._free: list[Buffer] = []

    def take(self, size: int) -> Buffer:
        """Room for so many bytes, most of which may never be touched."""
        with suppress(IndexError):  # taking one out and putting it back are atomic
            while True:
                if len(found := self._free.pop()) >= size:
                    return found
        return np.empty(size, np.uint8)

    def give_back(self, buffer: Buffer) -> None:
        """Nobody needs a buffer any more."""
        if len(buffer) <= _KEPT and sum(map(len, self._free)) + len(buffer) <= _RESTING:
            self._free.append(buffer)

    def lend(self, buffer: Buffer, size: int) -> pa.Buffer:
        """The first bytes of a buffer, which comes back by itself."""
        view = buffer[:size]
        if len(buffer) <= _KEPT:
            finalize(view, self.give_back, buffer).atexit = False
        return pa.py_buffer(view)
