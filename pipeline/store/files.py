"""Data files: written once under a name of their own, read again before anybody may trust them.

    write ── SHA-256 of the file, a sum of each record batch and of the footer ──▶ StoredFile ──▶ receipt, manifest
    read  ── the footer, then each record batch that is asked for: compared with its sum before it is handed out

Nobody is handed bytes of a file that were not compared with what was written. Files of roots that were made before there were
sums are compared as a whole, by their SHA-256, once a file and process, and again where a file was written since.

Scratch, which no generation ever holds, has its sums and nothing else: no SHA-256, no sync, and it is not read again when it has
been written. Whoever reads it compares it, and what a loss of power has left of it is gone, too short, or does not have
its sums: then its receipt is void and its unit is done again (`flow.void`).
"""

import hashlib
import struct
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pydantic import BaseModel, ConfigDict, field_validator

from pairloom.operators.errors import CorruptionError
from pairloom.pipeline.phases import leaving, phase
from pairloom.pipeline.store.footer import batch_blocks, batch_rows
from pairloom.pipeline.store.objects import Objects, check_path
from pairloom.pipeline.store.remedy import remedy
from pairloom.pipeline.store.sinks import HashedSink
from pairloom.pipeline.store.sums import Parts

__all__ = [
    "NOT_THERE",
    "SPREAD",
    "ArrowWriter",
    "StoredBatches",
    "StoredFile",
    "attempt_path",
    "check_stored",
    "decoded",
    "one_array",
    "open_arrow",
    "open_parts",
    "parts_of",
    "read_batches",
    "read_stored",
    "write_arrow",
    "write_bytes",
]

BLOCK = 1 << 20
GATHERED = 1 << 16  # bytes that are written at once, where they are no more
UNREADABLE = (ValueError, OSError, struct.error)  # what is raised for bytes that are no Arrow
NOT_THERE = (FileNotFoundError, NotADirectoryError, IsADirectoryError)


class StoredFile(BaseModel):
    """A file below the root, and what its bytes must be. `facts` are numbers about it, as `tokens`.

    `sums` are those of an Arrow file's parts (`sums.Parts`); files that were written before there were any have none.
    Scratch has no `sha256`, only sums.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    role: str
    path: str
    bytes: int
    sha256: str
    rows: int
    facts: dict[str, int] = {}
    sums: str = ""

    @field_validator("path")
    @classmethod
    def _readable(cls, path: str) -> str:
        """A path that leads out of the root, or that no store can have, is none."""
        path.encode()
        return check_path(path)

    @property
    def content(self) -> str:
        """What the file's bytes are known by: its SHA-256, of scratch its sums."""
        return self.sha256 or self.sums

    def same(self, other: "StoredFile") -> bool:
        """Whether the two are one file, by their roles and bytes."""
        both = self.sha256 and other.sha256
        known = (self.sha256, other.sha256) if both else (self.sums, other.sums)
        return (self.role, self.bytes, known[0]) == (other.role, other.bytes, known[1])


class ArrowWriter:
    """Writes record batches to an Arrow IPC file and remembers what it wrote.

    `facts` may be filled in until the file is complete; `stored` is there from then on.
    """

    def __init__(self, sink: HashedSink, schema: pa.Schema) -> None:
        self._sink = sink
        # Arrow writes a batch in a dozen pieces, however small, each of which takes microseconds on its way through Python.
        self._gathered = pa.BufferedOutputStream(pa.PythonFile(sink, mode="w"), GATHERED)
        self._writer = pa.ipc.new_file(self._gathered, schema)
        self.schema = schema
        self.rows = 0
        self.facts: dict[str, int] = {}
        self.stored: StoredFile | None = None

    def write(self, batch: pa.RecordBatch) -> None:
        """Append one record batch."""
        with phase("write"):
            self._writer.write_batch(batch)
            self._gathered.flush()
        self._sink.sums.cut()
        self.rows += batch.num_rows

    def close(self) -> None:
        """Write the footer."""
        self._writer.close()
        self._gathered.flush()
        self._sink.sums.cut()


SPREAD = 256
"""Folders that the files of a stage are spread over, and its receipts too, by the hash that is their unit's id.

Nothing of a name before that changes from one unit to another, so that an object store, which serves so many requests a second
for a prefix of names and splits prefixes under load, can split each stage's objects so many times.
"""


def attempt_path(stage: str, unit: str, name: str) -> str:
    """A path for data of a unit that no other attempt at the unit will use; see SPREAD."""
    return f"data/{stage}/{unit[:2]}/{unit}-{uuid.uuid4().hex[:12]}.{name}"


@contextmanager
def write_arrow(
    objects: Objects, path: str, schema: pa.Schema, *, role: str, scratch: bool = False
) -> Iterator[ArrowWriter]:
    """Write an Arrow IPC file; when the block has ended, the file has been read again and is `writer.stored`.

    `scratch` is not read again: it is for files that no generation holds, see above.
    """
    with leaving("write", objects.create(path, durable=not scratch)) as file:
        sink = HashedSink(file, scratch=scratch)
        writer = ArrowWriter(sink, schema)
        try:
            yield writer
            writer.close()
        except BaseException:
            sink.abandon()
            raise
    stored = StoredFile(
        role=role,
        path=path,
        bytes=sink.bytes,
        sha256=sink.sha256,
        rows=writer.rows,
        facts=writer.facts,
        sums=sink.sums.text(),
    )
    if not scratch:
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
    if not stored.sha256:
        with open_parts(objects, stored.path, parts_of(objects, stored)) as reader:
            reader.compare()
        return
    with objects.open(stored.path) as file:
        _Source(file).check(objects, stored)


def _check_arrow(objects: Objects, stored: StoredFile, schema: pa.Schema) -> None:
    """Read an Arrow file again as its readers will, every part compared with the sum of what was written.

    The sums and the SHA-256 were taken of the same bytes at the same time, so that a part that has its sum is what the SHA-256
    is of: no chance damage goes by 64 bits of a part, and reading takes a fifth of what another SHA-256 would.
    """
    with open_parts(objects, stored.path, parts_of(objects, stored)) as reader:
        rows = reader.compare()
        found = reader.schema
    if rows != stored.rows or not found.equals(schema, check_metadata=True):
        raise CorruptionError(f"{objects.uri(stored.path)} reads back as {rows} rows of {found}")


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


class StoredBatches:
    """A stored Arrow file that is open: its schema, and its record batches, each compared as it is read.

    `parts` are its sums; without them nothing is compared here. `place` is where it is and `mend` what mends
    it, for messages.
    """

    def __init__(self, file: pa.NativeFile, parts: Parts | None, place: str, mend: str) -> None:
        self._file, self._parts, self._place, self._mend = file, parts, place, mend
        if parts is not None:
            self._part(len(parts) - 1, "its footer")
        try:
            self.schema = pa.ipc.open_file(file).schema
            self._blocks = batch_blocks(file)
        except UNREADABLE as error:
            raise _unreadable(f"{place} is no whole Arrow file", error) from error
        if parts is not None and len(parts) != len(self._blocks) + 1:
            raise CorruptionError(f"{place} has {len(self._blocks)} record batches and {len(parts)} sums")

    @property
    def num_record_batches(self) -> int:
        """How many record batches there are."""
        return len(self._blocks)

    @property
    def blocks(self) -> npt.NDArray[np.void]:
        """Where they are, `footer.BLOCK`."""
        return self._blocks

    def lengths(self) -> list[int]:
        """The rows of each, by its header alone; what the header says is compared when the batch is read."""
        try:
            return [batch_rows(self._file, block) for block in self._blocks]
        except UNREADABLE as error:
            raise _unreadable(f"{self._place} is no whole Arrow file", error) from error

    def get_batch(self, number: int) -> pa.RecordBatch:
        """A record batch; raises CorruptionError where it is not what was written."""
        offset, header, _, body = self._blocks[number].tolist()
        what = f"record batch {number}"
        if self._parts is None:
            self._file.seek(offset)
            message = self._file.read_buffer(header + body)
        else:
            message = self._part(number, what).slice(offset - self._parts.bounds(number)[0])
        return decoded(message, self.schema, f"{what} of {self._place}")

    def read_all(self) -> pa.Table:
        """Every record batch, as a table."""
        return pa.Table.from_batches(map(self.get_batch, range(len(self._blocks))), schema=self.schema)

    def compare(self) -> int:
        """Read every record batch, and give their rows; raises CorruptionError where one is not what was written."""
        return sum(self.get_batch(number).num_rows for number in range(len(self._blocks)))

    def _part(self, number: int, what: str) -> pa.Buffer:
        """The bytes of a part, compared."""
        assert self._parts is not None
        start, stop = self._parts.bounds(number)
        self._file.seek(start)
        data = self._file.read_buffer(stop - start)
        with phase("re-read"):
            if not self._parts.holds(number, data):
                raise CorruptionError(
                    f"{self._place} is not what was written: {what} (bytes {start} to {stop}) does not have its sum; "
                    f"{self._mend}"
                )
        return data


@contextmanager
def open_arrow(objects: Objects, stored: StoredFile, *, compare: bool = True) -> Iterator[StoredBatches]:
    """A stored Arrow file, to read record batches of; raises CorruptionError where it is not what was written.

    What is read is compared with its sum, unless not to `compare`; a file that has no sums is compared as a whole first, once
    a process.
    """
    parts = parts_of(objects, stored) if compare else None
    with open_parts(objects, stored.path, parts) as reader:
        yield reader


@contextmanager
def open_parts(objects: Objects, path: str, parts: Parts | None) -> Iterator[StoredBatches]:
    """The Arrow file at a path, whose sums are `parts`; see `open_arrow`."""
    with _opened(objects, path) as file:
        place, size = objects.uri(path), file.size()
        if parts is not None and (not len(parts) or parts.bounds(-1)[1] != size):
            raise CorruptionError(
                f"{place} has {size} bytes, which is not what was written: {remedy(objects)}"
            )
        yield StoredBatches(file, parts, place, remedy(objects))


def parts_of(objects: Objects, stored: StoredFile) -> Parts | None:
    """The sums to compare a file's parts with; None for one that has none, and was compared as a whole."""
    if not stored.sums:
        written = 0.0
        with suppress(OSError):  # which is said where it is opened
            written = objects.modified(stored.path)
        _compare_once(objects, stored.path, written, stored.bytes, stored.sha256)
        return None
    try:
        return Parts.parse(stored.sums)
    except ValueError as error:
        raise CorruptionError(f"the sums of {objects.uri(stored.path)} cannot be read: {error}") from error


def read_batches(objects: Objects, stored: StoredFile, *, compare: bool = True) -> Iterator[pa.RecordBatch]:
    """The record batches of a stored Arrow file, one at a time; see `open_arrow`."""
    with open_arrow(objects, stored, compare=compare) as reader:
        for i in range(reader.num_record_batches):
            yield reader.get_batch(i)


def read_stored(objects: Objects, stored: StoredFile) -> bytes:
    """The bytes of a small file; raises CorruptionError where they are not what was written."""
    with _opened(objects, stored.path) as file:
        source = _Source(file)
        data = b"".join(iter(lambda: source.read(BLOCK).to_pybytes(), b""))
        source.check(objects, stored)
    return data


@contextmanager
def _opened(objects: Objects, path: str) -> Iterator[pa.NativeFile]:
    try:
        file = objects.open(path)
    except NOT_THERE as error:
        raise CorruptionError(f"{objects.uri(path)} is missing: {remedy(objects)}") from error
    try:
        yield file
    finally:
        file.close()


@lru_cache(maxsize=1 << 16)
def _compare_once(objects: Objects, path: str, written: float, size: int, sha256: str) -> None:  # noqa: ARG001
    """Compare a file as a whole; one that was the same is taken to be so in this process until it is `written` again."""
    with phase("re-read"), _opened(objects, path) as file:
        _Source(file).check(objects, StoredFile(role="", path=path, bytes=size, sha256=sha256, rows=0))


def decoded(message: pa.Buffer, schema: pa.Schema, what: str) -> pa.RecordBatch:
    """A record batch from its bytes in a file; raises CorruptionError where they are none."""
    try:
        batch = pa.ipc.read_record_batch(message, schema)
        batch.validate()
    except UNREADABLE as error:
        raise _unreadable(f"{what} cannot be read", error) from error
    return batch


def _unreadable(what: str, error: Exception) -> Exception:
    """The error for bytes that cannot be read; one of the storage, which has a number, is what it is."""
    return error if getattr(error, "errno", None) is not None else CorruptionError(f"{what}: {error}")


def one_array(column: pa.ChunkedArray) -> pa.Array:
    """A column as one array, whatever its chunks."""
    if column.num_chunks == 1:
        return column.chunk(0)
    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
