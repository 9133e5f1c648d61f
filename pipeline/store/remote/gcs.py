# ruff: noqa: D102  (the methods are described by `Service`)
"""Google Cloud Storage: the requests of `Service` through gcsfs.

A put with `ifGenerationMatch=0` fails with 412 when there is an object. gcsfs tries each request up to six times itself,
with pauses that double up to 32 s, so that little is left to do for `remote_faults`.
"""

import json
from datetime import datetime
from typing import Any

from pairloom.pipeline.store.remote.service import WRITE_ID

__all__ = ["GcsService"]

CONNECT_SECONDS = 10
READ_SECONDS = 60
_OBJECT = "b/{}/o/{}"
_WHOLE = 1 << 62  # no put is cut into parts: one request, one condition


class GcsService:
    """One bucket."""

    attempts = 2

    def __init__(self, bucket: str) -> None:
        import aiohttp
        from gcsfs.core import (
            GCSFileSystem,
        )  # which, other than the one of `gs://`, needs no gRPC beside the JSON API

        timeout = aiohttp.ClientTimeout(sock_connect=CONNECT_SECONDS, sock_read=READ_SECONDS)
        self._fs = GCSFileSystem(requests_timeout=timeout, use_listings_cache=False, skip_instance_cache=True)
        self._bucket = bucket.partition("://")[2]

    def size(self, key: str) -> int:
        return int(self._resource(key)["size"])

    def modified(self, key: str) -> float:
        return datetime.fromisoformat(self._resource(key)["updated"]).timestamp()

    def read(self, key: str) -> bytes:
        data: bytes = self._fs.cat_file(self._path(key))
        return data

    def read_range(self, key: str, start: int, stop: int) -> bytes:
        data: bytes = self._fs.cat_file(self._path(key), start=start, end=stop)
        return data

    def write(self, key: str, data: bytes) -> None:
        self._fs.pipe_file(self._path(key), data, chunksize=_WHOLE)

    def write_new(self, key: str, data: bytes, write: str) -> None:
        metadata = {WRITE_ID: write}
        self._fs.pipe_file(self._path(key), data, mode="create", metadata=metadata, chunksize=_WHOLE)

    def write_id(self, key: str) -> str | None:
        found: str | None = self._resource(key).get("metadata", {}).get(WRITE_ID)
        return found

    def begin(self, key: str) -> str:
        headers, _ = self._fs.call(
            "POST",
            self._fs.base.replace("/storage/v1/", f"/upload/storage/v1/b/{self._bucket}/o"),
            uploadType="resumable",
            json={"name": key},
            headers={"X-Upload-Content-Type": "application/octet-stream"},
        )
        return str(headers["Location"])

    def part(self, key: str, upload: str, number: int, offset: int, data: bytes, last: bool) -> str:
        # The service may keep less than it is sent, and says so; bytes that it has already, it ignores.
        total = offset + len(data)
        kept = offset
        while kept < total:
            headers, _ = self._fs.call(
                "PUT",
                upload,
                headers={"Content-Range": f"bytes {kept}-{total - 1}/{total if last else '*'}"},
                data=data[kept - offset :],
            )
            ends = headers.get("Range")
            if last and ends is None:
                break
            kept = 0 if ends is None else int(ends.rpartition("-")[2]) + 1
            if kept < offset:
                raise ConnectionAbortedError(
                    f"the upload has {kept} of the {offset} bytes that were accepted"
                )
        return str(number)

    def finish(self, key: str, upload: str, parts: list[str]) -> None:
        pass  # the last part has said how many bytes there are

    def abort(self, key: str, upload: str) -> None:
        self._fs.call("DELETE", upload)

    def list(self, key: str) -> list[str]:
        base = len(self._bucket) + 1
        return [found[base:] for found in self._fs.find(self._path(key))]

    def delete(self, key: str) -> None:
        self._fs.call("DELETE", _OBJECT, self._bucket, key)

    def _resource(self, key: str) -> dict[str, Any]:
        _, body = self._fs.call("GET", _OBJECT, self._bucket, key)
        found: dict[str, Any] = json.loads(body)
        return found

    def _path(self, key: str) -> str:
        return f"{self._bucket}/{key}"
