"""Opening inputs: the same file as at planning time, read forwards, decompressed in pieces, and read to its end."""

import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, cast

import fsspec

from pairloom.operators.errors import DataError, RecipeError, StorageError
from pairloom.pipeline.hub.repository import open_at
from pairloom.pipeline.inputs.asking import Asked, asking
from pairloom.pipeline.inputs.slices import InputFile
from pairloom.pipeline.inputs.streams import AGAIN, Stream, ended_early, stream_of
from pairloom.pipeline.phases import phase

__all__ = [
    "first_bytes",
    "local_path",
    "open_input",
    "open_stream",
    "resolve",
    "small_file",
    "stat_file",
    "version_of",
]

CONNECT_SECONDS = 10.0
READ_SECONDS = 60.0
SMALL = 1 << 20  # bytes of a file that is read at once
_REMOTE_BLOCK = 8 << 20
_VERSIONS = ("ETag", "etag", "e_tag", "generation", "VersionId", "version_id", "content_hash")
_TIMES = ("LastModified", "last_modified", "updated", "modified", "mtime", "created")
_PASSWORD = re.compile(r"://[^/@]*:[^/@]*@")
_EXTRAS = {
    "s3": "s3",
    "s3a": "s3",
    "gs": "gcs",
    "gcs": "gcs",
    "abfs": "azure",
    "abfss": "azure",
    "az": "azure",
    "hf": "hub",
}


def resolve(path: str) -> tuple[Any, str]:
    """The file system of a path or URI, and the path in it. Raises RecipeError, also for a URI with a password in it."""
    if _PASSWORD.search(path):
        raise RecipeError(
            f"{_PASSWORD.sub('://***@', path)} has credentials in it, and inputs are named in manifests and logs: leave "
            "them to the environment, a profile or the machine's role"
        )
    if "::" in path:
        raise RecipeError(f"{path}: chained URLs are not read; unpack the archive and name the files in it")
    try:
        fs, inner = fsspec.core.url_to_fs(path, **_options(path))
    except ImportError as error:
        scheme = path.split("://", maxsplit=1)[0]
        extra = _EXTRAS.get(scheme)
        advice = f"pip install 'pairloom[{extra}]'" if extra else str(error)
        raise RecipeError(f"{path}: no file system for {scheme}:// is installed; {advice}") from error
    except ValueError as error:
        raise RecipeError(f"{path}: {error}") from error
    return fs, str(inner)


def _options(path: str) -> dict[str, Any]:
    """What a file system is told beside the path: how long a web server may say nothing."""
    if not path.startswith(("http://", "https://")):
        return {}
    from aiohttp import ClientTimeout

    return {
        "client_kwargs": {
            "timeout": ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=READ_SECONDS)
        }
    }


def local_path(uri: str) -> str | None:
    """The path of a local file's URI, None of any other's."""
    return uri.removeprefix("file://") if uri.startswith("file://") else None


def version_of(info: Mapping[str, Any], ask: Callable[[], Mapping[str, Any]] | None = None) -> str:
    """What a file system's description of a file says about its version; "" if nothing.

    A listing may describe a file less exactly than a question about it: without an etag or the like, `ask` is called.
    """
    for key in _VERSIONS:
        if info.get(key):
            return str(info[key]).strip('"')
    if ask is not None:
        return version_of(ask())
    for key in _TIMES:
        value = info.get(key)
        if value:
            return value.isoformat() if isinstance(value, datetime) else str(value)
    return ""


def stat_file(uri: str) -> tuple[int, str]:
    """Size and version of a file as it is now. Raises FileNotFoundError and other OSErrors."""
    path = local_path(uri)
    if path is not None:
        found = Path(path).stat()
        return found.st_size, str(found.st_mtime_ns)
    with asking(uri):
        fs, inner = resolve(uri)
        fs.invalidate_cache()
        info = fs.info(inner)
    return int(info["size"]), version_of(info)


def first_bytes(uri: str, size: int, commit: str = "") -> bytes:
    """The first bytes of a file, as it is stored; on the Hub at a commit. Raises StorageError when storage fails."""
    try:
        with open_at(uri, commit, size) if commit else _open(uri) as handle:
            return handle.read(size)
    except OSError as error:
        raise StorageError(f"{uri}: cannot be read: {error}") from error


@contextmanager
def open_input(file: InputFile) -> Iterator[BinaryIO]:
    """Open a file for reading, and look before and after whether it is what was planned.

    Raises DataError when it is gone or another one, StorageError when storage fails meanwhile.
    """
    if file.opened is not None:
        yield file.opened()
        return
    try:
        if file.commit:  # which nothing changes
            with open_at(file.uri, file.commit, file.size) as handle:
                yield cast(BinaryIO, handle)
            return
        _check_unchanged(file)
        with _open(file.uri) as handle:
            yield handle
        if local_path(file.uri) is not None or file.size > _REMOTE_BLOCK:  # one request is one version
            _check_unchanged(file)
    except FileNotFoundError as error:
        raise DataError(f"{file.uri}: changed during the run: it is gone; {AGAIN}") from error
    except OSError as error:
        raise StorageError(f"{file.uri}: cannot be read: {error}") from error


def small_file(file: InputFile) -> bytes | None:
    """All of a small file of this machine that is stored as it is read, in a handful of system calls; None for any other file.

    What is read is what was planned where the file that was opened has the planned size and time once it is read. Raises as
    `open_stream` does.
    """
    path = local_path(file.uri)
    if path is None or not file.plain or file.size > SMALL:
        return None
    try:
        with phase("read"):
            descriptor = os.open(
                path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK
            )  # a pipe that stands there now would block
            try:
                data = os.read(descriptor, file.size + 1)
                while len(data) < file.size and (more := os.read(descriptor, file.size - len(data))):
                    data += more
                found = os.fstat(descriptor)
            finally:
                os.close(descriptor)
    except FileNotFoundError as error:
        raise DataError(f"{file.uri}: changed during the run: it is gone; {AGAIN}") from error
    except OSError as error:
        raise StorageError(f"{file.uri}: cannot be read: {error}") from error
    _compare(file, found.st_size, str(found.st_mtime_ns))
    if len(data) != file.size:
        raise ended_early(file, len(data))
    return data


def _check_unchanged(file: InputFile) -> None:
    _compare(file, *stat_file(file.uri))


def _compare(file: InputFile, size: int, version: str) -> None:
    if size != file.size:
        raise DataError(
            f"{file.uri}: changed during the run: {size} bytes now, {file.size} when planned; {AGAIN}"
        )
    if version != file.version:
        raise DataError(
            f"{file.uri}: changed during the run: version {version!r} now, {file.version!r} when planned; {AGAIN}"
        )


def _open(uri: str) -> BinaryIO:
    path = local_path(uri)
    if path is not None:
        handle = Path(path).open("rb")  # noqa: SIM115  (closed by the caller)
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(handle.fileno(), 0, 0, os.POSIX_FADV_SEQUENTIAL)
        return handle
    with asking(uri):
        fs, inner = resolve(uri)
        opened = Asked(uri, fs.open(inner, "rb", block_size=_REMOTE_BLOCK, cache_type="readahead"))
    return cast(BinaryIO, opened)


@contextmanager
def open_stream(file: InputFile) -> Iterator[Stream]:
    """Open a file and decompress it on the way. Every error of `open_input`, and DataError for a broken stream."""
    with open_input(file) as handle:
        yield stream_of(handle, file)
