"""Parquet files, by row groups."""

from collections.abc import Iterator
from typing import Any

from pairloom.operators.documents import DocumentBatch
from pairloom.operators.errors import DataError
from pairloom.pipeline.inputs.readers import Reader
from pairloom.pipeline.inputs.readers._text_columns import Rows, batches, nothing, pick, reading
from pairloom.pipeline.inputs.slices import Fields, InputFile, Limits, Slice
from pairloom.pipeline.inputs.storage import open_input

__all__ = ["Parquet"]

_MAX_ROWS = 1 << 16


class Parquet(Reader):
    """Parquet files, cut between row groups."""

    name = "parquet"
    suffixes = (".parquet",)
    compressed = False

    def blocks(self, file: InputFile) -> list[int]:
        """The stored bytes of each row group, from the footer. Raises DataError for a file without one."""
        import pyarrow.parquet as pq

        with open_input(file) as handle, reading(file):
            footer = pq.ParquetFile(handle).metadata
            groups = [footer.row_group(k) for k in range(footer.num_row_groups)]
            return [sum(g.column(c).total_compressed_size for c in range(g.num_columns)) for g in groups]

    def read(self, piece: Slice, fields: Fields, limits: Limits) -> Iterator[DocumentBatch]:
        """The rows of the slice's row groups, page checksums verified where the file has them."""
        with open_input(piece.file) as handle:
            rows = _rows(handle, piece, fields, limits.batch_bytes)
            yield from batches(rows, piece.file, fields, limits)


def _rows(handle: Any, piece: Slice, fields: Fields, batch_bytes: int) -> Iterator[Rows]:
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
        first = sum(footer.row_group(k).num_rows for k in range(piece.start))
        last = sum(footer.row_group(k).num_rows for k in range(piece.start, piece.stop))
    total, seen, done = last, 0, 0
    for group in range(piece.start, piece.stop):
        with reading(file):
            about = footer.row_group(group)
            each = max(1, about.total_byte_size // max(1, about.num_rows))
            size = min(_MAX_ROWS, max(1, batch_bytes // each))
            parts = parquet.iter_batches(size, row_groups=[group], columns=wanted, use_threads=False)
        before = seen
        while True:
            with reading(file):
                part = next(parts, None)
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
