"""CSV and TSV with a header row, by the standard library's parser.

The parser works on text, the rules are about bytes: every byte is given to it as the character of the same number, and
cells are taken back to bytes and decoded one by one, so that bad UTF-8 costs one row.
"""

import csv
import io
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from pairloom.operators.documents import DeadLetter, DocumentBatch, excerpt_of
from pairloom.operators.errors import DataError
from pairloom.pipeline.inputs.compression import bare
from pairloom.pipeline.inputs.readers import Reader
from pairloom.pipeline.inputs.readers._plain_records import plain_records
from pairloom.pipeline.inputs.readers._text_lines import line_blocks, too_long
from pairloom.pipeline.inputs.shaping.paths import nearest
from pairloom.pipeline.inputs.shaping.records import Records
from pairloom.pipeline.inputs.slices import Fields, InputFile, Limits, Slice

__all__ = ["Csv"]


class _Lines:
    """The lines of a file for the parser, and what it took of them for the row at hand."""

    def __init__(self, piece: Slice, block_bytes: int, longest: int) -> None:
        self._piece, self._block_bytes, self._longest = piece, block_bytes, longest
        self.row = ""  # the first line of the row
        self.start = 0  # the position of the row
        self.size = 0  # its bytes so far
        self.consumed = 0

    def begin(self) -> None:
        """The next line starts a row."""
        self.size = 0

    def __iter__(self) -> Iterator[str]:
        for block in line_blocks(self._piece, self._block_bytes, self._longest):
            self.consumed += block.consumed
            position = block.position + block.start
            for line in io.StringIO(block.data[block.start : block.stop].decode("latin-1"), newline="\n"):
                if self.size == 0:
                    self.row, self.start = line, position
                self.size += len(line)
                position += len(line)
                if self.size > self._longest:
                    raise too_long(self._piece.file, f"byte {self.start}", self._longest)
                yield line


class Csv(Reader):
    """CSV and TSV with a header row; every field is a string."""

    name = "csv"
    suffixes = (".csv", ".tsv")
    encoded = True

    def records(self, piece: Slice, fields: Fields, limits: Limits) -> Iterator[Records]:
        """The wanted cells of the rows; an empty cell is null, since nothing else can be."""
        return plain_records(self, piece, fields, limits, empty_is_null=True)

    def read(self, piece: Slice, fields: Fields, limits: Limits) -> Iterator[DocumentBatch]:
        """The rows below the header; lines without any character are none.

        A row with another number of cells than the header, with quotes out of place or with bytes that are not UTF-8 is
        rejected. Raises DataError for a header without the columns, and for a quote that is never closed, since nobody
        knows how many rows are behind it.
        """
        file = piece.file
        lines = _Lines(piece, limits.batch_bytes, limits.max_record_bytes)
        # The limit on a cell belongs to the process: it is only ever raised, and `longest` bounds the record.
        csv.field_size_limit(max(csv.field_size_limit(), limits.max_record_bytes + 1))
        rows = csv.reader(iter(lines), **_dialect(file))
        width, wanted = _header(rows, lines, piece, fields.names)
        cells: list[list[str]] = []
        taken: list[int] = []
        rejected: list[DeadLetter] = []
        row, held, reported = 0, 0, 0

        def batch() -> DocumentBatch:
            columns = list(zip(*cells, strict=True)) if cells else [()] * len(wanted)
            first = 1 if fields.id is None else 2
            return DocumentBatch.of(
                columns[0],
                id=None if fields.id is None else columns[1],
                row=taken,
                uri=file.uri,
                fields={
                    name: pa.array(column, pa.large_string())
                    for name, column in zip(fields.extra, columns[first:], strict=True)
                },
                rejected=rejected,
                bytes_read=lines.consumed - reported,
            )

        while True:
            lines.begin()
            outcome = _next(rows, lines, piece, width, wanted)
            if outcome is None:
                break
            if isinstance(outcome, list):
                if not outcome:
                    continue
                cells.append(outcome)
                taken.append(row)
            else:
                rejected.append(_letter(outcome, lines, piece, row))
            row += 1
            held += lines.size
            if held >= limits.batch_bytes:
                yield batch()
                cells, taken, rejected, held = [], [], [], 0
                reported = lines.consumed
        if taken or rejected or lines.consumed > reported:
            yield batch()


def _dialect(file: InputFile) -> dict[str, Any]:
    """How cells are kept apart, as the recipe says, or else as the name does."""
    said = file.reading
    tabs = bare(file.uri.lower()).endswith(".tsv")
    quote = {"quotechar": said.quote} if len(said.quote) == 1 else {}
    return {
        "delimiter": said.delimiter or ("\t" if tabs else ","),
        "escapechar": said.escape or None,
        "quoting": csv.QUOTE_NONE if said.quote == "none" else csv.QUOTE_MINIMAL,
        "strict": True,
        **quote,
    }


def _header(
    rows: Iterator[list[str]], lines: _Lines, piece: Slice, wanted: tuple[str, ...]
) -> tuple[int, list[int]]:
    """How many columns there are, and where the wanted ones are."""
    uri = piece.file.uri
    names: list[str] = list(piece.file.reading.header)
    try:
        while not names:
            lines.begin()
            cells = next(rows)
            names = [cell.encode("latin-1").decode("utf-8") for cell in cells]
    except StopIteration:
        raise DataError(f"{uri}: no header row; the first line must name the columns") from None
    except (UnicodeDecodeError, csv.Error) as error:
        advice = (
            "; the source's encoding says what it is, if it is not UTF-8"
            if isinstance(error, ValueError)
            else ""
        )
        raise DataError(f"{uri}: the header row cannot be read: {error}{advice}") from error
    said = "recipe's header is" if piece.file.reading.header else "header row has"
    for name in wanted:
        if names.count(name) != 1:
            many = f"{names.count(name)} columns" if name in names else "no column"
            near = "" if name in names else nearest((name,), [(one,) for one in names])
            other = next((one for one in ";\t|," if len(names) == 1 and one in names[0]), None)
            if other is not None:
                near = f"; cells seem to be kept apart by {other!r}: set the source's csv: {{delimiter: {other!r}}};"
            raise DataError(f"{uri}: {many} named {name!r}{near or ';'} the {said} {names}")
    return len(names), [names.index(name) for name in wanted]


def _next(
    rows: Iterator[list[str]], lines: _Lines, piece: Slice, width: int, wanted: list[int]
) -> list[str] | tuple[str, str] | None:
    """The wanted cells of the next row (none of a blank line), a reason and a detail, or None at the end."""
    try:
        cells = next(rows)
    except StopIteration:
        return None
    except csv.Error as error:
        if "unexpected end of data" in str(error):
            raise DataError(
                f"{piece.file.uri}: a quote that is opened in the row at byte {lines.start} is never closed; "
                "repair the row or fetch the file again"
            ) from error
        return "invalid_csv", str(error)
    if not cells:
        return []
    if len(cells) != width:
        return "ragged_row", f"{len(cells)} cells, the header has {width}"
    found = []
    for index in wanted:
        raw = cells[index].encode("latin-1")
        try:
            found.append(raw.decode("utf-8"))
        except UnicodeDecodeError as error:
            return "invalid_utf8", f"byte {error.start} of cell {index + 1}: {error.reason}"
    return found


def _letter(outcome: tuple[str, str], lines: _Lines, piece: Slice, row: int) -> DeadLetter:
    reason, detail = outcome
    return DeadLetter(
        uri=piece.file.uri,
        position=f"byte {lines.start}",
        row=row,
        reason=reason,
        detail=detail,
        excerpt=excerpt_of(lines.row.encode("latin-1")),
    )
