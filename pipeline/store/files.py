"""Data files: written once under a name of their own, read again before anybody may trust them."""

import hashlib
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

import pyarrow as pa
from pydantic import BaseModel, ConfigDict

from pairloom.operators.errors import CorruptionError
from pairloom.pipeline.phases import leaving, phase
from pairloom.pipeline.store.objects import Objects

__all__ = [
    "ArrowWriter",
    "HashedSink",
    "StoredFile",
    "attempt_path",
    "check_stored",
    "one_array",
    "open_arrow",
    "open_arrow_at",
    "read_batches",
    "write_arrow",
    "write_bytes",
]

BLOCK = 1 << 20


class StoredFile(BaseModel):
    """A file below the root, and what its bytes must be. `facts` are numbers about it, as `tokens`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    role: str
    path: str
    bytes: int
    sha256: str
    rows: int
    facts: dict[str, int] = {}


class ArrowWriter:
    """Writes record batches to an Arrow IPC file and remembers what it wrote.

    `facts` may be filled in until the file is complete; `stored` is there from then on.
    """

    def __init__(self, sink: "HashedSink", schema: pa.Schema) -> None:
        self._writer = pa.ipc.new_file(sink, schema)
        self.schema = schema
        self.rows = 0
        self.facts: dict[str, int] = {}
        self.stored: StoredFile | None = None

    def write(self, batch: pa.RecordBatch) -> None:
        """Append one record batch."""
        with phase("write"):
            self._writer.write_batch(batch)
        self.rows += batch.num_rows

    def close(self) -> None:
        """Write the footer."""
        self._writer.close()


class HashedSink:
    """A binary file that hashes what passes through it. pyarrow closes its sinks; this one ignores that."""

    closed = False

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.hash = hashlib.sha256()
        self.bytes = 0

    def write(self, data: Any) -> int:
        """Append bytes, or what has a buffer."""
        view = memoryview(data)
        if not view.nbytes:  # which no view can be made of
            return 0
        self._file.write(view)
        self.hash.update(view)
        self.bytes += view.nbytes
        return view.nbytes

    def flush(self) -> None:
        """Pass it on."""
        self._file.flush()

    def close(self) -> None:
        """Nothing: whoever opened the file closes it."""


def attempt_path(stage: str, unit: str, name: str) -> str:
    """A path for data of a unit that no other attempt at the unit will use."""
    return f"data/{stage}/{unit[:2]}/{unit}-{uuid.uuid4().hex[:12]}.{name}"


@contextmanager
def write_arrow(
    objects: Objects, path: str, schema: pa.Schema, *, role: str, check: bool = True
) -> Iterator[ArrowWriter]:
    """Write an Arrow IPC file; when the block has ended, the file has been read again and is `writer.stored`.

    Without `check` it is not read again: for files whose only readers compare what they read with what was written.
    """
    with leaving("write", objects.create(path)) as file:
        sink = HashedSink(file)
        writer = ArrowWriter(sink, schema)
        yield writer
        writer.close()
    stored = StoredFile(
        role=role,
        path=path,
        bytes=sink.bytes,
        sha256=sink.hash.hexdigest(),
        rows=writer.rows,
        facts=writer.facts,
    )
    if check:
        with phase("re-read"):
            _check_arrow(objects, stored, schema)
    writer.stored = stored


def write_bytes(objects: Objects, path: str, data: bytes, *, role: str) -> StoredFile:
    """Write a small file and read it again."""
    with objects.create(path) as file:
        file.write(data)
    stored = StoredFile(
        role=role, path=path, bytes=len(data), sha256=hashlib.sha256(data).hexdigest(), rows=0
    )
    check_stored(objects, stored)
    return stored


def check_stored(objects: Objects, stored: StoredFile) -> None:
    """Read a file again; raises CorruptionError unless it has the bytes that it must have."""
    with objects.open(stored.path) as file:
        _Source(file).check(objects, stored)


def _check_arrow(objects: Objects, stored: StoredFile, schema: pa.Schema) -> None:
    """Read an Arrow file again, once: its bytes are hashed on their way into the reader.

    An Arrow file is eight bytes of magic, a stream, and a footer.
    """
    with objects.open(stored.path) as file:
        source = _Source(file)
        try:
            source.read(8)
            with pa.ipc.open_stream(pa.PythonFile(source, mode="r")) as stream:
                rows = [batch.num_rows for batch in stream]
                found = stream.schema
            source.check(objects, stored)
            batches = pa.ipc.open_file(file).num_record_batches
        except pa.ArrowInvalid as error:
            raise CorruptionError(f"{objects.uri(stored.path)} is not what was written: {error}") from error
    if batches != len(rows) or sum(rows) != stored.rows or not found.equals(schema, check_metadata=True):
        raise CorruptionError(f"{objects.uri(stored.path)} reads back as {sum(rows)} rows of {found}")


class _Source:
    """A file that hashes what is read from it, without copying."""

    closed = False

    def __init__(self, file: pa.NativeFile) -> None:
        self._file = file
        self._hash = hashlib.sha256()

    def read(self, size: int) -> pa.Buffer:
        block = self._file.read_buffer(size)
        self._hash.update(block)
        return block

    def check(self, objects: Objects, stored: StoredFile) -> None:
        """Read to the end; raises CorruptionError unless the file has the bytes that it must have."""
        while self.read(BLOCK):
            pass
        size, digest = self._file.size(), self._hash.hexdigest()
        if (size, digest) != (stored.bytes, stored.sha256):
            raise CorruptionError(
                f"{objects.uri(stored.path)} is not what was written: {size} bytes with SHA-256 {digest}, "
                f"expected {stored.bytes} bytes with {stored.sha256}"
            )

    def close(self) -> None:
        pass


@contextmanager
def open_arrow(objects: Objects, stored: StoredFile) -> Iterator[pa.RecordBatchFileReader]:
    """A reader of a stored Arrow file; raises CorruptionError when the file is not there or not whole."""
    with open_arrow_at(objects, stored.path) as reader:
        yield reader


@contextmanager
def open_arrow_at(objects: Objects, path: str) -> Iterator[pa.RecordBatchFileReader]:
    """A reader of the Arrow file at a path; see `open_arrow`."""
    try:
        file = objects.open(path)
    except FileNotFoundError as error:
        raise CorruptionError(f"{objects.uri(path)} is missing") from error
    try:
        reader = pa.ipc.open_file(file)
    except pa.ArrowInvalid as error:
        file.close()
        raise CorruptionError(f"{objects.uri(path)} is no whole Arrow file: {error}") from error
    try:
        yield reader
    finally:
        file.close()


def read_batches(objects: Objects, stored: StoredFile) -> Iterator[pa.RecordBatch]:
    """The record batches of a stored Arrow file, one at a time."""
    with open_arrow(objects, stored) as reader:
        for i in range(reader.num_record_batches):
            yield reader.get_batch(i)


def one_array(column: pa.ChunkedArray) -> pa.Array:
    """A column as one array, whatever its chunks."""
    if column.num_chunks == 1:
        return column.chunk(0)
    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
