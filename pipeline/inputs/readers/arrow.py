"""Arrow IPC: files by record batches, streams (which have no footer) as a whole."""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from pairloom.operators.documents import DocumentBatch
from pairloom.operators.errors import DataError
from pairloom.pipeline.inputs.content import HEAD_BYTES, check_head
from pairloom.pipeline.inputs.readers import Reader
from pairloom.pipeline.inputs.readers._arrow_sizes import CheckedStream, blocks_of, check_block
from pairloom.pipeline.inputs.readers._text_columns import (
    Rows,
    batches,
    columns_of,
    nothing,
    pick,
    reading,
    records,
)
from pairloom.pipeline.inputs.shaping.records import Records
from pairloom.pipeline.inputs.slices import Fields, InputFile, Limits, Slice
from pairloom.pipeline.inputs.storage import open_input

__all__ = ["Arrow"]

_MAGIC = b"ARROW1"
_END_OF_STREAM = b"\xff\xff\xff\xff\x00\x00\x00\x00"


class Arrow(Reader):
    """Arrow IPC: files, cut between record batches, and streams."""

    name = "arrow"
    suffixes = (".arrow", ".arrows", ".feather", ".ipc")
    compressed = False
    magic = _MAGIC

    def blocks(self, file: InputFile) -> list[int] | None:
        """A weight of one for each record batch, from the footer; None for a stream. Raises DataError if it is cut short."""
        with open_input(file) as handle, reading(file):
            if _is_stream(handle, file):
                return None
            return [1] * int(pa.ipc.open_file(handle).num_record_batches)

    def read(self, piece: Slice, fields: Fields, limits: Limits) -> Iterator[DocumentBatch]:
        """The rows of the slice's record batches."""
        with open_input(piece.file) as handle:
            yield from batches(_rows(handle, piece, fields), piece.file, fields, limits)

    def records(self, piece: Slice, fields: Fields, limits: Limits) -> Iterator[Records]:
        """The wanted fields of the rows of the slice's record batches."""
        with open_input(piece.file) as handle:
            rows = _rows(handle, piece, columns_of(fields))
            yield from records(rows, piece.file, fields, limits)


def _rows(handle: Any, piece: Slice, fields: Fields) -> Iterator[Rows]:
    with reading(piece.file):
        stream = _is_stream(handle, piece.file)
    return (_stream_rows if stream else _file_rows)(handle, piece, fields)


def _is_stream(handle: Any, file: InputFile) -> bool:
    """Whether an Arrow file is the streaming format, checking that either is there up to its last byte."""
    head = handle.read(HEAD_BYTES)
    check_head(file, head)
    head = head[:8]
    handle.seek(max(0, file.size - 8))
    tail = handle.read(8)
    handle.seek(0)
    if head[:6] == _MAGIC:
        if tail[-6:] != _MAGIC:
            raise DataError(
                f"{file.uri}: the Arrow file is cut short: no footer before byte {file.size}; fetch it again"
            )
        return False
    if head[:4] != _END_OF_STREAM[:4]:
        raise DataError(
            f"{file.uri}: neither an Arrow file nor a stream: it starts with {head!r}; rename or exclude it"
        )
    if tail != _END_OF_STREAM:
        raise DataError(
            f"{file.uri}: the Arrow stream is cut short: no end-of-stream mark before byte {file.size}; "
            "fetch or write it again"
        )
    return True


def _file_rows(handle: Any, piece: Slice, fields: Fields) -> Iterator[Rows]:
    file = piece.file
    with reading(file):
        schema = pa.ipc.open_file(handle).schema
        indices = pick(schema, fields, file)
        dictionaries, blocks = blocks_of(handle, file)
        for block in dictionaries:
            check_block(handle, file, block)
        handle.seek(0)
        options = pa.ipc.IpcReadOptions(included_fields=sorted(set(indices)))
        reader = pa.ipc.open_file(handle, options=options)
        if piece.stop > reader.num_record_batches:
            raise DataError(
                f"{file.uri}: it has {reader.num_record_batches} record batches, [{piece.start}, {piece.stop}) were "
                "planned; plan the run again"
            )
    done, count = 0, piece.stop - piece.start
    for number in range(piece.start, piece.stop):
        with reading(file):
            check_block(handle, file, blocks[number])
            batch = reader.get_batch(number)
        now = piece.bytes * (number + 1 - piece.start) // count
        yield _rows_of(batch, fields, number, now - done)
        done = now
    if done < piece.bytes:
        yield Rows(nothing(schema, fields), str, piece.bytes - done)


def _stream_rows(handle: Any, piece: Slice, fields: Fields) -> Iterator[Rows]:
    file = piece.file
    checked = CheckedStream(handle, file)
    with reading(file):
        reader = pa.ipc.open_stream(checked)
        pick(reader.schema, fields, file)
    done = number = 0
    while True:
        with reading(file):
            batch = next(reader, None)
        if batch is None:
            break
        now = min(checked.tell(), piece.bytes)
        yield _rows_of(batch, fields, number, now - done)
        done, number = now, number + 1
    if handle.tell() != file.size:
        raise DataError(
            f"{file.uri}: the Arrow stream ends at byte {handle.tell()} of {file.size}, something follows it; "
            "give every stream a file of its own"
        )
    if done < piece.bytes:
        yield Rows(nothing(reader.schema, fields), str, piece.bytes - done)


def _rows_of(batch: pa.RecordBatch, fields: Fields, number: int, stored: int) -> Rows:
    columns = [batch.column(batch.schema.get_field_index(name)) for name in fields.names]
    return Rows(columns, lambda i: f"record batch {number}, row {i}", stored)
