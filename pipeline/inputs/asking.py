"""Questions to file systems elsewhere, whose libraries raise whatever they like: one line with the true cause instead."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pairloom.operators.errors import DataError, PairloomError, RecipeError, StorageError

__all__ = ["Asked", "asking", "true_cause"]

_CREDENTIALS = (
    "credential",
    "accessdenied",
    "access denied",
    "forbidden",
    "401",
    "403",
    "unauthorized",
    "anonymous",
)
_NOBODY = (
    "connect call failed",
    "cannot connect",
    "connection refused",
    "name or service",
    "could not connect",
    "offline",
)
_RANGES = ("range", "more bytes", "cannot seek")
_GONE = (404, 410)  # how a web server says that it has no such file
_LONGEST = 300


@contextmanager
def asking(path: str) -> Iterator[None]:
    """Turn what a file system's library raises into RecipeError (no credentials, nobody there) or StorageError.

    A file that is not there remains a FileNotFoundError, unless that only hides another error.
    """
    try:
        yield
    except PairloomError:
        raise
    except Exception as error:
        cause = true_cause(error)
        if isinstance(cause, FileNotFoundError | PermissionError):
            raise
        raise _told(path, cause) from error


def true_cause(error: BaseException) -> BaseException:
    """What is at the bottom of an error: a library may say that there is no file where nobody has answered."""
    found, seen = error, {id(error)}
    while (
        below := error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    ) is not None:
        if id(below) in seen:
            break
        seen.add(id(below))
        error = below
        gone = isinstance(error, FileNotFoundError) or getattr(error, "status", None) in _GONE
        if not gone and str(error):
            found = error
    return found


def _told(path: str, cause: BaseException) -> PairloomError:
    first = (str(cause).splitlines() or [""])[0][:_LONGEST]
    said = f"{type(cause).__name__}: {first}" if first else type(cause).__name__
    low = said.lower()
    if any(word in low for word in _CREDENTIALS):
        return RecipeError(
            f"{path}: no access: {said}; give credentials by the environment, a profile or the machine's role"
        )
    if any(word in low for word in _NOBODY) or isinstance(cause, ConnectionRefusedError):
        return RecipeError(f"{path}: nobody answers there: {said}; correct the address, or check the network")
    return StorageError(f"{path}: cannot be reached: {said}")


class Asked(io.RawIOBase):
    """A file elsewhere, opened by its library: what reading it raises names it."""

    def __init__(self, uri: str, file: Any) -> None:
        super().__init__()
        self._uri, self._file = uri, file

    def read(self, size: int | None = -1, /) -> bytes:
        """At most so many bytes; none at the end."""
        with self._asking():
            data: bytes = self._file.read(-1 if size is None else size)
            return data

    def readinto(self, buffer: Any, /) -> int:
        """Fill a buffer as far as there are bytes."""
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Go to a byte."""
        with self._asking():
            return int(self._file.seek(offset, whence))

    def tell(self) -> int:
        """The next byte."""
        return int(self._file.tell())

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """As far as the server answers ranges."""
        return True

    def close(self) -> None:
        """Close the file."""
        if not self.closed:
            self._file.close()
        super().close()

    @contextmanager
    def _asking(self) -> Iterator[None]:
        try:
            with asking(self._uri):
                yield
        except StorageError as error:
            if any(word in str(error).lower() for word in _RANGES):
                raise DataError(
                    f"{error}; the server does not give ranges of bytes: copy the file, or serve it otherwise"
                ) from error
            raise
