"""Opening inputs: the same file as at planning time, read forwards, decompressed in pieces, and read to its end."""

import io
import os
import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, Protocol, cast

import fsspec
import zstandard

from pairloom.operators.errors import DataError, RecipeError, StorageError
from pairloom.pipeline.inputs.asking import Asked, asking
from pairloom.pipeline.inputs.slices import InputFile
from pairloom.pipeline.phases import phase

__all__ = [
    "Stream",
    "ended_early",
    "first_bytes",
    "local_path",
    "open_input",
    "open_stream",
    "resolve",
    "stat_file",
    "version_of",
]

CONNECT_SECONDS = 10.0
READ_SECONDS = 60.0
_REMOTE_BLOCK = 8 << 20
_COMPRESSED_READ = 1 << 20
# How much is decompressed at a time. Four bytes of zstd can stand for 128 KiB and one of gzip for 1 KiB, so these bound
# what a step gives to 32 and 16 MiB. Larger steps were not measurably faster.
_ZSTD_FEED = 1 << 10
_GZIP_FEED = 1 << 14
_ZSTD_WINDOW = 1 << 31  # what `zstd --long=31` writes
_AGAIN = "plan the run again, or keep inputs unchanged while it runs"
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
}


class Stream(Protocol):
    """Bytes that are read forwards."""

    @property
    def consumed(self) -> int:
        """How many stored bytes were needed so far."""

    def read(self, size: int) -> bytes:
        """At least one byte and at most `size`; none only at the end."""


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


def first_bytes(uri: str, size: int) -> bytes:
    """The first bytes of a file, as it is stored. Raises StorageError when storage fails."""
    try:
        with _open(uri) as handle:
            return handle.read(size)
    except OSError as error:
        raise StorageError(f"{uri}: cannot be read: {error}") from error


@contextmanager
def open_input(file: InputFile) -> Iterator[BinaryIO]:
    """Open a file for reading, and look before and after whether it is what was planned.

    Raises DataError when it is gone or another one, StorageError when storage fails meanwhile.
    """
    try:
        _check_unchanged(file)
        with _open(file.uri) as handle:
            yield handle
        if local_path(file.uri) is not None or file.size > _REMOTE_BLOCK:  # one request is one version
            _check_unchanged(file)
    except FileNotFoundError as error:
        raise DataError(f"{file.uri}: changed during the run: it is gone; {_AGAIN}") from error
    except OSError as error:
        raise StorageError(f"{file.uri}: cannot be read: {error}") from error


def ended_early(file: InputFile, position: int) -> DataError:
    """The error for a file that ends before its planned size."""
    return DataError(f"{file.uri}: changed during the run: ended at byte {position} of {file.size}; {_AGAIN}")


def _check_unchanged(file: InputFile) -> None:
    size, version = stat_file(file.uri)
    if size != file.size:
        raise DataError(
            f"{file.uri}: changed during the run: {size} bytes now, {file.size} when planned; {_AGAIN}"
        )
    if version != file.version:
        raise DataError(
            f"{file.uri}: changed during the run: version {version!r} now, {file.version!r} when planned; {_AGAIN}"
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
        yield _Plain(handle, file) if file.compression == "none" else _Decompressed(handle, file)


class _Plain:
    """The stored bytes themselves."""

    def __init__(self, handle: BinaryIO, file: InputFile) -> None:
        self._handle = handle
        self._file = file
        self.consumed = 0

    def read(self, size: int) -> bytes:
        with phase("read"):
            data = self._handle.read(size)
        self.consumed += len(data)
        if not data and self.consumed != self._file.size:
            raise ended_early(self._file, self.consumed)
        return data


class _Member(Protocol):
    """What `zlib` and `zstandard` both offer for one gzip member or zstd frame."""

    eof: bool
    unused_data: bytes

    def decompress(self, data: bytes, /) -> bytes: ...


def _gzip_member() -> _Member:
    return zlib.decompressobj(wbits=31)  # type: ignore[return-value]


def _zstd_frame() -> _Member:
    return zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW).decompressobj()  # type: ignore[return-value]


class _Decompressed:
    """A compressed file of any number of members, each checked to its end.

    The libraries take a stream that just stops for a complete one, so the end of each member is tracked here.
    """

    def __init__(self, handle: BinaryIO, file: InputFile) -> None:
        self._handle = handle
        self._file = file
        self._gzip = file.compression == "gzip"
        self._start, self._step = (_gzip_member, _GZIP_FEED) if self._gzip else (_zstd_frame, _ZSTD_FEED)
        self._member: _Member | None = None
        self._input = b""
        self._at = 0  # what of _input is used
        self._fetched = 0  # stored bytes up to the end of _input
        self._ready = io.BytesIO()  # decompressed, not yet handed out
        self._padded = False
        self._given = 0  # decompressed bytes so far

    @property
    def consumed(self) -> int:
        return self._fetched - len(self._input) + self._at

    def read(self, size: int) -> bytes:
        parts = [self._ready.read(size)]
        missing = size - len(parts[0])
        while missing > 0 and (piece := self._fetch()):
            self._ready = io.BytesIO(self._feed(piece))
            parts.append(self._ready.read(missing))
            missing -= len(parts[-1])
        return b"".join(parts)

    def _fetch(self) -> bytes:
        """The next few stored bytes; none at a proper end."""
        if self._at == len(self._input):
            with phase("read"):
                self._input, self._at = self._handle.read(_COMPRESSED_READ), 0
            self._fetched += len(self._input)
            if not self._input:
                self._finish()
        piece = self._input[self._at : self._at + self._step]
        self._at += len(piece)
        return piece

    def _feed(self, piece: bytes) -> bytes:
        """Decompress within one member; what follows it stays in the input."""
        if self._member is None:
            if self._gzip and (self._padded or piece[0] == 0):
                return self._padding(piece)
            self._member = self._start()
        try:
            out = self._member.decompress(piece)
        except (zlib.error, zstandard.ZstdError) as error:
            raise self._broken(str(error)) from error
        self._given += len(out)
        self._file.check_expansion(self._given, self.consumed)
        if self._member.eof:
            self._at -= len(self._member.unused_data)
            self._member = None
        return out

    def _padding(self, piece: bytes) -> bytes:
        """Zeros that tapes and block devices put behind the last gzip member, as `gzip` itself allows."""
        if self.consumed == len(piece) or piece.strip(b"\0"):
            raise self._broken("there is something else than a gzip member")
        self._padded = True
        return b""

    def _finish(self) -> None:
        if self._fetched != self._file.size:
            raise ended_early(self._file, self._fetched)
        if self._member is not None or self._fetched == 0:
            raise DataError(
                f"{self._file.uri}: the {self._file.compression} stream is cut short: the file ends at byte "
                f"{self._fetched}, within a {'member' if self._gzip else 'frame'}; fetch or compress it again"
            )

    def _broken(self, what: str) -> DataError:
        return DataError(
            f"{self._file.uri}: the {self._file.compression} stream is damaged or followed by something else, before "
            f"byte {self.consumed} of {self._file.size}: {what}; fetch or compress it again"
        )
