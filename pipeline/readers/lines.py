"""Whole lines out of a range of bytes or out of a stream, in blocks of bounded size."""

from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from pairloom.operators.errors import DataError
from pairloom.pipeline.readers.piece import InputFile, Slice
from pairloom.pipeline.readers.storage import Stream, open_input, open_stream

__all__ = ["Block", "line_blocks", "too_long"]

_BOM = b"\xef\xbb\xbf"
_STEP = 1 << 20


class Block(NamedTuple):
    """Whole lines; only the last line of a file may lack its newline.

    `data` starts at byte `position` of the decompressed file; `consumed` stored bytes were used since the block before.
    """

    data: bytes
    position: int
    consumed: int


def too_long(file: InputFile, place: str, limit: int) -> DataError:
    """The error for a record that memory was not meant for."""
    return DataError(
        f"{file.uri}: the record at {place} is longer than {limit} bytes (max_record_bytes); "
        "split the document, raise the limit, or exclude the file"
    )


def line_blocks(piece: Slice, block_bytes: int, longest: int) -> Iterator[Block]:
    """The lines that start in the slice, in blocks of about `block_bytes` and at least one line.

    The byte order mark at the start of a file is left out. A line of more than `longest` bytes raises DataError if it
    does not fit in a block (a shorter one is for the caller to check).
    """
    if piece.file.format == "jsonl" and piece.file.compression == "none":
        with open_input(piece.file) as handle:
            yield from _range_blocks(handle, piece, block_bytes, longest)
    else:
        with open_stream(piece.file) as stream:
            yield from _stream_blocks(stream, piece.file, block_bytes, longest)


def _stream_blocks(stream: Stream, file: InputFile, block_bytes: int, longest: int) -> Iterator[Block]:
    carry, position, before = b"", 0, 0
    while True:
        parts, size, cut = [carry], len(carry), -1
        ended = False
        while cut < 0:
            part = stream.read(max(block_bytes - size, _STEP))
            ended = not part
            if ended:
                break
            newline = part.rfind(b"\n")
            if newline >= 0:
                cut = size + newline + 1
            parts.append(part)
            size += len(part)
            if cut < 0 and size > longest:
                raise too_long(file, f"byte {position}", longest)
        data = b"".join(parts)
        lines, carry = (data, b"") if ended else (data[:cut], data[cut:])
        at = position
        position += len(lines)
        if at == 0 and lines.startswith(_BOM):
            lines, at = lines[3:], 3
        if lines or stream.consumed > before:
            yield Block(lines, at, stream.consumed - before)
        before = stream.consumed
        if ended:
            return


class _Handle:
    """A plain file that must not end before its planned size."""

    def __init__(self, handle: BinaryIO, file: InputFile, position: int) -> None:
        handle.seek(position)
        self._handle = handle
        self._file = file
        self.position = position

    def read(self, size: int) -> bytes:
        """At least one byte, unless the file is read to its end; never past the planned size."""
        wanted = min(size, self._file.size - self.position)
        if wanted <= 0:
            return b""
        data = self._handle.read(wanted)
        if not data:
            raise DataError(
                f"{self._file.uri}: changed during the run: ended at byte {self.position} of {self._file.size}; "
                "plan the run again, or keep inputs unchanged while it runs"
            )
        self.position += len(data)
        return data


def _range_blocks(handle: BinaryIO, piece: Slice, block_bytes: int, longest: int) -> Iterator[Block]:
    file, stop = piece.file, min(piece.stop, piece.file.size)
    source = _Handle(handle, file, max(piece.start - 1, 0))
    carry, position, reported = b"", piece.start, piece.start
    if piece.start > 0:
        # A line starts behind each newline of [start - 1, stop - 1).
        while True:
            at = source.position
            part = source.read(min(_STEP, stop - 1 - at))
            if not part:
                yield Block(b"", stop, stop - reported)
                return
            newline = part.find(b"\n")
            if newline >= 0:
                carry, position = part[newline + 1 :], at + newline + 1
                break
    while position < stop:
        data = carry
        if source.position < stop:
            data += source.read(min(max(block_bytes - len(carry), len(carry), _STEP), stop - source.position))
        cut = data.rfind(b"\n") + 1
        if source.position >= stop and cut < len(data):
            data = _complete(source, data, cut, longest, file, position)
            cut = len(data)
        lines, carry = data[:cut], data[cut:]
        if not lines:
            if len(carry) > longest:
                raise too_long(file, f"byte {position}", longest)
            continue
        at = position
        position += len(lines)
        if at == 0 and lines.startswith(_BOM):
            lines, at = lines[3:], 3
        yield Block(lines, at, min(position, stop) - reported)
        reported = min(position, stop)


def _complete(source: _Handle, data: bytes, cut: int, longest: int, file: InputFile, position: int) -> bytes:
    """Read on to the end of the line that starts at `data[cut]`."""
    parts, size = [data], len(data)
    while True:
        if size - cut > longest:
            raise too_long(file, f"byte {position + cut}", longest)
        part = source.read(_STEP)
        newline = part.find(b"\n")
        if not part or newline >= 0:
            parts.append(part[: newline + 1] if part else part)
            return b"".join(parts)
        parts.append(part)
        size += len(part)
