"""ORC files, by stripes."""

from collections.abc import Iterator
from typing import Any

from pairloom.operators.documents import DocumentBatch
from pairloom.operators.errors import DataError
from pairloom.pipeline.inputs.content import HEAD_BYTES, check_head
from pairloom.pipeline.inputs.readers import Reader
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

__all__ = ["Orc"]

_OF_A_ROW = 8  # bytes that a row takes at least, when it is read


class Orc(Reader):
    """ORC files, cut between stripes; a stripe can only be read whole."""

    name = "orc"
    suffixes = (".orc",)
    compressed = False
    magic = b"ORC"

    def blocks(self, file: InputFile) -> list[int]:
        """A weight of one for each stripe, from the footer. Raises DataError for a file without one."""
        with open_input(file) as handle:
            return [1] * _opened(handle, file).nstripes

    def read(self, piece: Slice, fields: Fields, limits: Limits) -> Iterator[DocumentBatch]:
        """The rows of the slice's stripes."""
        with open_input(piece.file) as handle:
            yield from batches(_rows(handle, piece, fields), piece.file, fields, limits)

    def records(self, piece: Slice, fields: Fields, limits: Limits) -> Iterator[Records]:
        """The wanted fields of the rows of the slice's stripes."""
        with open_input(piece.file) as handle:
            rows = _rows(handle, piece, columns_of(fields))
            yield from records(rows, piece.file, fields, limits)


def _opened(handle: Any, file: InputFile) -> Any:
    from pyarrow import orc

    with reading(file):
        check_head(file, handle.read(HEAD_BYTES))
        handle.seek(0)
        found = orc.ORCFile(handle)
        file.check_expansion(_OF_A_ROW * found.nrows)
        return found


def _rows(handle: Any, piece: Slice, fields: Fields) -> Iterator[Rows]:
    file = piece.file
    opened = _opened(handle, file)
    with reading(file):
        schema = opened.schema
    pick(schema, fields, file)
    if piece.stop > opened.nstripes:
        raise DataError(
            f"{file.uri}: it has {opened.nstripes} stripes, [{piece.start}, {piece.stop}) were planned; plan the run again"
        )
    done, count, names = 0, piece.stop - piece.start, list(dict.fromkeys(fields.names))
    for number in range(piece.start, piece.stop):
        with reading(file):
            batch = opened.read_stripe(number, columns=names)
        now = piece.bytes * (number + 1 - piece.start) // count
        columns = [batch.column(batch.schema.get_field_index(name)) for name in fields.names]
        yield Rows(columns, lambda i, number=number: f"stripe {number}, row {i}", now - done)  # type: ignore[misc]
        done = now
    if done < piece.bytes:
        yield Rows(nothing(schema, fields), str, piece.bytes - done)
