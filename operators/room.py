"""Room on a disk: what is said where there is none left."""

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pairloom.operators.errors import StorageError

__all__ = ["needing_room", "no_room"]

FULL = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the quota is used up",
    errno.EFBIG: "a file would be larger than allowed (ulimit -f, or the file system's limit)",
}


def no_room(error: OSError, place: str | Path) -> StorageError | None:
    """What is said of an error for want of room in writing at a place, with how much is free there; None of any other error."""
    if error.errno not in FULL:
        return None
    return StorageError(
        f"cannot write in {place}: {FULL[error.errno]}; {_free(Path(place))}. Make room, or write elsewhere, and run the "
        "same command again: what is finished is kept"
    )


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
        if (full := no_room(error, folder)) is None:
            raise
        raise full from error


def _free(folder: Path) -> str:
    """How much is free where a folder is, or is to be."""
    there = next((place for place in (folder, *folder.parents) if place.exists()), None)
    if there is None:
        return "nothing is known of it"
    return f"{shutil.disk_usage(there).free:,} bytes are free there"
