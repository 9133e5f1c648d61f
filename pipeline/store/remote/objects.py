"""Objects in a bucket: S3 and what speaks it, Google Cloud Storage, Azure Blob Storage.

    put_if_absent ── conditional put, with a write id ──▶ created: ours
                         │ time-out, 5xx: unknown           │ refused: there is an object
                         ▼                                  ▼
                     put again, same id                 whose id has it?  ours ─▶ created by a put that seemed lost
                                                                          other ─▶ somebody else was first

A put whose answer is lost may have happened, may still happen, and may happen twice. The write id in the object's
metadata settles all of that: whatever the network did, an object with our id was made by this call.
"""

import os
import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import BinaryIO, TypeVar, cast

import pyarrow as pa

from pairloom.operators.errors import CorruptionError, RecipeError
from pairloom.pipeline.store.objects import check_path
from pairloom.pipeline.store.remote.azure import AzureService
from pairloom.pipeline.store.remote.faults import persist, scrub
from pairloom.pipeline.store.remote.files import RangeReader, upload
from pairloom.pipeline.store.remote.gcs import GcsService
from pairloom.pipeline.store.remote.s3 import S3Service
from pairloom.pipeline.store.remote.service import Service

__all__ = ["EXTRAS", "RemoteObjects", "forget_connections"]

T = TypeVar("T")

SERVICES: dict[str, Callable[[str], Service]] = {
    "s3": S3Service,
    "s3a": S3Service,
    "gs": GcsService,
    "gcs": GcsService,
    "az": AzureService,
    "abfs": AzureService,
    "abfss": AzureService,
}
EXTRAS = {
    "s3": "s3",
    "s3a": "s3",
    "gs": "gcs",
    "gcs": "gcs",
    "az": "azure",
    "abfs": "azure",
    "abfss": "azure",
}


COPIED = 8 << 20  # bytes that are copied at a time


@dataclass(frozen=True, slots=True)
class RemoteObjects:
    """Objects below a URI such as `s3://bucket/folder`.

    The value holds the URI alone. Connections belong to a process and are made where they are needed; who may do what is
    up to the environment, profiles or the machine's role, as everywhere with these stores.
    """

    root: str

    def uri(self, path: str) -> str:
        """The object's URI."""
        return f"{self.root}/{check_path(path)}"

    def read(self, path: str) -> bytes:
        """The whole object, in one request."""
        return self._ask("reading", path, lambda service, key: service.read(key))

    def exists(self, path: str) -> bool:
        """Whether there is such an object."""
        try:
            self._ask("looking for", path, lambda service, key: service.size(key))
        except FileNotFoundError:
            return False
        return True

    def open(self, path: str) -> pa.NativeFile:
        """The object for random reads; see `RangeReader` for what is fetched when."""
        size = self._ask("opening", path, lambda service, key: service.size(key))
        if size == 0:
            raise CorruptionError(f"{self.uri(path)} is empty")

        def fetch(start: int, stop: int) -> bytes:
            def request(service: Service, key: str) -> bytes:
                data = service.read_range(key, start, stop)
                if len(data) != stop - start:
                    raise ConnectionAbortedError(f"{len(data)} of {stop - start} bytes came")
                return data

            return self._ask(f"reading bytes {start} to {stop} of", path, request)

        return pa.PythonFile(RangeReader(fetch, size), mode="r")

    def create(self, path: str, *, durable: bool = True) -> AbstractContextManager[BinaryIO]:
        """A new object written piece by piece, in parts of 16 MiB and more; aborted when the block raises.

        It is `durable` whether that is asked for or not.
        """

        def ask(request: Callable[[Service, str], T]) -> T:
            return self._ask("writing", path, request)

        self.uri(path)
        return cast("AbstractContextManager[BinaryIO]", upload(ask))

    def put(self, path: str, data: bytes) -> None:
        """Write or replace an object."""
        self._ask("writing", path, lambda service, key: service.write(key, data))

    def replace(self, path: str, source: str) -> None:
        """Write an object anew with the bytes of another, block by block: an upload is visible when it is complete."""
        with self.open(source) as file, self.create(path) as to:
            while block := file.read(COPIED):
                to.write(block)
        self.delete(source)

    def put_if_absent(self, path: str, data: bytes, *, durable: bool = True) -> bool:
        """Write an object unless there is one; it is `durable` whether that is asked for or not."""
        write = uuid.uuid4().hex

        def request(service: Service, key: str) -> bool:
            try:
                service.write_new(key, data, write)
            except FileExistsError:
                try:
                    found = service.write_id(key)
                    return service.read(key) == data if found is None else found == write
                except FileNotFoundError as error:
                    raise ConnectionAbortedError("it was there and is gone") from error
            return True

        return self._ask("creating", path, request)

    def list(self, prefix: str) -> list[str]:
        """Paths below a prefix, sorted."""

        def request(service: Service, key: str) -> list[str]:
            try:
                found = service.list(key)
            except FileNotFoundError:
                return []
            below = f"{key}/" if key else ""
            return [one for one in found if one.startswith(below) and not one.endswith("/")]

        folder = len(self._key(""))
        return sorted(key[folder:] for key in self._ask("listing", prefix.strip("/"), request))

    def delete(self, path: str) -> None:
        """Remove an object."""
        with suppress(FileNotFoundError):
            self._ask("deleting", path, lambda service, key: service.delete(key))

    def modified(self, path: str) -> float:
        """When the object was last written."""
        return self._ask("looking at", path, lambda service, key: service.modified(key))

    def _key(self, path: str) -> str:
        folder = self.root.partition("://")[2].partition("/")[2]
        return f"{folder}/{path}" if folder else path

    def _ask(self, action: str, path: str, request: Callable[[Service, str], T]) -> T:
        """Send a request about an object until there is an answer."""
        what = f"{action} {self.uri(path)}"
        protocol, _, rest = self.root.partition("://")
        service = _connect(f"{protocol}://{rest.partition('/')[0]}", os.getpid())
        key = self._key(path).removesuffix("/")
        return persist(what, lambda: request(service, key), service.attempts)


@lru_cache(maxsize=8)
def _connect(bucket: str, _process: int) -> Service:
    """The connection of this process to a bucket; a forked child makes its own."""
    protocol = bucket.partition("://")[0]
    try:
        return SERVICES[protocol](bucket)
    except ImportError as error:
        raise RecipeError(
            f"{bucket}: what speaks {protocol}:// is not installed: pip install 'pairloom[{EXTRAS[protocol]}]'"
        ) from error
    except (ValueError, OSError) as error:
        raise RecipeError(f"{bucket}: cannot connect: {scrub(str(error))}") from error


def forget_connections() -> None:
    """Make new connections from here on, as after a change of the environment."""
    _connect.cache_clear()
