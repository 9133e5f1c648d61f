"""The bytes of an open file on their way: decompressed in pieces, in UTF-8, and read to their end."""

import codecs
import io
from typing import BinaryIO, Protocol

from pairloom.operators.errors import DataError
from pairloom.pipeline.inputs.compression import COMPRESSIONS, Member
from pairloom.pipeline.inputs.slices import InputFile
from pairloom.pipeline.phases import phase

__all__ = ["AGAIN", "Stream", "ended_early", "stream_of"]

AGAIN = "plan the run again, or keep inputs unchanged while it runs"
"""What to do where a file is another than when the run was planned."""
_COMPRESSED_READ = 1 << 20


class Stream(Protocol):
    """Bytes that are read forwards."""

    @property
    def consumed(self) -> int:
        """How many stored bytes were needed so far."""

    def read(self, size: int) -> bytes:
        """At least one byte and at most `size`; none only at the end."""


def ended_early(file: InputFile, position: int) -> DataError:
    """The error for a file that ends before its planned size."""
    if file.opened is not None:
        return DataError(
            f"{file.uri}: it ends at byte {position} of {file.size}; fetch or write the archive again"
        )
    return DataError(f"{file.uri}: changed during the run: ended at byte {position} of {file.size}; {AGAIN}")


def stream_of(handle: BinaryIO, file: InputFile) -> Stream:
    """The bytes of an open file, decompressed on the way, text in UTF-8."""
    stream: Stream
    if file.compression == "none":
        stream = _Plain(handle, file)
    elif COMPRESSIONS[file.compression].pulled:
        stream = _Pulled(handle, file)
    else:
        stream = _Decompressed(handle, file)
    return _Recoded(stream, file) if file.reading.encoding else stream


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


class _Decompressed:
    """A compressed file of any number of members, each checked to its end.

    The libraries take a stream that just stops for a complete one, so the end of each member is tracked here.
    """

    def __init__(self, handle: BinaryIO, file: InputFile) -> None:
        self._handle = handle
        self._file = file
        self._kind = COMPRESSIONS[file.compression]
        self._errors = self._kind.errors()
        self._member: Member | None = None
        self._input = b""
        self._at = 0  # what of _input is used
        self._fetched = 0  # stored bytes up to the end of _input
        self._ready = io.BytesIO()  # decompressed, not yet handed out
        self._zeros = 0  # bytes of padding since the last member
        self._given = 0  # decompressed bytes so far

    @property
    def consumed(self) -> int:
        return self._fetched - len(self._input) + self._at

    def read(self, size: int) -> bytes:
        parts = [self._ready.read(size)]
        missing = size - len(parts[0])
        while missing > 0:
            hungry = self._member is None or self._member.needs_input
            piece = self._fetch() if hungry else b""
            if hungry and not piece:
                break
            made = self._feed(piece)
            if len(made) <= missing:
                parts.append(made)
            else:
                self._ready = io.BytesIO(made)
                parts.append(self._ready.read(missing))
            missing -= len(parts[-1])
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _fetch(self) -> bytes:
        """The next few stored bytes; none at a proper end."""
        if self._at == len(self._input):
            with phase("read"):
                self._input, self._at = self._handle.read(_COMPRESSED_READ), 0
            self._fetched += len(self._input)
            if not self._input:
                self._finish()
        piece = self._input[self._at : self._at + self._kind.feed]
        self._at += len(piece)
        return piece

    def _feed(self, piece: bytes) -> bytes:
        """Decompress within one member; what follows it stays in the input."""
        if self._member is None:
            if self._kind.padding is not None and piece[0] == 0 and self.consumed > len(piece):
                return self._padding(piece)
            self._check_padding(at_end=False)
            self._member = self._kind.begin()
        try:
            out = self._member.decompress(piece)
        except self._errors as error:
            if "memory usage limit" in str(error).lower():
                raise DataError(
                    f"{self._file.uri}: the {self._kind.name} stream needs more than 256 MiB to be unpacked; compress it with a "
                    "smaller dictionary, as `xz -9` does"
                ) from error
            raise self._broken(str(error)) from error
        self._given += len(out)
        self._file.check_expansion(self._given, self.consumed)
        if self._member.eof:
            self._at -= len(self._member.unused_data)
            self._member = None
        return out

    def _padding(self, piece: bytes) -> bytes:
        """Zeros between or behind members, which tapes and block devices need, and which `gzip` and `xz` themselves allow."""
        rest = piece.lstrip(b"\0")
        self._zeros += len(piece) - len(rest)
        self._at -= len(rest)
        return b""

    def _check_padding(self, *, at_end: bool) -> None:
        if self._zeros and (self._zeros % self._kind.padding if self._kind.padding else not at_end):
            raise self._broken(f"there is something else than a {self._kind.name} {self._kind.part}")
        self._zeros = 0

    def _finish(self) -> None:
        if self._fetched != self._file.size:
            raise ended_early(self._file, self._fetched)
        self._check_padding(at_end=True)
        if self._member is not None or self._fetched == 0:
            raise _cut_short(self._file)

    def _broken(self, what: str) -> DataError:
        return _broken(self._file, self.consumed, what)


class _Pulled:
    """A compressed file that Arrow unpacks, and checks to its end."""

    def __init__(self, handle: BinaryIO, file: InputFile) -> None:
        import pyarrow as pa

        self._raw, self._file, self._given = _Counted(handle), file, 0
        self._stream = pa.CompressedInputStream(pa.PythonFile(self._raw, mode="r"), file.compression)

    @property
    def consumed(self) -> int:
        return self._raw.count

    def read(self, size: int) -> bytes:
        try:
            data = bytes(self._stream.read(size))
        except (OSError, ValueError) as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise
            if "truncated" in str(error).lower() and self._raw.count == self._file.size:
                raise _cut_short(self._file) from error
            raise _broken(self._file, self._raw.count, str(error).splitlines()[0]) from error
        self._given += len(data)
        self._file.check_expansion(self._given, self._raw.count)
        if not data and self._raw.count != self._file.size:
            raise ended_early(self._file, self._raw.count)
        if not data and not self._raw.count:
            raise _cut_short(self._file)
        return data


class _Recoded:
    """Text of another encoding as UTF-8. A byte that is none in its encoding stays as it is, and so is none in UTF-8 either."""

    def __init__(self, stream: Stream, file: InputFile) -> None:
        self._stream, self._file, self._seen = stream, file, 0
        self._decoder = codecs.getincrementaldecoder(file.reading.encoding)("surrogateescape")
        self._ready = io.BytesIO()

    @property
    def consumed(self) -> int:
        return self._stream.consumed

    def read(self, size: int) -> bytes:
        while not (given := self._ready.read(size)):
            part = self._stream.read(min(size, _COMPRESSED_READ))
            try:
                text = self._decoder.decode(part, final=not part).encode("utf-8", "surrogateescape")
            except UnicodeError as error:
                before = self._seen - len(self._decoder.getstate()[0])
                at = before + error.start if isinstance(error, UnicodeDecodeError) else before
                raise DataError(
                    f"{self._file.uri}: not {self._file.reading.encoding} at byte {at}: {getattr(error, 'reason', error)}; correct "
                    "the source's encoding, or write the file again"
                ) from error
            self._seen += len(part)
            if not part and not text:
                return b""
            self._ready = io.BytesIO(text)
        return given


class _Counted(io.RawIOBase):
    """A file that is read forwards, and how many bytes of it were."""

    def __init__(self, handle: BinaryIO) -> None:
        super().__init__()
        self._handle, self.count = handle, 0

    def read(self, size: int | None = -1, /) -> bytes:
        """At most so many bytes."""
        with phase("read"):
            data = self._handle.read(-1 if size is None else size)
        self.count += len(data)
        return data

    def readable(self) -> bool:
        """It is."""
        return True


def _cut_short(file: InputFile) -> DataError:
    return DataError(
        f"{file.uri}: the {file.compression} stream is cut short: the file ends at byte {file.size}, within a "
        f"{COMPRESSIONS[file.compression].part}; fetch or compress it again"
    )


def _broken(file: InputFile, position: int, what: str) -> DataError:
    return DataError(
        f"{file.uri}: the {file.compression} stream is damaged or followed by something else, before byte {position} of "
        f"{file.size}: {what}; fetch or compress it again"
    )
