"""What the world does to a run, as the error tree says it: full disks, missing rights, stores that refuse, clusters that die.

`expected` is asked at three places and nowhere else: by whoever decides what is tried again (`pipeline/execution/retries.py`),
by every public function (`told`), and by the command line. What it does not know is a bug.
"""

import errno
import functools
import os
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from pairloom.operators.errors import CapacityError, PairloomError, RecipeError, StorageError
from pairloom.operators.room import no_room
from pairloom.pipeline.store.remote.faults import LIBRARIES, told_by_store

__all__ = ["expected", "told", "unreadable"]

P = ParamSpec("P")
R = TypeVar("R")

_WRONG_PATH = frozenset(
    {errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.ENXIO}
)
_NOT_ALLOWED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})


def expected(error: BaseException) -> PairloomError | None:
    """An error of the world as one of the tree; None where it is neither, but a bug.

    >>> expected(OSError(errno.EMFILE, "Too many open files", "a.txt"))
    StorageError('a.txt: too many files are open at once: raise the limit (`ulimit -n`) or use fewer workers')
    >>> expected(KeyError("x"))
    """
    if isinstance(error, PairloomError):
        return error
    if isinstance(error, MemoryError):
        said = f" ({error})" if str(error) else ""
        return CapacityError(
            f"out of memory{said}: lower execution.unit_bytes, run fewer workers at a time, or use a machine with more"
        )
    library = type(error).__module__.split(".", 1)[0]
    if library == "ray":
        return StorageError(
            f"Ray failed: {_said(error)}; look at its logs in /tmp/ray/session_latest/logs; what is finished is kept, and "
            "the same command goes on from there"
        )
    if library in LIBRARIES:
        return told_by_store("the store", error)
    if isinstance(error, OSError):
        return _system(error)
    if isinstance(error, ValueError) and "null byte" in str(error):
        return RecipeError("a path has a null byte in it, which no file system takes: correct it")
    return None


def told(function: Callable[P, R]) -> Callable[P, R]:
    """A public function that raises what is expected as errors of the tree, and bugs as they are."""

    @functools.wraps(function)
    def telling(*given: P.args, **named: P.kwargs) -> R:
        try:
            return function(*given, **named)
        except PairloomError:
            raise
        except Exception as error:
            known = expected(error)
            if known is None:
                raise
            raise known from error

    return telling


def unreadable(path: str, error: OSError) -> RecipeError:
    """The error for a file that was named and cannot be opened; an address may be named where only files are read.

    >>> unreadable("https://host/a.tsv", FileNotFoundError(2, "No such file or directory"))
    RecipeError('https://host/a.tsv is an address, and a file is read here: fetch it first')
    """
    scheme, found, rest = path.partition(":/")
    if found and scheme.isalnum() and scheme.islower():
        return RecipeError(
            f"{scheme}://{rest.lstrip('/')} is an address, and a file is read here: fetch it first"
        )
    return RecipeError(f"cannot read {path}: {(error.strerror or _said(error))}")


def _system(error: OSError) -> PairloomError:
    """What the operating system refused."""
    file = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else ""
    where = f"{file}: " if file else ""
    reason = (error.strerror or _said(error)).lower() if error.errno else _said(error)
    if (full := no_room(error, file or os.curdir)) is not None:
        return full
    if error.errno in (errno.EMFILE, errno.ENFILE):
        return StorageError(
            f"{where}too many files are open at once: raise the limit (`ulimit -n`) or use fewer workers"
        )
    if error.errno == errno.ENOMEM:
        return CapacityError(f"{where}out of memory: use a machine with more, or fewer workers")
    if error.errno == errno.EAGAIN:
        return StorageError(f"{where}{reason}: the limit on processes or threads is reached (`ulimit -u`)")
    if error.errno in _NOT_ALLOWED:
        return RecipeError(f"{where}{reason}: get access, or name another place")
    if error.errno in _WRONG_PATH and file:
        return RecipeError(f"{where}{reason}: correct the path")
    return StorageError(f"{where}{reason}; try again, the same command goes on from what is finished")


def _said(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    # Ray puts the frames of the worker first, and what was raised last.
    said = lines[-1] if lines and "Traceback" in str(error) else " ".join(lines)
    return f"{type(error).__name__}: {said}" if said else type(error).__name__
