"""Room on a disk: what is said where there is none left."""

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pairloom.operators.errors import StorageError

__all__ = ["FULL", "needing_room"]

FULL = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the quota is used up",
    errno.EFBIG: "a file would be larger than allowed (ulimit -f, or the file system's limit)",
}
"""What errors of the system for want of room mean, by their numbers."""


@contextmanager
def needing_room(folder: str | Path) -> Iterator[None]:
    """Raise StorageError, with the folder and how much is free there, where what is written in the block has no room.

    >>> with needing_room("/"):
    ...     raise OSError(errno.EFBIG, "File too large")
    Traceback (most recent call last):
        ...
    pairloom.operators.errors.StorageError: cannot write in /: a file would be larger than allowed ...
    """
    try:
        yield
    except OSError as error:
        if error.errno not in FULL:
            raise
        raise StorageError(
            f"cannot write in {folder}: {FULL[error.errno]}; {_free(Path(folder))}. Make room, or write elsewhere, and run the "
            "same command again: what is finished is kept"
        ) from error


def _free(folder: Path) -> str:
    """How much is free where a folder is, or is to be."""
    there = next((place for place in (folder, *folder.parents) if place.exists()), None)
    if there is None:
        return "nothing is known of it"
    return f"{shutil.disk_usage(there).free:,} bytes are free there"
