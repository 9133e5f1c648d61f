# ruff: noqa: D102  (the methods are described by `Service`)
"""S3, and what speaks it: the requests of `Service` through s3fs.

A put with `If-None-Match: *` fails with 412 when there is an object (AWS since August 2024; MinIO, Ceph, R2 and others).
Retries of s3fs and botocore are off: those of `remote_faults` are the only ones.
"""

import inspect
from typing import Any

import fsspec

from pairloom.pipeline.store.remote.faults import http_status
from pairloom.pipeline.store.remote.service import WRITE_ID

__all__ = ["S3Service"]

CONNECT_SECONDS = 10
READ_SECONDS = 60


class S3Service:
    """One bucket."""

    attempts = 10

    def __init__(self, bucket: str) -> None:
        given = fsspec.config.conf.get("s3", {}).get("config_kwargs", {})
        config = given | {
            "connect_timeout": CONNECT_SECONDS,
            "read_timeout": READ_SECONDS,
            "retries": {"mode": "standard", "total_max_attempts": 1},
        }
        self._fs, self._bucket = fsspec.core.url_to_fs(
            bucket, config_kwargs=config, use_listings_cache=False, skip_instance_cache=True
        )
        self._fs.retries = 1
        # Newer releases of s3fs read a large object by several requests at once, unless told not to.
        known = inspect.signature(type(self._fs)._cat_file).parameters
        self._whole = {"max_concurrency": 1} if "max_concurrency" in known else {}

    def size(self, key: str) -> int:
        return int(self._call("head_object", key)["ContentLength"])

    def modified(self, key: str) -> float:
        return float(self._call("head_object", key)["LastModified"].timestamp())

    def read(self, key: str) -> bytes:
        data: bytes = self._fs.cat_file(self._path(key), **self._whole)
        return data

    def read_range(self, key: str, start: int, stop: int) -> bytes:
        data: bytes = self._fs.cat_file(self._path(key), start=start, end=stop)
        return data

    def write(self, key: str, data: bytes) -> None:
        self._call("put_object", key, Body=data)

    def write_new(self, key: str, data: bytes, write: str) -> None:
        try:
            self._call("put_object", key, Body=data, IfNoneMatch="*", Metadata={WRITE_ID: write})
        except OSError as error:
            if error.__cause__ is not None and http_status(error.__cause__) == 412:
                raise FileExistsError(key) from error
            raise

    def write_id(self, key: str) -> str | None:
        found = {name.lower(): value for name, value in self._call("head_object", key)["Metadata"].items()}
        return found.get(WRITE_ID)

    def begin(self, key: str) -> str:
        return str(self._call("create_multipart_upload", key)["UploadId"])

    def part(self, key: str, upload: str, number: int, offset: int, data: bytes, last: bool) -> str:
        return str(self._call("upload_part", key, UploadId=upload, PartNumber=number, Body=data)["ETag"])

    def finish(self, key: str, upload: str, parts: list[str]) -> None:
        listed = [{"PartNumber": number, "ETag": etag} for number, etag in enumerate(parts, 1)]
        self._call("complete_multipart_upload", key, UploadId=upload, MultipartUpload={"Parts": listed})

    def abort(self, key: str, upload: str) -> None:
        self._call("abort_multipart_upload", key, UploadId=upload)

    def list(self, key: str) -> list[str]:
        base = len(self._bucket) + 1
        return [found[base:] for found in self._fs.find(self._path(key))]

    def delete(self, key: str) -> None:
        self._call("delete_object", key)

    def _path(self, key: str) -> str:
        return f"{self._bucket}/{key}"

    def _call(self, method: str, key: str, **given: Any) -> Any:
        return self._fs.call_s3(method, Bucket=self._bucket, Key=key, **given)
