"""Some rows of an Arrow file, for as many bytes as they take: record batches by ranged reads, where the footer says.

    "ARROW1" | schema | record batch | record batch | ... | footer, its length | "ARROW1"

The footer lists where each record batch begins and ends, and the header of each says how many rows it has. pyarrow
reads both and tells neither, so the few fields are read here
(https://arrow.apache.org/docs/format/Columnar.html#ipc-file-format, https://flatbuffers.dev/internals/).
"""

import struct
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators.errors import CorruptionError
from pairloom.pipeline.store.files import StoredFile
from pairloom.pipeline.store.objects import Objects

__all__ = ["RowFile", "open_rows"]

# Block of the format's File.fbs: where a message is, the bytes of its header, the bytes of its body.
BLOCK = np.dtype([("offset", "<i8"), ("header", "<i4"), ("_", "<i4"), ("body", "<i8")])
RECORD_BATCHES = (
    3  # the fields of Footer, Message and RecordBatch that are read, by their place in the tables
)
HEADER = 2
LENGTH = 0
UNREADABLE = (
    ValueError,
    OSError,
)  # what pyarrow raises for bytes that are no Arrow; an OSError with a number is no such


@dataclass(frozen=True, slots=True, kw_only=True)
class RowFile:
    """Random access to the rows of an Arrow file. It holds no handle and no data, only where what is."""

    objects: Objects
    stored: StoredFile
    schema: pa.Schema
    blocks: npt.NDArray[np.void]
    starts: npt.NDArray[np.int64]  # the first row of each record batch, and the number of rows in all

    def read(self, start: int, stop: int) -> pa.RecordBatch:
        """The rows from `start` to `stop`: mapped where the store can, else the bytes of their record batches, fetched.

        Raises CorruptionError when the file is not there or is not what it was.
        """
        first = int(np.searchsorted(self.starts, start, side="right")) - 1
        last = int(np.searchsorted(self.starts, stop, side="left"))
        parts = []
        try:
            with self.objects.open(self.stored.path) as file:
                for i in range(first, last):
                    batch = self._read_batch(file, i)
                    at = int(self.starts[i])
                    parts.append(
                        batch.slice(max(0, start - at), min(stop - at, len(batch)) - max(0, start - at))
                    )
        except FileNotFoundError as error:
            raise CorruptionError(f"{self.objects.uri(self.stored.path)} is missing") from error
        if len(parts) == 1:
            return parts[0]
        return pa.Table.from_batches(parts).combine_chunks().to_batches()[0]

    def _read_batch(self, file: pa.NativeFile, number: int) -> pa.RecordBatch:
        offset, header, _, body = self.blocks[number].tolist()
        rows = int(self.starts[number + 1] - self.starts[number])
        file.seek(offset)
        try:
            batch = pa.ipc.read_record_batch(file.read_buffer(header + body), self.schema)
            batch.validate()
        except UNREADABLE as error:
            if getattr(error, "errno", None) is not None:
                raise
            raise CorruptionError(f"{self._place(number)} cannot be read: {error}") from error
        if batch.num_rows != rows:
            raise CorruptionError(f"{self._place(number)} has {batch.num_rows} rows, expected {rows}")
        return batch

    def _place(self, number: int) -> str:
        return f"record batch {number} of {self.objects.uri(self.stored.path)}"


def open_rows(objects: Objects, stored: StoredFile) -> RowFile:
    """Read a file's footer, and the headers of its record batches where there are several.

    Raises CorruptionError when the file is not there or not whole.
    """
    uri = objects.uri(stored.path)
    try:
        with objects.open(stored.path) as file:
            schema = pa.ipc.open_file(file).schema
            blocks = _blocks(file)
            starts = _starts(file, blocks, stored.rows)
    except FileNotFoundError as error:
        raise CorruptionError(f"{uri} is missing") from error
    except (*UNREADABLE, struct.error) as error:
        if getattr(error, "errno", None) is not None:
            raise
        raise CorruptionError(f"{uri} is no whole Arrow file: {error}") from error
    if starts[-1] != stored.rows:
        raise CorruptionError(f"{uri} has {starts[-1]} rows, expected {stored.rows}")
    return RowFile(objects=objects, stored=stored, schema=schema, blocks=blocks, starts=starts)


def _blocks(file: pa.NativeFile) -> npt.NDArray[np.void]:
    """Where the record batches are, from the footer."""
    size = file.size()
    (length,) = struct.unpack_from("<i", file.read_at(10, size - 10))
    footer = file.read_at(length, size - 10 - length)
    field = _field(footer, _follow(footer, 0), RECORD_BATCHES)
    if field is None:
        return np.empty(0, BLOCK)
    vector = _follow(footer, field)
    (count,) = struct.unpack_from("<I", footer, vector)
    return np.frombuffer(footer, BLOCK, count, vector + 4)


def _starts(file: pa.NativeFile, blocks: npt.NDArray[np.void], rows: int) -> npt.NDArray[np.int64]:
    """The first row of each record batch, and the number of rows in all."""
    lengths = [rows] if len(blocks) == 1 else [_length(file, block) for block in blocks]
    return np.cumsum([0, *lengths], dtype=np.int64)


def _length(file: pa.NativeFile, block: np.void) -> int:
    """The number of rows of a record batch, from its header: a marker, its length, and a table Message."""
    data = file.read_at(int(block["header"]), int(block["offset"]))
    header = _field(data, _follow(data, 8), HEADER)
    if header is None:
        raise ValueError(f"the message at byte {block['offset']} has no header")
    length = _field(data, _follow(data, header), LENGTH)
    return 0 if length is None else int(struct.unpack_from("<q", data, length)[0])


def _follow(data: bytes, at: int) -> int:
    """What the offset at a place points to."""
    return at + int(struct.unpack_from("<I", data, at)[0])


def _field(data: bytes, table: int, number: int) -> int | None:
    """Where a field of a flatbuffers table is; None for one that has its default."""
    vtable = table - int(struct.unpack_from("<i", data, table)[0])
    (size,) = struct.unpack_from("<H", data, vtable)
    at = 4 + 2 * number
    if at >= size:
        return None
    (offset,) = struct.unpack_from("<H", data, vtable + at)
    return table + int(offset) if offset else None
