"""Parquet files, by row groups."""

from collections.abc import Iterator
from typing import Any, BinaryIO

from pairloom.operators.documents import DocumentBatch
from pairloom.operators.errors import DataError
from pairloom.pipeline.inputs.content import HEAD_BYTES, check_head
from pairloom.pipeline.inputs.readers import First, Reader
from pairloom.pipeline.inputs.readers._parquet_footer import Chunk, column_chunks, page_at
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
from pairloom.pipeline.inputs.slices import FREE_BYTES, Fields, InputFile, Limits, Slice
from pairloom.pipeline.inputs.storage import local_path, open_input

__all__ = ["Parquet"]

_MAX_ROWS = 1 << 16
_FEW_ROWS = 64  # that are decoded before anything is known of their size
_LARGE_GROUP = 4 << 20  # before compression; a smaller group may consist of one value, repeated
_FIRST_BYTES = 1 << 20
_ONE_REQUEST = 8 << 20
_HEADER_BYTES = 256


class Parquet(Reader):
    """Parquet files, cut between row groups."""

    name = "parquet"
    suffixes = (".parquet", ".pq", ".parq")
    magic = b"PAR1"
    compressed = False

    def blocks(self, file: InputFile) -> list[int]:
        """The stored bytes of each row group, from the footer. Raises DataError for a file without one."""
        import pyarrow.parquet as pq

        with open_input(file) as handle, reading(file):
            _check(handle, file)
            footer = pq.ParquetFile(handle).metadata
            for k in range(footer.num_row_groups):
                if (rows := footer.row_group(k).num_rows) < 0:
                    raise DataError(
                        f"{file.uri}: row group {k} has {rows} rows; fetch or write the file again"
                    )
            groups = _chunks(handle, file, footer.num_row_groups)
            return [sum(chunk.stored for chunk in group) for group in groups]

    def read(self, piece: Slice, fields: Fields, limits: Limits) -> Iterator[DocumentBatch]:
        """The rows of the slice's row groups, page checksums verified where the file has them."""
        with open_input(piece.file) as handle:
            _check(handle, piece.file)
            rows = _rows(handle, piece, fields, limits)
            yield from batches(rows, piece.file, fields, limits)

    def records(self, piece: Slice, fields: Fields, limits: Limits) -> Iterator[Records]:
        """The wanted fields of the rows of the slice's row groups."""
        with open_input(piece.file) as handle:
            _check(handle, piece.file)
            rows = _rows(handle, piece, columns_of(fields), limits)
            yield from records(rows, piece.file, fields, limits)

    def first_records(self, file: InputFile, fields: Fields, limits: Limits) -> Records | None:
        """The first row."""
        with open_input(file) as handle:
            _check(handle, file)
            rows = _first_row(handle, file, columns_of(fields))
            return None if rows is None else next(records(iter([rows]), file, fields, limits))

    def first(self, file: InputFile, fields: Fields, limits: Limits) -> First:
        """The first row."""
        with open_input(file) as handle:
            _check(handle, file)
            rows = _first_row(handle, file, fields)
            if rows is None:
                return First()
            batch = next(batches(iter([rows]), file, fields, limits))
            return First(usable=len(batch), rejected=batch.rejected)


def _first_row(handle: Any, file: InputFile, fields: Fields) -> Rows | None:
    """The wanted columns of the first row, if there is one."""
    import pyarrow.parquet as pq

    with reading(file):
        # With a buffer, a column is read as far as it is needed.
        parquet = pq.ParquetFile(handle, buffer_size=_FIRST_BYTES, page_checksum_verification=True)
        pick(parquet.schema_arrow, fields, file)
        for group in _chunks(handle, file, parquet.metadata.num_row_groups)[:1]:
            _check_sizes(handle, file, group, fields)
        part = next(parquet.iter_batches(1, columns=list(fields.names), use_threads=False), None)
    if part is None:
        return None
    columns = [part.column(part.schema.get_field_index(name)) for name in fields.names]
    return Rows(columns, lambda i: f"row {i}", 0)


def _check(handle: BinaryIO, file: InputFile) -> None:
    """Raise DataError where the file does not begin as a Parquet file does."""
    check_head(file, handle.read(HEAD_BYTES))
    handle.seek(0)


def _chunks(handle: BinaryIO, file: InputFile, groups: int) -> list[list[Chunk]]:
    """What the footer says of the columns of each of so many row groups."""
    handle.seek(max(0, file.size - 8))
    size = int.from_bytes(handle.read(4), "little")
    handle.seek(max(0, file.size - 8 - size))
    found = column_chunks(handle.read(size))
    if len(found) != groups:
        raise DataError(f"{file.uri}: its footer is damaged; fetch or write the file again")
    return found


def _check_sizes(handle: BinaryIO, file: InputFile, group: list[Chunk], fields: Fields) -> None:
    """Raise DataError where the wanted columns of a group hold more than their stored bytes may stand for.

    The footer says how much that is, and a footer may lie: the header of each page says how much memory is asked for. A large
    group of a file elsewhere is believed, because looking at its pages is reading it twice.
    """
    wanted = [chunk for chunk in group if chunk.column in fields.names]
    file.check_expansion(sum(chunk.full for chunk in wanted), sum(chunk.stored for chunk in wanted))
    for chunk in wanted:
        near = file.opened is not None or local_path(file.uri) is not None or chunk.stored <= _ONE_REQUEST
        if near and not chunk.encrypted:
            _check_pages(handle, file, chunk)


def _check_pages(handle: BinaryIO, file: InputFile, chunk: Chunk) -> None:
    at, end, held = chunk.offset, min(chunk.offset + chunk.stored, file.size), 0
    while at < end:
        size = _HEADER_BYTES
        while True:
            handle.seek(at)
            page = page_at(handle.read(min(size, end - at)))
            if page is not None or size >= end - at:
                break
            size *= 16  # statistics in it may be as long as a value
        if page is None or page.stored < 0:
            raise ValueError(f"column {chunk.column!r} has no page at byte {at}")
        held += page.full
        file.check_expansion(held, chunk.stored)
        at += page.header + page.stored


class _Steps:
    """How many rows are decoded at a time: few at first, then as many as their size allows.

    A value may be stored once and stand in every row, so that what the footer says of a group is no limit. No value is longer
    than a group's bytes before compression, so a few rows of a small group are bounded by that, whatever is in them.
    """

    def __init__(self, file: InputFile, limits: Limits) -> None:
        self._file, self._batch_bytes = file, limits.batch_bytes
        self._held = 0
        self._most = self.size = 1

    def begin(self, rows: int, group_bytes: int) -> None:
        """A group begins."""
        group_bytes = max(1, group_bytes)
        small = group_bytes <= _LARGE_GROUP
        self._most = max(1, min(_MAX_ROWS, FREE_BYTES // group_bytes)) if small else _MAX_ROWS
        each = max(1, group_bytes // max(1, rows))
        self.size = max(1, min(self._most, self._batch_bytes // each, self._most if small else _FEW_ROWS))

    def took(self, part: Any) -> None:
        """What a batch has shown: `size` becomes that of the next. Raises DataError for a file that holds too much."""
        self._held += part.nbytes
        self._file.check_expansion(self._held)
        each = max(1, part.nbytes // max(1, len(part)))
        self.size = max(1, min(self._most, 4 * self.size, self._batch_bytes // each))


def _rows(handle: Any, piece: Slice, fields: Fields, limits: Limits) -> Iterator[Rows]:
    import pyarrow.parquet as pq

    file, wanted = piece.file, list(fields.names)
    with reading(file):
        parquet = pq.ParquetFile(handle, page_checksum_verification=True)
        footer = parquet.metadata
        schema = parquet.schema_arrow
        pick(schema, fields, file)
        if piece.stop > footer.num_row_groups:
            raise DataError(
                f"{file.uri}: it has {footer.num_row_groups} row groups, [{piece.start}, {piece.stop}) were planned; "
                "plan the run again"
            )
        chunks = _chunks(handle, file, footer.num_row_groups)
        first = sum(footer.row_group(k).num_rows for k in range(piece.start))
        last = sum(footer.row_group(k).num_rows for k in range(piece.start, piece.stop))
    steps = _Steps(file, limits)
    total, seen, done = last, 0, 0
    for group in range(piece.start, piece.stop):
        with reading(file):
            about = footer.row_group(group)
            _check_sizes(handle, file, chunks[group], fields)
            steps.begin(about.num_rows, about.total_byte_size)
            parts = parquet.iter_batches(steps.size, row_groups=[group], columns=wanted, use_threads=False)
        before = seen
        while True:
            with reading(file):
                part = next(parts, None)
                if part is not None:
                    steps.took(part)
                    parquet.reader.set_batch_size(steps.size)
            if part is None:
                break
            start = first + seen
            seen += len(part)
            now = piece.bytes * seen // max(total, seen)
            columns = [part.column(part.schema.get_field_index(name)) for name in wanted]
            yield Rows(columns, lambda i, start=start: f"row {start + i}", now - done)  # type: ignore[misc]
            done = now
        if seen - before != about.num_rows:
            raise DataError(
                f"{file.uri}: row group {group} has {seen - before} rows, the footer says {about.num_rows}; "
                "fetch or write the file again"
            )
    if done < piece.bytes:
        yield Rows(nothing(schema, fields), str, piece.bytes - done)
