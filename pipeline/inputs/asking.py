"""Questions to file systems elsewhere, whose libraries raise whatever they like: one line with the true cause instead."""

import io
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from pairloom.operators.errors import PairloomError, RecipeError, StorageError
from pairloom.pipeline.store.remote.faults import http_status, scrub

__all__ = ["Asked", "asking", "exactly", "told", "true_cause"]

_NO_ACCESS = re.compile(r"credential|access ?denied|forbidden|unauthorized|anonymous", re.IGNORECASE)
_NOBODY = re.compile(
    r"connect call failed|cannot connect|connection refused|name or service|could not connect|offline",
    re.IGNORECASE,
)
_NO_RANGES = re.compile(r"range requests|cannot seek", re.IGNORECASE)
_NO_HTTP = re.compile(
    r"TooManyRedirects|BadStatusLine|illegal status line|InvalidURL|Certificate", re.IGNORECASE
)
_ENDED = re.compile(
    r"ContentLength|TransferEncoding|IncompleteRead|payload|disconnected|reset by peer", re.IGNORECASE
)
_SILENT = re.compile(r"timed out|timeout", re.IGNORECASE)
_ADDRESS = re.compile(r"\S+://\S+")  # says nothing about an error, and may hold any word and number
_GONE = (404, 410)  # how a web server says that it has no such file
_NOT_ALLOWED = (401, 403, 407)
_LONGEST = 300


@contextmanager
def asking(path: str) -> Iterator[None]:
    """Turn what a file system's library raises into RecipeError, where correcting the recipe helps, or StorageError.

    A file that is not there is a FileNotFoundError, unless that only hides another error.
    """
    try:
        yield
    except PairloomError:
        raise
    except Exception as error:
        cause = true_cause(error)
        if isinstance(cause, FileNotFoundError | PermissionError):
            raise
        if http_status(cause) in _GONE:
            raise FileNotFoundError(path) from error
        raise told(path, cause) from error


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
        gone = isinstance(error, FileNotFoundError) or http_status(error) in _GONE
        if not gone and str(error):
            found = error
    return found


def told(path: str, cause: BaseException) -> PairloomError:
    """The cause in one line, and what to do: by its class, its status and its words, never by those of an address in it."""
    first = scrub(" ".join(str(cause).split()))[:_LONGEST].rstrip(" :,")
    said = f"{type(cause).__name__}: {first}" if first else type(cause).__name__
    words = f"{type(cause).__name__}: {_ADDRESS.sub('', ' '.join(str(cause).split()))}"
    status = http_status(cause)
    if status in _NOT_ALLOWED or _NO_ACCESS.search(words):
        return RecipeError(
            f"{path}: no access: {said}; give credentials by the environment, a profile or the machine's role"
        )
    if isinstance(cause, ConnectionRefusedError | socket.gaierror) or _NOBODY.search(words):
        return RecipeError(f"{path}: nobody answers there: {said}; correct the address, or check the network")
    if _NO_RANGES.search(words):
        return RecipeError(
            f"{path}: the server does not give ranges of bytes: {said}; copy the file, or serve it otherwise"
        )
    if _NO_HTTP.search(words) or (isinstance(cause, ValueError) and status is None):
        return RecipeError(f"{path}: nothing can be read there: {said}; correct the address")
    if isinstance(cause, TimeoutError) or _SILENT.search(words):
        return StorageError(f"{path}: the server has stopped answering: {said}; try again")
    if _ENDED.search(words):
        return StorageError(f"{path}: the server hung up before all was there: {said}; try again")
    if status is not None:
        return StorageError(f"{path}: the server failed: {said}; try again")
    return StorageError(f"{path}: cannot be reached: {said}")


def exactly(path: str, fetch: Callable[[int, int], bytes]) -> Callable[[int, int], bytes]:
    """Asks for ranges of bytes until each is whole; raises StorageError where a server sends more, or nothing."""

    def fetched(start: int, stop: int) -> bytes:
        parts: list[bytes] = []
        at = start
        while at < stop:
            part = fetch(at, stop)
            if not part or len(part) > stop - at:
                raise StorageError(
                    f"{path}: asked for bytes {at} to {stop}, the server sent {len(part)} instead of {stop - at}; try again, "
                    "or copy the file"
                )
            parts.append(part)
            at += len(part)
        return b"".join(parts)

    return fetched


class Asked(io.RawIOBase):
    """A file elsewhere, opened by its library: what reading it raises names it."""

    def __init__(self, uri: str, file: Any) -> None:
        super().__init__()
        self._uri, self._file = uri, file
        cache: Any = getattr(file, "cache", None)
        if hasattr(cache, "fetcher"):
            cache.fetcher = exactly(uri, cache.fetcher)

    def read(self, size: int | None = -1, /) -> bytes:
        """At most so many bytes; none at the end."""
        with asking(self._uri):
            data: bytes = self._file.read(-1 if size is None else size)
            return data

    def readinto(self, buffer: Any, /) -> int:
        """Fill a buffer as far as there are bytes."""
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Go to a byte."""
        with asking(self._uri):
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
