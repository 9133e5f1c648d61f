"""Local files whose bytes are on their way to the disk while more are written, so that syncing them waits for the last only.

    write ── every 8 MiB ──▶ writeback begins, nobody waits ──▶ fsync: waits for what is left

Linux is told by `sync_file_range`, which promises nothing: what is durable is up to `fsync` alone, here as anywhere.
"""

import ctypes
import io
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

__all__ = ["opened"]

STEP = (
    8 << 20
)  # bytes between two requests: less would make small writes of it, more would leave more to wait for
SYNC_FILE_RANGE_WRITE = 2  # linux/fs.h: begin to write what is dirty, and do not wait


def opened(place: Path, *, durable: bool) -> io.BufferedWriter:
    """A new file to write; raises FileExistsError. Of one that need not be `durable` nothing is hurried."""
    file = io.FileIO(place, "xb")
    return _Behind(file) if durable else io.BufferedWriter(file)


class _Behind(io.BufferedWriter):
    """A file whose writeback begins as it is written."""

    _written = 0
    _begun = 0

    def write(self, data: Any, /) -> int:
        count = super().write(data)
        self._written += count
        if self._written - self._begun >= STEP and (begin := _sync_file_range()) is not None:
            self.flush()
            begin(self.fileno(), self._begun, self._written - self._begun, SYNC_FILE_RANGE_WRITE)
            self._begun = self._written
        return count


@cache
def _sync_file_range() -> Callable[[int, int, int, int], int] | None:
    """The system call; None where there is none."""
    if not sys.platform.startswith("linux"):
        return None
    call: Any = getattr(ctypes.CDLL(None), "sync_file_range", None)
    if call is not None:
        call.argtypes = (ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint)
    found: Callable[[int, int, int, int], int] | None = call
    return found
