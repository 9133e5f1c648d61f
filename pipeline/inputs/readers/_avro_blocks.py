"""The records of an Avro file: its blocks are told apart here, with their places and bounds, and their records by fastavro.

A header (magic, metadata, a mark of 16 bytes) and blocks: how many records, how many bytes, these, the mark again.
"""

import io
import json
import zlib
from collections.abc import Callable, Iterator
from typing import Any

from pairloom.operators.errors import DataError, RecipeError
from pairloom.pipeline.inputs.content import HEAD_BYTES, check_head
from pairloom.pipeline.inputs.readers._json_line import Refused
from pairloom.pipeline.inputs.readers._objects import Object
from pairloom.pipeline.inputs.slices import FREE_BYTES, InputFile
from pairloom.pipeline.inputs.streams import Stream

__all__ = ["objects_of"]

_MAGIC, _MARK = b"Obj\x01", 16
_STEP = 1 << 20
_LONGEST = 64  # bits of a number


def objects_of(stream: Stream, file: InputFile) -> Iterator[Object]:
    """The records of a file. Raises DataError where it is damaged or cut within a block, RecipeError without fastavro."""
    try:
        import fastavro
    except ImportError as error:
        raise RecipeError(
            f"{file.uri}: Avro is read by fastavro on every machine: pip install 'pairloom[avro]'"
        ) from error
    tape = _Tape(stream, file)
    schema, codec, mark = _header(tape, fastavro)
    given = 0
    while (at := tape.next_block()) is not None:
        count, size = tape.number(at), tape.number(at)
        if count < 0 or not 0 <= size <= file.size:
            raise tape.damaged(at, f"it says {count} records in {size} bytes")
        data = _unpacked(tape.take(size, at), codec, file, lambda said, at=at: tape.damaged(at, said))  # type: ignore[misc]
        if tape.take(_MARK, at) != mark:
            raise tape.damaged(at, "the mark behind it is not that of the file")
        given += len(data)
        file.check_expansion(given, tape.at)
        source = io.BytesIO(data)
        for number in range(count):
            start = source.tell()
            try:
                value = fastavro.schemaless_reader(source, schema, None)
            except Exception as error:
                raise tape.damaged(at, f"record {number} of it: {type(error).__name__}: {error}") from error
            place = f"block at byte {at}, record {number}"
            yield Object(_plain(value), place, source.tell() - start, stream.consumed)
        if source.tell() != len(data):
            raise tape.damaged(at, f"{len(data) - source.tell()} bytes follow its records")


def _header(tape: "_Tape", fastavro: Any) -> tuple[Any, str, bytes]:
    """What the records are, by what blocks are compressed, and the mark behind each."""
    tape.check_head()
    said: dict[str, bytes] = {}
    while count := tape.number(0):
        if count < 0:  # its size follows
            count = -count
            tape.number(0)
        for _ in range(count):
            name = tape.take(tape.length(0), 0).decode("utf-8", "backslashreplace")
            said[name] = tape.take(tape.length(0), 0)
    try:
        schema = fastavro.parse_schema(json.loads(said.get("avro.schema", b"")))
    except Exception as error:
        raise tape.damaged(0, f"its schema: {type(error).__name__}: {error}") from error
    return schema, said.get("avro.codec", b"null").decode("utf-8", "backslashreplace"), tape.take(_MARK, 0)


def _unpacked(data: bytes, codec: str, file: InputFile, damaged: Callable[[str], DataError]) -> bytes:
    """A block unpacked, where it holds no more than it may."""
    most = max(FREE_BYTES, file.max_expansion * len(data))
    try:
        if codec == "null":
            return data
        if codec == "deflate":
            made = zlib.decompressobj(-15).decompress(data, most + 1)
        elif codec in ("zstandard", "xz", "bzip2"):
            made = _by_library(data, codec, most + 1)
        else:
            raise DataError(
                f"{file.uri}: its blocks are compressed by {codec}, which is not read; write it with deflate or zstandard"
            )
    except DataError:
        raise
    except Exception as error:
        raise damaged(f"{codec}: {error}") from error
    if len(made) > most:
        file.check_expansion(len(made), len(data))
    return made


def _by_library(data: bytes, codec: str, most: int) -> bytes:
    if codec == "zstandard":
        import zstandard

        with zstandard.ZstdDecompressor().stream_reader(data) as source:
            return source.read(most)
    if codec == "xz":
        import lzma

        return lzma.LZMADecompressor(memlimit=256 << 20).decompress(data, most)
    import bz2

    return bz2.BZ2Decompressor().decompress(data, most)


def _plain(value: Any) -> Any:
    """A record as JSON would have it: bytes as text, what is of no such kind as it is written; or why it cannot be used."""
    try:
        made = _value(value)
    except UnicodeDecodeError as error:
        return Refused("invalid_utf8", f"byte {error.start} of a field: {error.reason}")
    return made if isinstance(made, dict) else Refused("not_an_object", "the record has no fields")


def _value(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(name): _value(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_value(one) for one in value]
    if isinstance(value, bytes):
        return value.decode("utf-8")
    if value is None or isinstance(value, str | bool | int | float):
        return value
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


class _Tape:
    """The bytes of a file, and how far they were read."""

    def __init__(self, stream: Stream, file: InputFile) -> None:
        self._stream, self._file, self._ready, self.at = stream, file, b"", 0

    def check_head(self) -> None:
        """Raise DataError where the file is none of Avro."""
        while len(self._ready) < HEAD_BYTES and (part := self._stream.read(_STEP)):
            self._ready += part
        check_head(self._file, self._ready[:HEAD_BYTES])
        if self.take(len(_MAGIC), 0) != _MAGIC:
            raise self.damaged(0, "it does not begin as Avro does")

    def next_block(self) -> int | None:
        """Where the next block begins; None at the end."""
        if not self._ready:
            self._ready = self._stream.read(_STEP)
        return self.at if self._ready else None

    def take(self, size: int, block: int) -> bytes:
        """The next bytes of a block."""
        parts, missing = [], size
        while missing:
            if not self._ready:
                self._ready = self._stream.read(_STEP)
            if not self._ready:
                raise DataError(
                    f"{self._file.uri}: the Avro file is cut short in the block at byte {block}: {missing} bytes of {size} are "
                    "missing; fetch it again"
                )
            part, self._ready = self._ready[:missing], self._ready[missing:]
            parts.append(part)
            missing -= len(part)
            self.at += len(part)
        return b"".join(parts)

    def number(self, block: int) -> int:
        """A number, seven bits a byte, the sign in the lowest."""
        value = shift = 0
        while shift < _LONGEST:
            byte = self.take(1, block)[0]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return (value >> 1) ^ -(value & 1)
            shift += 7
        raise self.damaged(block, "a number does not end")

    def length(self, block: int) -> int:
        """A number that says how many bytes follow."""
        size = self.number(block)
        if not 0 <= size <= self._file.size:
            raise self.damaged(block, f"it says {size} bytes")
        return size

    def damaged(self, block: int, what: str) -> DataError:
        """The error for a block that cannot be read."""
        said = " ".join(what.split())[:300]
        return DataError(
            f"{self._file.uri}: the Avro file is damaged in the block at byte {block}: {said}; fetch or write it again"
        )
