"""Reading and writing one remote object as a file: ranged reads with a window, parts with a buffer.

Memory is bounded either way: a reader holds at most `WINDOW` bytes beside what was asked for, a writer one part.
"""

import io
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any, Protocol, TypeVar

from pairloom.operators.errors import PairloomError, StorageError
from pairloom.pipeline.store.remote.service import Service

__all__ = ["RangeReader", "upload"]

T = TypeVar("T")


class Ask(Protocol):
    """Sends a request about one object until there is an answer, which it returns."""

    def __call__(self, request: Callable[[Service, str], T]) -> T: ...


REQUEST = 8 << 20  # bytes of one ranged request; longer reads take several, some at a time
REQUESTS_AT_ONCE = 4
WINDOW = REQUEST * REQUESTS_AT_ONCE  # read ahead at most
FIRST_WINDOW = 64 << 10  # at first and after a jump; an Arrow footer or the header of a record batch fits
# 10,000 parts are the most that S3 allows: growing by 16 MiB every 1,000, they hold 860 GiB.
PART = 16 << 20
PARTS_OF_A_SIZE = 1000


class RangeReader(io.RawIOBase):
    """A remote object for reads anywhere.

    What is read in order is fetched ahead in windows that double; a jump starts small again. The end of the object,
    where Arrow keeps its footer, has a window of its own, so that going there and back costs one request.
    """

    def __init__(self, fetch: Callable[[int, int], bytes], size: int) -> None:
        super().__init__()
        self._fetch = fetch
        self._size = size
        self._at = 0
        self._start, self._window = 0, b""
        self._tail = b""
        self._ahead = FIRST_WINDOW

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always."""
        return True

    def tell(self) -> int:
        """Where the next read begins."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go elsewhere; nothing is fetched yet."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def read(self, size: int | None = -1) -> bytes:
        """As many bytes as asked for, fewer only at the end."""
        start = self._at
        stop = self._size if size is None or size < 0 else min(start + size, self._size)
        if start >= stop:
            return b""
        self._at = stop
        tail = self._size - len(self._tail)
        if self._tail and start >= tail:
            return self._tail[start - tail : stop - tail]
        head = self._window[start - self._start : stop - self._start] if self._start <= start else b""
        if len(head) == stop - start:
            return head
        follows = start + len(head) == self._start + len(self._window)
        return head + self._advance(start + len(head), stop, follows=follows)

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer as far as there is something."""
        view = memoryview(buffer).cast("B")
        data = self.read(len(view))
        view[: len(data)] = data
        return len(data)

    def _advance(self, start: int, stop: int, *, follows: bool) -> bytes:
        """Fetch from `start` to `stop` and beyond, and keep what is beyond."""
        self._ahead = min(2 * self._ahead, WINDOW) if follows else FIRST_WINDOW
        if not self._tail and start >= self._size - FIRST_WINDOW:
            first = max(0, self._size - FIRST_WINDOW)
            self._tail = self._ranges(first, self._size)
            return self._tail[start - first : stop - first]
        end = min(self._size, max(stop, start + self._ahead))
        data = self._ranges(start, end)
        if end == stop and end - start > WINDOW:
            self._start, self._window = end, b""  # too much to keep; still, the next read may follow
            return data
        self._start, self._window = start, data
        return data[: stop - start]

    def _ranges(self, start: int, stop: int) -> bytes:
        cuts = [(at, min(at + REQUEST, stop)) for at in range(start, stop, REQUEST)]
        if len(cuts) == 1:
            return self._fetch(start, stop)
        out = bytearray(stop - start)
        with ThreadPoolExecutor(REQUESTS_AT_ONCE) as pool:
            for (at, end), data in zip(cuts, pool.map(lambda cut: self._fetch(*cut), cuts), strict=True):
                out[at - start : end - start] = data
        return bytes(out)


class _PartWriter(io.RawIOBase):
    """Collects bytes and uploads them in parts; the last bytes, at least one, wait for `complete`."""

    def __init__(self, ask: Ask) -> None:
        super().__init__()
        self._ask = ask
        self._buffer = bytearray()
        self._offset = 0
        self._parts: list[str] = []
        self._upload: str | None = None
        self._visible = False  # or may be

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        view = memoryview(data).cast("B")
        done = 0
        while done < len(view):
            room = PART * (1 + len(self._parts) // PARTS_OF_A_SIZE) - len(self._buffer)
            if room == 0:
                self._part(last=False)
                continue
            self._buffer += view[done : done + room]
            done = min(done + room, len(view))
        return done

    def complete(self) -> None:
        """Make the object visible."""
        if self._upload is None:
            self._visible = True
            data = bytes(self._buffer)
            self._ask(lambda service, key: service.write(key, data))
            return
        self._part(last=True)
        self._visible = True
        upload, parts = self._upload, self._parts
        try:
            self._ask(lambda service, key: service.finish(key, upload, parts))
        except FileNotFoundError as error:
            # The answer to an earlier request was lost: the upload is over because the object is complete.
            if self._ask(lambda service, key: service.size(key)) != self._offset:
                raise StorageError(f"an upload of {self._offset} bytes was lost by the store") from error

    def abandon(self) -> None:
        """Leave nothing, as far as the store answers."""
        if (upload := self._upload) is not None:
            with suppress(PairloomError, OSError):
                self._ask(lambda service, key: service.abort(key, upload))
        if self._visible:
            with suppress(PairloomError, OSError):
                self._ask(lambda service, key: service.delete(key))

    def _part(self, *, last: bool) -> None:
        if self._upload is None:
            self._upload = self._ask(lambda service, key: service.begin(key))
        upload, number, offset, data = self._upload, len(self._parts) + 1, self._offset, bytes(self._buffer)
        part = self._ask(lambda service, key: service.part(key, upload, number, offset, data, last))
        self._parts.append(part)
        self._offset += len(data)
        self._buffer.clear()


@contextmanager
def upload(ask: Ask) -> Iterator[io.RawIOBase]:
    """A new object written piece by piece, visible when the block ends well, nothing of it left when it does not.

    `ask` sends a request about the object as often as it takes. Raises StorageError and RecipeError as that does.
    """
    writer = _PartWriter(ask)
    try:
        yield writer
        writer.complete()
    except BaseException:
        writer.abandon()
        raise
