"""Named bytes under a root: the few operations that a commit is made of.

A store must be able to create an object only if it is absent, atomically and durably: every promise of Pairloom rests
on that one operation. A store that cannot do it is refused (`location.open_objects`).
"""

import errno
import os
import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

import pyarrow as pa

from pairloom.operators.errors import CorruptionError, RecipeError, StorageError
from pairloom.operators.room import needing_room
from pairloom.pipeline.store.behind import opened

__all__ = ["FOLDERS", "LocalObjects", "Objects", "check_path"]

FOLDERS = ("data", "receipts", "manifests", "log", "probe", "aside")
"""The folders below a root that are Pairloom's: what else is there belongs to somebody else."""


def check_path(path: str) -> str:
    """A path below a root, as it is; raises ValueError for one that leads out of it."""
    if path.startswith("/") or ".." in path.split("/") or "\0" in path:
        raise ValueError(f"{path!r} is no path below the root")
    return path


class Objects(Protocol):
    """Objects by their path below the root, with `/` between the parts. Implementations are picklable values.

    Beside what is said below, a store far away raises StorageError when it does not answer, however often it is asked.
    """

    def __hash__(self) -> int: ...

    @property
    def root(self) -> str:
        """The URI of the root."""

    def uri(self, path: str) -> str:
        """Where the object is, for people and for other tools."""

    def read(self, path: str) -> bytes:
        """The whole object; raises FileNotFoundError."""

    def exists(self, path: str) -> bool:
        """Whether there is such an object."""

    def open(self, path: str) -> pa.NativeFile:
        """The object for random reads, mapped into memory where the store can.

        Raises FileNotFoundError, and CorruptionError for an empty one.
        """

    def create(self, path: str, *, durable: bool = True) -> AbstractContextManager[BinaryIO]:
        """A new object written piece by piece, durable and complete when the block ends well.

        For data under names that nobody else uses; when the block raises, the object is removed. One that need not be
        `durable` may be lost, cut short or hold anything after a loss of power: for scratch that is compared as it is read.
        """

    def put(self, path: str, data: bytes) -> None:
        """Write or replace an object: readers see the old bytes or the new ones."""

    def replace(self, path: str, source: str) -> None:
        """Make an object what another is, which is gone then: readers see the old bytes or the new ones, all of them."""

    def put_if_absent(self, path: str, data: bytes, *, durable: bool = True) -> bool:
        """Write an object unless there is one; False when there was. Atomic between any number of writers.

        For one that need not be `durable` see `create`.
        """

    def list(self, prefix: str) -> list[str]:
        """Paths below a prefix, sorted; for looking after the store, never to find what is committed."""

    def delete(self, path: str) -> None:
        """Remove an object; one that is not there is no error."""

    def modified(self, path: str) -> float:
        """When the object was last written, in seconds since 1970 by the store's clock; raises FileNotFoundError."""


@dataclass(frozen=True, slots=True)
class LocalObjects:
    """A folder of a local or shared POSIX file system.

    A small object is written to a temporary file beside its place, synced, and linked there: `link` fails if the name
    exists, also across machines. Then the folder is synced, so that the name survives a power cut.
    """

    folder: str

    @property
    def root(self) -> str:
        """The URI of the root."""
        return Path(self.folder).as_uri()

    def uri(self, path: str) -> str:
        """The absolute path of an object's file."""
        return str(self._place(path))

    def read(self, path: str) -> bytes:
        """The whole object."""
        place = self._place(path)
        with _reading(place):
            return place.read_bytes()

    def exists(self, path: str) -> bool:
        """Whether there is such an object."""
        return self._place(path).is_file()

    def open(self, path: str) -> pa.NativeFile:
        """The object, mapped into memory."""
        place = self._place(path)
        with _reading(place):
            if place.stat().st_size == 0:
                raise CorruptionError(f"{place} is empty")
            if place.is_dir():
                raise IsADirectoryError(errno.EISDIR, "is a folder", str(place))
            return pa.memory_map(str(place), "r")

    @contextmanager
    def create(self, path: str, *, durable: bool = True) -> Iterator[BinaryIO]:
        """A new object written piece by piece; synced when the block ends well, removed when it does not."""
        place = self._place(path)
        self._make_folder(place.parent)
        try:
            with needing_room(place.parent), opened(place, durable=durable) as file:
                yield file
                file.flush()
                if durable:
                    os.fsync(file.fileno())
        except BaseException:
            place.unlink(missing_ok=True)
            raise
        if durable:
            _sync_folder(place.parent)

    def put(self, path: str, data: bytes) -> None:
        """Write or replace an object."""
        place = self._place(path)
        with needing_room(place.parent), self._temporary(place, data) as temporary:
            temporary.replace(place)
        _sync_folder(place.parent)

    def replace(self, path: str, source: str) -> None:
        """Rename a file to where another one is, or was."""
        place = self._place(path)
        self._make_folder(place.parent)
        self._place(source).replace(place)
        _sync_folder(place.parent)

    def put_if_absent(self, path: str, data: bytes, *, durable: bool = True) -> bool:
        """Write an object unless there is one."""
        place = self._place(path)
        if place.exists():
            return False
        with needing_room(place.parent), self._temporary(place, data, durable=durable) as temporary:
            try:
                place.hardlink_to(temporary)
            except FileExistsError:
                return False
        if durable:
            _sync_folder(place.parent)
        return True

    def list(self, prefix: str) -> list[str]:
        """Paths below a prefix, sorted."""
        base, found = Path(self.folder), []
        for parent, _, names in os.walk(self._place(prefix)):
            if names:
                folder = Path(parent).relative_to(base).as_posix()
                found += names if folder == "." else [f"{folder}/{name}" for name in names]
        return sorted(found)

    def delete(self, path: str) -> None:
        """Remove an object."""
        self._place(path).unlink(missing_ok=True)

    def modified(self, path: str) -> float:
        """When the object was last written."""
        return self._place(path).stat().st_mtime

    def _place(self, path: str) -> Path:
        return Path(self.folder, *check_path(path).split("/"))

    def _make_folder(self, folder: Path) -> None:
        try:
            with needing_room(folder):
                folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RecipeError(f"cannot write below the root {self.folder}: {error}") from error

    @contextmanager
    def _temporary(self, place: Path, data: bytes, *, durable: bool = True) -> Iterator[Path]:
        self._make_folder(place.parent)
        temporary = place.parent / f".{place.name}.{uuid.uuid4().hex}.tmp"
        try:
            with temporary.open("xb") as file:
                file.write(data)
                file.flush()
                if durable:
                    os.fsync(file.fileno())
            yield temporary
        finally:
            with suppress(FileNotFoundError):
                temporary.unlink()


@contextmanager
def _reading(place: Path) -> Iterator[None]:
    """Name what cannot be read, and why; an object that is not there, or cannot be, is FileNotFoundError."""
    try:
        yield
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        raise
    except OSError as error:
        if error.errno in (errno.ENAMETOOLONG, errno.ELOOP):
            raise FileNotFoundError(error.errno, error.strerror, str(place)) from error
        raise StorageError(f"{place} cannot be read: {error.strerror or error}") from error


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
