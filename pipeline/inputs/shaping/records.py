"""Records of any format to documents: which of them are wanted, what their text is, and what cannot be used."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pairloom.operators.documents import DeadLetter, DocumentBatch, excerpt_of
from pairloom.operators.errors import DataError
from pairloom.pipeline.inputs.shaping.attributes import attribute_values
from pairloom.pipeline.inputs.shaping.columns import (
    Column,
    Faults,
    as_boolean,
    as_number,
    as_text,
    beside,
    mask_of,
)
from pairloom.pipeline.inputs.shaping.conditions import (
    All,
    AnyOf,
    Beside,
    Calculated,
    Compare,
    Condition,
    Field,
    IsNull,
    Matches,
    Member,
    Not,
    Operand,
    True_,
    compared_fields,
    fields_in,
)
from pairloom.pipeline.inputs.shaping.kinds import NOTHING
from pairloom.pipeline.inputs.shaping.paths import Path, nearest, parts_of, path_of, written
from pairloom.pipeline.inputs.shaping.where import condition_of
from pairloom.pipeline.inputs.slices import Fields, InputFile, Limits

__all__ = ["FILTERED", "Records", "check_paths", "documents_of", "shown", "wanted_paths"]

FILTERED = "where"
"""What the ledger calls the records that the condition leaves out."""

_TYPE = "where_type"
_COMPARE = {
    "==": pc.equal,
    "!=": pc.not_equal,
    "<": pc.less,
    "<=": pc.less_equal,
    ">": pc.greater,
    ">=": pc.greater_equal,
}
_CALCULATE = {"+": pc.add, "-": pc.subtract, "*": pc.multiply, "/": pc.divide}


@dataclass(frozen=True, slots=True)
class Records:
    """Some records of a slice, and the wanted fields of each.

    `rows` are their numbers in the slice, `rejected` what could not be read between them, `stored` the bytes that all took.
    `place(i)` says where record `i` is, `excerpt(i)` shows it, `paths(i)` are the fields that it has,
    where records differ in that. A reader may know of some that the condition leaves out: there were `left_out` of them,
    which are not here, and where all is `decided`, those that are here are wanted.
    """

    columns: dict[Path, Column]
    rows: Any
    place: Callable[[int], str]
    excerpt: Callable[[int], str | bytes]
    paths: Callable[[int], Sequence[Path]] | None = None
    rejected: tuple[DeadLetter, ...] = ()
    stored: int = 0
    left_out: int = 0
    decided: bool = False


def shown(columns: Mapping[str, pa.Array], row: int) -> str:
    """A row for people: its wanted columns."""
    found = {}
    for name, column in columns.items():
        value = column[row].as_py()
        found[name] = value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else value
    return str(found)


def wanted_paths(fields: Fields) -> list[Path]:
    """Every path that is read of a record, sorted, each once."""
    parts = () if fields.text is None else parts_of(fields.text)
    found = {part.path for part in parts if part.path is not None}
    found |= {path_of(name) for name in (*(() if fields.id is None else (fields.id,)), *fields.extra)}
    found |= {path_of(one.field) for one in fields.attributes}
    if fields.where is not None:
        found |= set(fields_in(condition_of(fields.where)))
    return sorted(found)


def documents_of(
    batches: Iterator[Records], fields: Fields, file: InputFile, limits: Limits
) -> Iterator[DocumentBatch]:
    """The documents of records, in the same batches."""
    shape = _Shape(fields, file, limits)
    for records in batches:
        made = shape.documents(records)
        del records  # whoever makes the next can use its memory
        yield made
        del made


class _Shape:
    """What a source makes of its records, parsed."""

    def __init__(self, fields: Fields, file: InputFile, limits: Limits) -> None:
        self._fields, self._file, self._limits = fields, file, limits
        self._parts = () if fields.text is None else parts_of(fields.text)
        self._condition = None if fields.where is None else condition_of(fields.where)
        self._plain = len(self._parts) == 1 and self._parts[0].path is not None and not self._parts[0].before

    def documents(self, records: Records) -> DocumentBatch:
        count = len(records.rows)
        keep, faults = np.ones(count, np.bool_), Faults()
        if self._condition is not None and count and not records.decided:
            mask, faults = _Asked(records, self._file.uri).mask(self._condition)
            keep = mask.fill_null(False).to_numpy(zero_copy_only=False)
        bad = mask_of(faults, count)
        left_out = records.left_out + int(np.count_nonzero(~keep & ~bad))
        text, text_faults = self._text(records)
        wanted = keep & ~bad
        faults = faults | {i: fault for i, fault in text_faults.items() if wanted[i]}
        ids = None
        if self._fields.id is not None:
            path = path_of(self._fields.id)
            ids, id_faults = as_text(records.columns[path], self._file.uri, "id_not_a_string")
            id_faults = _missing(records, path, ids, "id") | id_faults
            faults = {i: fault for i, fault in id_faults.items() if wanted[i]} | faults
        used = wanted & ~mask_of(faults, count)
        self._check_lengths(text, used, records)
        chosen = None if used.all() else pa.array(used)
        fields = {
            name: _some(self._extra(records.columns[path_of(name)]), chosen) for name in self._fields.extra
        }
        columns, refused = self._attributes(records, used)
        return DocumentBatch(
            content=_some(text, chosen),
            id=None if ids is None else _some(ids, chosen),
            row=pa.array(records.rows[used], pa.int64()),
            uri=self._file.uri,
            fields=fields,
            columns={name: _some(values, chosen) for name, values in columns.items()},
            refused=refused,
            rejected=tuple(
                sorted((*records.rejected, *self._letters(records, faults)), key=lambda one: one.row)
            ),
            dropped=Counter({FILTERED: left_out}) if left_out else {},
            bytes_read=records.stored,
        )

    def _text(self, records: Records) -> tuple[pa.Array, Faults]:
        """The text of each record, and why there is none."""
        faults: Faults = {}
        if not self._parts:
            return pa.array([""] * len(records.rows), pa.large_string()), faults
        pieces: list[Any] = []
        for part in self._parts:
            if part.before:
                pieces.append(pa.scalar(part.before, pa.large_string()))
            if part.path is None:
                continue
            column = records.columns[part.path]
            texts, bad = as_text(column, self._file.uri, "text_not_a_string", integers=not self._plain)
            if not part.optional:
                bad = _missing(records, part.path, texts, "text") | bad
            faults = bad | faults
            pieces.append(texts.fill_null("") if texts.null_count else texts)
        if len(pieces) == 1 and isinstance(pieces[0], pa.Array):
            return pieces[0], faults
        return pc.binary_join_element_wise(*pieces, pa.scalar("", pa.large_string())), faults

    def _check_lengths(self, text: pa.Array, used: Any, records: Records) -> None:
        sizes = pc.binary_length(text).to_numpy(zero_copy_only=False)
        if len(sizes) and int(sizes.max()) > self._limits.max_record_bytes:
            long = np.flatnonzero((sizes > self._limits.max_record_bytes) & used)
            if len(long):
                raise DataError(
                    f"{self._file.uri}: the text of the record at {records.place(int(long[0]))} is longer than "
                    f"{self._limits.max_record_bytes} bytes (max_record_bytes); split the document, raise the limit, or leave it "
                    "out by where"
                )

    def _attributes(self, records: Records, used: Any) -> tuple[dict[str, pa.Array], dict[int, str]]:
        """The columns that are asked for, and by row what is wrong with records that are used."""
        columns: dict[str, pa.Array] = {}
        refused: dict[int, str] = {}
        for one in self._fields.attributes:
            found, faults = attribute_values(one, records.columns[path_of(one.field)], self._file.uri)
            columns[one.name] = found
            refused |= {int(records.rows[i]): detail for i, (_, detail) in faults.items() if used[i]}
        return columns, refused

    def _extra(self, column: Column) -> pa.Array:
        if not pa.types.is_large_binary(column.values.type):
            return column.values
        return as_text(column, self._file.uri, "field_not_a_string")[0]

    def _letters(self, records: Records, faults: Faults) -> list[DeadLetter]:
        return [
            DeadLetter(
                uri=self._file.uri,
                position=records.place(i),
                row=int(records.rows[i]),
                reason=faults[i][0],
                detail=faults[i][1],
                excerpt=excerpt_of(records.excerpt(i)),
            )
            for i in sorted(faults)
        ]


def _some(values: pa.Array, chosen: pa.Array | None) -> pa.Array:
    """The chosen values: all of them, where nothing says which."""
    return values if chosen is None else values.filter(chosen)


def _missing(records: Records, path: Path, values: pa.Array, role: str) -> Faults:
    """The records that do not have a field, or in which it is null."""
    if not values.null_count:
        return {}
    column, faults = records.columns[path], Faults()
    for i in map(int, np.flatnonzero(values.is_null().to_numpy(zero_copy_only=False))):
        if records.paths is not None and column.kinds is not None and column.kinds[i] == NOTHING:
            known = list(records.paths(i))
            has = [written(one) for one in known][:20]
            faults[i] = (
                f"missing_{role}",
                f"no field {written(path)!r}{nearest(path, known) or '.'} The record has {has}",
            )
        else:
            faults[i] = (f"null_{role}", f"field {written(path)!r} is null")
    return faults


class _Asked:
    """A condition on records: each field is read once for each way in which it is compared."""

    def __init__(self, records: Records, uri: str) -> None:
        self._records, self._uri = records, uri
        self._faults: Faults = {}

    def mask(self, condition: Condition) -> tuple[pa.Array, Faults]:
        """True, false or null of each record, and the records in which a field is of another kind than it is compared with."""
        return self._of(condition), self._faults

    def _of(self, condition: Condition) -> pa.Array:
        if isinstance(condition, Not):
            return pc.invert(self._of(condition.of))
        if isinstance(condition, All):
            return pc.and_kleene(self._of(condition.one), self._of(condition.other))
        if isinstance(condition, AnyOf):
            return pc.or_kleene(self._of(condition.one), self._of(condition.other))
        if isinstance(condition, Beside):
            return self._beside(condition)
        column = self._records.columns[condition.field.path]
        if isinstance(condition, IsNull):
            self._faults |= column.faults
            return column.values.is_null()
        if isinstance(condition, True_):
            return self._read(as_boolean, column)
        if isinstance(condition, Matches):
            return pc.match_substring_regex(self._read(as_text, column), condition.pattern)
        assert isinstance(condition, Compare | Member)
        literals = (condition.literal,) if isinstance(condition, Compare) else condition.literals
        kind, values = self._values(condition.field.length, literals[0], column)
        if isinstance(condition, Compare):
            return _COMPARE[condition.op](values, pa.scalar(literals[0], kind))
        inside = pc.is_in(values, pa.array(literals, kind))
        return pc.if_else(values.is_null(), pa.scalar(None, pa.bool_()), inside)

    def _beside(self, condition: Beside) -> pa.Array:
        """Two fields of one kind, or numbers."""
        one, other, compare = condition.one, condition.other, _COMPARE[condition.op]
        if not (isinstance(one, Field) and isinstance(other, Field)) or one.length or other.length:
            return compare(self._number(one), self._number(other))
        columns = [self._records.columns[side.path] for side in (one, other)]
        values, faults = beside(columns[0], columns[1], compare, self._uri, _TYPE)
        self._faults = faults | self._faults
        return values

    def _number(self, operand: Operand) -> Any:
        """Numbers as float64: what is divided by zero is infinite, or none."""
        if isinstance(operand, Field):
            return self._values(operand.length, 0.0, self._records.columns[operand.path])[1]
        if isinstance(operand, Calculated):
            return _CALCULATE[operand.op](self._number(operand.one), self._number(operand.other))
        return pa.scalar(operand, pa.float64())

    def _values(self, length: bool, literal: object, column: Column) -> tuple[pa.DataType, pa.Array]:
        if length:
            return pa.float64(), pc.utf8_length(self._read(as_text, column)).cast(pa.float64())
        if isinstance(literal, bool):
            return pa.bool_(), self._read(as_boolean, column)
        if isinstance(literal, str):
            return pa.large_string(), self._read(as_text, column)
        return pa.float64(), self._read(as_number, column)

    def _read(self, how: Callable[..., tuple[pa.Array, Faults]], column: Column) -> pa.Array:
        values, faults = how(column, self._uri, _TYPE)
        self._faults = faults | self._faults
        return values


def check_paths(records: Records, file: InputFile, where: str | None = None) -> None:
    """Raise DataError for a field that none of some records has, where they have one that is nearly called so.

    So is one that another is compared with in `where`: there, a text without quotes is a field.
    """
    if records.paths is None:
        return
    known = {path for i in range(len(records.rows)) for path in records.paths(i)}
    for path, column in records.columns.items():
        if column.kinds is None or not len(column.kinds) or np.any(column.kinds != NOTHING):
            continue
        near = nearest(path, known)
        if where is not None and not near and path in set(compared_fields(condition_of(where))):
            near = "; write it in quotes if a text is meant"
        if near:
            raise DataError(
                f"{file.uri}: none of the first {len(records.rows)} records has the field {written(path)!r}{near}"
            )
