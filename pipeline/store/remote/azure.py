# ruff: noqa: D102  (the methods are described by `Service`)
"""Azure Blob Storage: the requests of `Service` through the SDK's client that adlfs signs in.

A put with `If-None-Match: *` fails with 409 when there is a blob. Retries of the SDK are off.
"""

import base64
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import fsspec

from pairloom.pipeline.store.remote.faults import http_status
from pairloom.pipeline.store.remote.service import WRITE_ID

__all__ = ["AzureService"]

T = TypeVar("T")

CONNECT_SECONDS = 10
READ_SECONDS = 60
_OPTIONS = {"retry_total": 0, "connection_timeout": CONNECT_SECONDS, "read_timeout": READ_SECONDS}


class AzureService:
    """One container."""

    attempts = 10

    def __init__(self, bucket: str) -> None:
        self._fs, self._container = fsspec.core.url_to_fs(
            bucket, use_listings_cache=False, skip_instance_cache=True
        )

    def size(self, key: str) -> int:
        return int(self._blob(key, lambda blob: blob.get_blob_properties(**_OPTIONS)).size)

    def modified(self, key: str) -> float:
        found = self._blob(key, lambda blob: blob.get_blob_properties(**_OPTIONS))
        return float(found.last_modified.timestamp())

    def read(self, key: str) -> bytes:
        async def download(blob: Any) -> bytes:
            data: bytes = await (await blob.download_blob(**_OPTIONS)).readall()
            return data

        return self._blob(key, download)

    def read_range(self, key: str, start: int, stop: int) -> bytes:
        async def download(blob: Any) -> bytes:
            stream = await blob.download_blob(offset=start, length=stop - start, **_OPTIONS)
            data: bytes = await stream.readall()
            return data

        return self._blob(key, download)

    def write(self, key: str, data: bytes) -> None:
        self._put(key, data, overwrite=True)

    def write_new(self, key: str, data: bytes, write: str) -> None:
        self._put(key, data, overwrite=False, metadata={WRITE_ID: write})

    def write_id(self, key: str) -> str | None:
        found = self._blob(key, lambda blob: blob.get_blob_properties(**_OPTIONS))
        return {name.lower(): value for name, value in (found.metadata or {}).items()}.get(WRITE_ID)

    def begin(self, key: str) -> str:
        return ""  # blocks need no session; those that no list names are dropped after a week

    def part(self, key: str, upload: str, number: int, offset: int, data: bytes, last: bool) -> str:
        name = base64.b64encode(b"%010d" % number).decode()
        self._blob(key, lambda blob: blob.stage_block(name, data, **_OPTIONS))
        return name

    def finish(self, key: str, upload: str, parts: list[str]) -> None:
        from azure.storage.blob import BlobBlock

        blocks = [BlobBlock(block_id=name) for name in parts]
        self._blob(key, lambda blob: blob.commit_block_list(blocks, **_OPTIONS))

    def abort(self, key: str, upload: str) -> None:
        pass

    def list(self, key: str) -> list[str]:
        async def collect() -> list[str]:
            async with self._fs.service_client.get_container_client(self._container) as container:
                found = container.list_blob_names(name_starts_with=f"{key}/" if key else None, **_OPTIONS)
                return [name async for name in found]

        return self._send(collect, key)

    def delete(self, key: str) -> None:
        self._blob(key, lambda blob: blob.delete_blob(**_OPTIONS))

    def _put(self, key: str, data: bytes, **given: Any) -> None:
        # Up to `max_single_put_size` (64 MiB) one conditional request, beyond blocks and one conditional list of them.
        self._blob(key, lambda blob: blob.upload_blob(data, **given, **_OPTIONS))

    def _blob(self, key: str, request: Callable[[Any], Awaitable[T]]) -> T:
        """Send a request about a blob."""

        async def send() -> T:
            async with self._fs.service_client.get_blob_client(container=self._container, blob=key) as blob:
                return await request(blob)

        return self._send(send, key)

    def _send(self, request: Callable[[], Awaitable[T]], key: str) -> T:
        """Send a request from the loop that the client lives in."""
        try:
            answer: T = fsspec.asyn.sync(self._fs.loop, request)
        except Exception as error:
            if http_status(error) == 404:
                raise FileNotFoundError(key) from error
            if getattr(error, "error_code", None) == "BlobAlreadyExists" or http_status(error) == 412:
                raise FileExistsError(key) from error
            raise
        return answer
