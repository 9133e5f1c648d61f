"""Arrays that lie in files of this machine, for state that its memory does not hold.

The file has no name from the moment it is made, so that nothing is left behind however the process ends, and the system
writes what is not used to it and reads it again as it is used. Its blocks are reserved at once: a disk that is full says
so then, and not by a signal in the middle of a kernel.
"""

import mmap
import os
import resource
import tempfile
from functools import partial

import numpy as np
import numpy.typing as npt

from pairloom.operators.errors import CapacityError
from pairloom.operators.models.bpe.layout import Allocate

__all__ = ["arena"]


def arena(folder: str | None) -> Allocate:
    """What makes arrays in files in `folder`, or in the machine's folder for temporary files (`TMPDIR`).

    Each is an open file of this process, which from then on may have as many as the system lets it.
    """
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return partial(_in_file, folder or tempfile.gettempdir())


def _in_file(folder: str, size: int, dtype: npt.DTypeLike) -> npt.NDArray[np.generic]:
    """An array of `size` elements, zero; CapacityError where the disk has no room for it."""
    room = size * np.dtype(dtype).itemsize
    if room == 0:
        return np.empty(0, dtype)
    try:
        with tempfile.TemporaryFile(dir=folder, prefix="pairloom-") as file:
            os.posix_fallocate(file.fileno(), 0, room)
            held = mmap.mmap(file.fileno(), room)
    except OSError as error:
        raise CapacityError(
            f"no room for {room} bytes in {folder}: {error}; make room there, name another folder in "
            "vocabulary.learn.spill, or give learning more members or machines of more memory"
        ) from error
    return np.frombuffer(held, dtype)
