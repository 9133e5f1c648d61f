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
from fsspec.core import split_protocol

from pairloom.operators.errors import CorruptionError, RecipeError
from pairloom.pipeline.store.objects import check_path
from pairloom.pipeline.store.remote_azure import AzureService
from pairloom.pipeline.store.remote_faults import persist, scrub
from pairloom.pipeline.store.remote_files import RangeReader, upload
from pairloom.pipeline.store.remote_gcs import GcsService
from pairloom.pipeline.store.remote_s3 import S3Service
from pairloom.pipeline.store.remote_service import Service

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
        return self._ask("reading", path, lambda service: service.read(path))

    def exists(self, path: str) -> bool:
        """Whether there is such an object."""
        try:
            self._ask("looking for", path, lambda service: service.size(path))
        except FileNotFoundError:
            return False
        return True

    def open(self, path: str) -> pa.NativeFile:
        """The object for random reads; see `RangeReader` for what is fetched when."""
        size = self._ask("opening", path, lambda service: service.size(path))
        if size == 0:
            raise CorruptionError(f"{self.uri(path)} is empty")

        def fetch(start: int, stop: int) -> bytes:
            def request(service: Service) -> bytes:
                data = service.read_range(path, start, stop)
                if len(data) != stop - start:
                    raise ConnectionAbortedError(f"{len(data)} of {stop - start} bytes came")
                return data

            return self._ask(f"reading bytes {start} to {stop} of", path, request)

        return pa.PythonFile(RangeReader(fetch, size), mode="r")

    def create(self, path: str) -> AbstractContextManager[BinaryIO]:
        """A new object written piece by piece, in parts of 16 MiB and more; aborted when the block raises."""

        def ask(request: Callable[[], T]) -> T:
            return self._ask("writing", path, lambda _: request())

        self.uri(path)
        return cast("AbstractContextManager[BinaryIO]", upload(_service(self.root), path, ask))

    def put(self, path: str, data: bytes) -> None:
        """Write or replace an object."""
        self._ask("writing", path, lambda service: service.write(path, data))

    def put_if_absent(self, path: str, data: bytes) -> bool:
        """Write an object unless there is one."""
        write = uuid.uuid4().hex

        def request(service: Service) -> bool:
            try:
                service.write_new(path, data, write)
            except FileExistsError:
                try:
                    found = service.write_id(path)
                    return service.read(path) == data if found is None else found == write
                except FileNotFoundError as error:
                    raise ConnectionAbortedError("it was there and is gone") from error
            return True

        return self._ask("creating", path, request)

    def list(self, prefix: str) -> list[str]:
        """Paths below a prefix, sorted."""
        prefix = prefix.strip("/")

        def request(service: Service) -> list[str]:
            with suppress(FileNotFoundError):
                return service.list(prefix)
            return []

        below = f"{prefix}/" if prefix else ""
        found = self._ask("listing", prefix, request)
        return sorted(key for key in found if key.startswith(below) and not key.endswith("/"))

    def delete(self, path: str) -> None:
        """Remove an object."""
        with suppress(FileNotFoundError):
            self._ask("deleting", path, lambda service: service.delete(path))

    def _ask(self, action: str, path: str, request: Callable[[Service], T]) -> T:
        what = f"{action} {self.uri(path)}"
        service = _service(self.root)
        return persist(what, lambda: request(service), service.attempts)


def _service(root: str) -> Service:
    return _connect(root, os.getpid())


@lru_cache(maxsize=8)
def _connect(root: str, _process: int) -> Service:
    """The connection of this process to a root; a forked child makes its own."""
    protocol, _ = split_protocol(root)
    assert protocol is not None
    try:
        return SERVICES[protocol](root)
    except ImportError as error:
        raise RecipeError(
            f"{root}: what speaks {protocol}:// is not installed: pip install 'pairloom[{EXTRAS[protocol]}]'"
        ) from error
    except (ValueError, OSError) as error:
        raise RecipeError(f"{root}: cannot connect: {scrub(str(error))}") from error


def forget_connections() -> None:
    """Make new connections from here on, as after a change of the environment."""
    _connect.cache_clear()
