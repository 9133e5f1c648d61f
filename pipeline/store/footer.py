"""Where the record batches of an Arrow file are, by its footer.

    "ARROW1" | schema | record batch | record batch | ... | footer, its length | "ARROW1"

The footer lists where each record batch begins and ends, and the header of each says how many rows it has. pyarrow
reads both and tells neither, so the few fields are read here
(https://arrow.apache.org/docs/format/Columnar.html#ipc-file-format, https://flatbuffers.dev/internals/).
"""

import struct

import numpy as np
import numpy.typing as npt
import pyarrow as pa

__all__ = ["BLOCK", "batch_blocks", "batch_rows"]

# Block of the format's File.fbs: where a message is, the bytes of its header, the bytes of its body.
BLOCK = np.dtype([("offset", "<i8"), ("header", "<i4"), ("_", "<i4"), ("body", "<i8")])
# The fields of Footer, Message and RecordBatch that are read, by their place in the tables.
RECORD_BATCHES = 3
HEADER = 2
LENGTH = 0


def batch_blocks(file: pa.NativeFile) -> npt.NDArray[np.void]:
    """Where the record batches are, BLOCK[batches]; raises ValueError or struct.error where that cannot be."""
    size = file.size()
    (length,) = struct.unpack_from("<i", file.read_at(10, size - 10))
    footer = file.read_at(length, size - 10 - length)
    field = _field(footer, _follow(footer, 0), RECORD_BATCHES)
    if field is None:
        return np.empty(0, BLOCK)
    vector = _follow(footer, field)
    (count,) = struct.unpack_from("<I", footer, vector)
    return np.frombuffer(footer, BLOCK, count, vector + 4)


def batch_rows(file: pa.NativeFile, block: np.void) -> int:
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
