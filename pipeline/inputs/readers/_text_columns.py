"""Columns of text: checked once as a whole, and row by row only where that fails."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators.documents import DeadLetter, DocumentBatch, excerpt_of
from pairloom.operators.errors import DataError
from pairloom.pipeline.inputs.readers._text_lines import too_long
from pairloom.pipeline.inputs.shaping.columns import Column, resolved, struct_paths
from pairloom.pipeline.inputs.shaping.kinds import instead
from pairloom.pipeline.inputs.shaping.paths import nearest
from pairloom.pipeline.inputs.shaping.records import Records, shown, wanted_paths
from pairloom.pipeline.inputs.slices import Fields, InputFile, Limits

__all__ = ["Rows", "batches", "columns_of", "nothing", "pick", "reading", "records"]


class Rows(NamedTuple):
    """Some rows of the wanted columns, in the order of `Fields.names`, and the stored bytes that they took.

    `place(i)` says where the row of index `i` is, for a message.
    """

    columns: list[pa.Array]
    place: Callable[[int], str]
    stored: int


@contextmanager
def reading(file: InputFile) -> Iterator[None]:
    """Turn what Arrow says about a broken file into a DataError; errors of the operating system pass.

    A damaged length often shows as a request for more memory than there is.
    """
    try:
        yield
    except (pa.ArrowException, OSError, EOFError, ValueError, MemoryError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        said = (str(error).splitlines() or [type(error).__name__])[0]
        if "decrypt" in said.lower():
            raise DataError(f"{file.uri}: it is encrypted ({said}); write it without encryption") from error
        raise DataError(
            f"{file.uri}: not a whole {file.format} file of {file.size} bytes: {said}; fetch or write it again"
        ) from error


def pick(schema: pa.Schema, fields: Fields, file: InputFile) -> list[int]:
    """The indices of the wanted columns.

    Raises DataError if one is missing or doubled, or if that of the text or of the id is of a type without text.
    """
    indices = []
    for place, name in enumerate(fields.names):
        found = schema.get_all_field_indices(name)
        if len(found) != 1:
            many = f"{len(found)} columns" if found else "no column"
            near = nearest((name,), struct_paths(schema)) if not found else ""
            raise DataError(
                f"{file.uri}: {many} named {name!r}{near or ';'} it has {', '.join(map(repr, schema.names))}"
            )
        kind = schema.field(found[0]).type
        free = fields.raw or place >= _of_text(fields)
        if not free and not _is_text(kind) and not (place > 0 and pa.types.is_integer(kind)):
            allowed = "strings or binaries" + (" or integers" if place > 0 else "")
            advice = instead(kind, name, text=place == 0)
            raise DataError(f"{file.uri}: column {name!r} is of type {kind}; it must hold {allowed}{advice}")
        indices.append(found[0])
    return indices


def nothing(schema: pa.Schema, fields: Fields) -> list[pa.Array]:
    """No rows of the wanted columns."""
    return [pa.array([], schema.field(name).type) for name in fields.names]


def _of_text(fields: Fields) -> int:
    """How many of the wanted columns are read as text: the text, and the id if there is one."""
    return 1 if fields.id is None else 2


def batches(rows: Iterator[Rows], file: InputFile, fields: Fields, limits: Limits) -> Iterator[DocumentBatch]:
    """Clean the rows, in batches of at most `limits.batch_bytes` of text or one row."""
    seen = held = 0
    of_text = _of_text(fields)
    for part in rows:
        columns = [_Column.of(column, file) for column in part.columns[:of_text]]
        extra = part.columns[of_text:]
        sizes = [column.lengths(file) for column in columns]
        for size in sizes:
            if len(size) and size.max() > limits.max_record_bytes:
                raise too_long(file, part.place(int(size.argmax())), limits.max_record_bytes)
        held += sum(int(size.sum()) for size in sizes) + sum(_written_out(column, file) for column in extra)
        file.check_expansion(held)
        offsets = np.concatenate([[0], np.cumsum(sizes[0])])
        rows_here, start, stored = len(sizes[0]), 0, part.stored
        while start < rows_here or stored:
            stop = int(np.searchsorted(offsets, offsets[start] + limits.batch_bytes, side="right")) - 1
            stop = min(max(stop, start + 1), rows_here)
            window = [column.cut(start, stop - start, file) for column in columns]
            others = {
                name: _checked(column.slice(start, stop - start), file)
                for name, column in zip(fields.extra, extra, strict=True)
            }
            yield _clean(window, others, part.place, start, seen + start, file, stored)
            start, stored = stop, 0
        seen += rows_here


def columns_of(fields: Fields) -> Fields:
    """The columns that the wanted paths begin with, of any type."""
    names = tuple(dict.fromkeys(path[0] for path in wanted_paths(fields)))
    return Fields(text=names[0], extra=names[1:], raw=True)


def records(rows: Iterator[Rows], file: InputFile, fields: Fields, limits: Limits) -> Iterator[Records]:
    """The wanted fields of the rows, in parts of about `limits.batch_bytes`."""
    paths, names = wanted_paths(fields), columns_of(fields).names
    seen = held = 0
    for part in rows:
        count = len(part.columns[0])
        held += sum(_written_out(column, file) for column in part.columns)
        file.check_expansion(held)
        size = sum(column.nbytes for column in part.columns)
        step = max(1, count * limits.batch_bytes // max(1, size))
        stored = part.stored
        for start in range(0, max(count, 1), step):
            some = [_readable(column.slice(start, step), file) for column in part.columns]
            top = dict(zip(names, some, strict=True))
            found = {path: resolved(path, top[path[0]], fields.list_separator, file.uri) for path in paths}
            length = len(some[0])
            yield Records(
                columns={path: Column(path, values) for path, values in found.items()},
                rows=np.arange(seen + start, seen + start + length),
                place=lambda i, start=start, part=part: part.place(start + i),  # type: ignore[misc]
                excerpt=lambda i, top=top: shown(top, i),  # type: ignore[misc]
                stored=stored,
            )
            stored = 0
        seen += count


def _readable(column: pa.Array, file: InputFile) -> pa.Array:
    """A column whose offsets were checked; texts, also those of structs, are bytes, since they may be no UTF-8."""
    kind = column.type
    if pa.types.is_struct(kind) and kind.num_fields:
        children = [_readable(child, file) for child in column.flatten()]
        names = [kind.field(k).name for k in range(kind.num_fields)]
        return pa.StructArray.from_arrays(children, names=names, mask=column.is_null())
    if _is_text(kind) and not pa.types.is_dictionary(kind):
        with reading(file):
            return _bytes_of(column).cast(pa.large_binary())
    return _checked(column, file)


class _Column(NamedTuple):
    """A column of text as it is in the file: its bytes, or those of a dictionary and the index of each row.

    A value may stand in any number of rows, so that only a few of them are written out at a time.
    """

    values: pa.Array
    indices: pa.Array | None

    @classmethod
    def of(cls, column: pa.Array, file: InputFile) -> "_Column":
        """The column, its offsets checked before anything follows them; nothing is said about UTF-8."""
        with reading(file):
            if not pa.types.is_dictionary(column.type):
                return cls(_bytes_of(column), None)
            column.indices.validate(full=True)
            column.validate()
            values = _bytes_of(column.dictionary)
            file.check_expansion(int(_lengths(values).sum()))
            return cls(values.cast(pa.large_binary()), column.indices)

    def lengths(self, file: InputFile) -> npt.NDArray[np.int64]:
        """The bytes of each row, none of a null."""
        with reading(file):
            lengths = _lengths(self.values)
            if self.indices is not None:
                found = pa.array(lengths).take(self.indices).fill_null(0)
                lengths = np.asarray(found, np.int64)
            return lengths

    def cut(self, start: int, count: int, file: InputFile) -> pa.LargeBinaryArray:
        """Some rows, written out."""
        with reading(file):
            if self.indices is None:
                return self.values.slice(start, count).cast(pa.large_binary())
            return self.values.take(self.indices.slice(start, count)).cast(pa.large_binary())


def _bytes_of(column: pa.Array) -> pa.Array:
    """The bytes of a column, as many as there are, in whichever of three layouts."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        return _bytes_of(column.dictionary_decode())
    if pa.types.is_integer(kind):
        return column.cast(pa.large_string()).view(pa.large_binary())
    if pa.types.is_large_string(kind) or pa.types.is_large_binary(kind):
        column = column.view(pa.large_binary())
    elif pa.types.is_string(kind) or pa.types.is_binary(kind):
        column = column.view(pa.binary())
    else:
        column = column.view(pa.binary_view())
    column.validate(full=True)
    return column


def _lengths(values: pa.Array) -> npt.NDArray[np.int64]:
    """The bytes of each value, none of a null, of a column in one of the layouts of `_bytes_of`."""
    stored = values.buffers()[1]
    if len(values) == 0 or stored is None:
        return np.zeros(len(values), np.int64)
    if pa.types.is_binary_view(values.type):
        views = np.frombuffer(stored, np.int32).reshape(-1, 4)
        lengths = views[values.offset : values.offset + len(values), 0].astype(np.int64)
    else:
        wide = pa.types.is_large_binary(values.type)
        offsets = np.frombuffer(stored, np.int64 if wide else np.int32)
        lengths = np.diff(offsets[values.offset : values.offset + len(values) + 1]).astype(np.int64)
    if values.null_count:
        lengths[values.is_null().to_numpy(zero_copy_only=False)] = 0
    return lengths


def _written_out(column: pa.Array, file: InputFile) -> int:
    """The bytes of a column beside the text where its values may stand in more rows than one, else 0."""
    kind = column.type
    if (
        not pa.types.is_dictionary(kind)
        and not pa.types.is_string_view(kind)
        and not pa.types.is_binary_view(kind)
    ):
        return 0
    if pa.types.is_dictionary(kind) and not _is_text(kind.value_type):
        return 0
    return int(_Column.of(column, file).lengths(file).sum())


def _checked(column: pa.Array, file: InputFile) -> pa.Array:
    """A column of any type as it is in the file, the values of a dictionary and of views written out."""
    with reading(file):
        column.validate(full=True)
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        if pa.types.is_string_view(column.type):
            return column.cast(pa.large_string())
        return column.cast(pa.large_binary()) if pa.types.is_binary_view(column.type) else column


def _is_text(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        return _is_text(kind.value_type)
    return bool(
        pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_string_view(kind)
        or pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
        or pa.types.is_binary_view(kind)
    )


def _clean(
    columns: list[pa.LargeBinaryArray],
    others: dict[str, pa.Array],
    place: Callable[[int], str],
    start: int,
    row: int,
    file: InputFile,
    stored: int,
) -> DocumentBatch:
    """The batch of some rows: the first is `place(start)` of the file and record `row` of the slice."""
    bad: dict[int, tuple[str, str]] = {}
    for column, field in reversed(list(zip(columns, ("text", "id"), strict=False))):
        bad |= _faults(column, field)  # of two faults in a row, that of the text counts
    keep = np.ones(len(columns[0]), dtype=bool)
    keep[list(bad)] = False
    strings = [_as_strings(column if not bad else column.filter(pa.array(keep))) for column in columns]
    letters = tuple(
        DeadLetter(
            uri=file.uri,
            position=place(start + i),
            row=row + i,
            reason=bad[i][0],
            detail=bad[i][1],
            excerpt=excerpt_of(columns[0][i].as_py() or b""),
        )
        for i in sorted(bad)
    )
    return DocumentBatch(
        content=strings[0],
        id=strings[1] if len(strings) > 1 else None,
        row=pa.array(np.flatnonzero(keep).astype(np.int64) + row),
        uri=file.uri,
        fields=others if not bad else {name: c.filter(pa.array(keep)) for name, c in others.items()},
        rejected=letters,
        bytes_read=stored,
    )


def _faults(column: pa.LargeBinaryArray, field: str) -> dict[int, tuple[str, str]]:
    """Reason and detail of each row that is null or not UTF-8."""
    try:
        _as_strings(column).validate(full=True)
    except pa.ArrowInvalid:
        rows: Any = range(len(column))
    else:
        rows = np.flatnonzero(column.is_null().to_numpy(zero_copy_only=False)) if column.null_count else ()
    bad = {}
    for i in map(int, rows):
        value = column[i].as_py()
        if value is None:
            bad[i] = (f"null_{field}", f"the {field} is null")
            continue
        try:
            value.decode("utf-8")
        except UnicodeDecodeError as error:
            bad[i] = ("invalid_utf8", f"byte {error.start} of the {field}: {error.reason}")
    return bad


def _as_strings(column: pa.LargeBinaryArray) -> pa.LargeStringArray:
    """The same buffers, called text."""
    valid, offsets, data = column.buffers()
    if offsets is None or len(column) == 0:
        return pa.array([], pa.large_string())
    return pa.LargeStringArray.from_buffers(
        len(column), offsets, data, valid if column.null_count else None, column.null_count, column.offset
    )
