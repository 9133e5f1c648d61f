"""Fields of records as columns, whatever the format, and how each is read: as text, as a number, as true or false."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pairloom.operators.errors import DataError
from pairloom.pipeline.inputs.shaping.kinds import (
    BOOLEAN,
    INTEGER,
    KIND_NAMES,
    NOTHING,
    NULL,
    NUMBER,
    STRING,
    instead,
)
from pairloom.pipeline.inputs.shaping.paths import Path, nearest, written

__all__ = [
    "Column",
    "Faults",
    "as_boolean",
    "as_number",
    "as_text",
    "as_written",
    "beside",
    "mask_of",
    "resolved",
    "struct_paths",
]

Faults: TypeAlias = dict[int, tuple[str, str]]
"""Reason and detail of each row that cannot be used."""

_NUMBER = re.compile(r"-?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|-?Infinity|NaN|-?inf|nan")
_TRUTH = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class Column:
    """A field of some records. `values` is null where it is missing or null; `faults` are rows where it is something else.

    `kinds` say what JSON has there (`kinds.py`), for each row, where `values` is its text; None where the type says it.
    """

    path: Path
    values: pa.Array
    faults: Faults = field(default_factory=dict)
    kinds: Any = None

    @property
    def name(self) -> str:
        """The path as a recipe writes it."""
        return written(self.path)

    def take(self, rows: pa.Array) -> "Column":
        """Some of its rows, of which none has a fault."""
        kinds = None if self.kinds is None else self.kinds[rows.to_numpy()]
        return Column(self.path, self.values.take(rows), {}, kinds)


def resolved(path: Path, column: pa.Array, separator: str | None, uri: str) -> pa.Array:
    """What a path leads to within a column that its first name names; lists of texts become texts.

    Raises DataError for a path that the type of the column does not have.
    """
    return _within(path, 1, column, separator, uri)


def _within(path: Path, at: int, column: pa.Array, separator: str | None, uri: str) -> pa.Array:
    kind = column.type
    if pa.types.is_dictionary(kind):
        return _within(path, at, column.cast(kind.value_type), separator, uri)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        if separator is None and at == len(path):
            return column
        if separator is None:
            raise DataError(
                f"{uri}: {written(path)!r}: column {written(path[:at])!r} is a list ({kind}); say with list_separator "
                "what stands between its texts"
            )
        return _joined(path, at, column, separator, uri)
    if at == len(path):
        return column
    if not pa.types.is_struct(kind):
        raise DataError(
            f"{uri}: {written(path)!r}: column {written(path[:at])!r} is of type {kind}, which has no fields; "
            "correct the path, or write \\. for a dot that is part of a name"
        )
    found = kind.get_all_field_indices(path[at])
    if len(found) != 1:
        known = [path[:at] + (kind.field(k).name,) for k in range(kind.num_fields)]
        many = f"{len(found)} fields" if found else "no field"
        near = nearest(path[: at + 1], known) or ";"
        raise DataError(
            f"{uri}: {written(path)!r}: column {written(path[:at])!r} has {many} {path[at]!r}{near} "
            f"it has {', '.join(repr(one[-1]) for one in known[:20])}"
        )
    return _within(path, at + 1, pc.struct_field(column, [found[0]]), separator, uri)


def _joined(path: Path, at: int, column: pa.Array, separator: str, uri: str) -> pa.Array:
    """The texts of each list, joined; null where one of them is null or the list is."""
    inner = _within(path, at, pc.list_flatten(column), separator, uri)
    texts, bad = _strings(inner, written(path), uri)
    lengths = pc.list_value_length(column).fill_null(0).cast(pa.int64())
    offsets = pa.array(np.concatenate([[0], np.cumsum(lengths.to_numpy(zero_copy_only=False))]), pa.int64())
    if bad:
        texts = pc.if_else(
            pa.array([i in bad for i in range(len(texts))]), pa.scalar(None, pa.large_string()), texts
        )
    lists = pa.LargeListArray.from_arrays(offsets, texts, mask=column.is_null())
    return pc.binary_join(lists, pa.scalar(separator, pa.large_string()))


def _is_text(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
        or pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind)
    )  # fmt: skip


def _strings(values: pa.Array, name: str, uri: str) -> tuple[pa.Array, Faults]:
    """Values as large strings that are UTF-8, and the rows that are not."""
    kind = values.type
    if pa.types.is_dictionary(kind):
        return _strings(values.cast(kind.value_type), name, uri)
    if pa.types.is_null(kind) or pa.types.is_integer(kind):
        return values.cast(pa.large_string()), {}
    if not _is_text(kind):
        advice = instead(kind, name, text=True)
        raise DataError(f"{uri}: column {name!r} is of type {kind}; it must hold strings or integers{advice}")
    raw = values.cast(pa.large_binary())
    try:
        texts = raw.cast(pa.large_string())
        texts.validate(full=True)
        return texts, {}
    except pa.ArrowInvalid:
        faults: Faults = {}
        out: list[str | None] = []
        for i, value in enumerate(raw.to_pylist()):
            try:
                out.append(None if value is None else value.decode("utf-8"))
            except UnicodeDecodeError as error:
                out.append(None)
                faults[i] = ("invalid_utf8", f"byte {error.start} of the field {name!r}: {error.reason}")
        return pa.array(out, pa.large_string()), faults


def _unless(column: Column, allowed: tuple[int, ...], reason: str, wanted: str) -> Faults:
    """The rows of a JSON column that hold something else."""
    if column.kinds is None:
        return dict(column.faults)
    right = np.zeros(len(KIND_NAMES), np.bool_)
    right[[NOTHING, NULL, *allowed]] = True
    wrong = np.flatnonzero(~right[column.kinds])
    found = {
        i: (reason, f"field {column.name!r} is {KIND_NAMES[column.kinds[i]]}, and {wanted}")
        for i in map(int, wrong)
    }
    return found | column.faults


def as_text(column: Column, uri: str, reason: str, *, integers: bool = True) -> tuple[pa.Array, Faults]:
    """The texts of a field, and the rows where it is none; integers are texts as they are written, if they may be."""
    allowed = (STRING, INTEGER) if integers else (STRING,)
    wanted = "a text is wanted"
    if column.kinds is None and not integers and pa.types.is_integer(column.values.type):
        raise DataError(
            f"{uri}: column {column.name!r} is of type {column.values.type}; it must hold strings or binaries"
            f"{instead(column.values.type, column.name, text=True)}"
        )
    faults = _unless(column, allowed, reason, wanted)
    if column.kinds is not None:  # checked as it was read
        return column.values, faults
    texts, bad = _strings(column.values, column.name, uri)
    return texts, bad | faults


def as_written(
    column: Column, uri: str, reason: str, allowed: tuple[int, ...], wanted: str
) -> tuple[pa.Array, Faults]:
    """The field as it is written, where that is a text, or of JSON what is `allowed`; `wanted` says what it should be."""
    kind = column.values.type
    faults = _unless(column, allowed, reason, wanted)
    if not _is_text(kind) and not pa.types.is_dictionary(kind):
        raise DataError(
            f"{uri}: column {column.name!r} is of type {kind}, and {wanted}{instead(kind, column.name)}"
        )
    texts, bad = _strings(column.values, column.name, uri)
    return texts, bad | faults


def as_number(column: Column, uri: str, reason: str, *, wanted: str | None = None) -> tuple[pa.Array, Faults]:
    """The field as float64; a text that is a number is one. `wanted` says what it should be, if where does not ask."""
    kind, wrong = column.values.type, wanted or "it is compared with a number"
    faults = _unless(column, (STRING, INTEGER, NUMBER), reason, wrong)
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return column.values.cast(pa.float64(), safe=False), faults
    if pa.types.is_null(kind):
        return column.values.cast(pa.float64()), faults
    if not _is_text(kind) and not pa.types.is_dictionary(kind):
        asked = wanted or "where compares it with a number"
        raise DataError(
            f"{uri}: column {column.name!r} is of type {kind}, and {asked}{instead(kind, column.name)}"
        )
    if column.kinds is None:
        texts, bad = _strings(column.values, column.name, uri)
        faults = bad | faults
    else:
        texts = column.values  # checked as it was read
    try:
        if not faults:
            return texts.cast(pa.float64()), faults
    except pa.ArrowInvalid:
        pass
    out: list[float | None] = []
    for i, value in enumerate(texts.to_pylist()):
        good = value is not None and i not in faults and _NUMBER.fullmatch(value)
        out.append(float(value) if good else None)
        if value is not None and not good:
            faults.setdefault(i, (reason, f"field {column.name!r} is {value[:40]!r}, and {wrong}"))
    return pa.array(out, pa.float64()), faults


def as_boolean(
    column: Column, uri: str, reason: str, *, wanted: str | None = None
) -> tuple[pa.Array, Faults]:
    """The field as true and false; the texts true and false, in any case, are that. For `wanted` see `as_number`."""
    kind, wrong = column.values.type, wanted or "true or false is wanted"
    faults = _unless(column, (STRING, BOOLEAN), reason, wrong)
    if pa.types.is_boolean(kind) or pa.types.is_null(kind):
        return column.values.cast(pa.bool_()), faults
    if not _is_text(kind) and not pa.types.is_dictionary(kind):
        asked = wanted or "where asks whether it is true"
        raise DataError(
            f"{uri}: column {column.name!r} is of type {kind}, and {asked}{instead(kind, column.name)}"
        )
    texts, bad = _strings(column.values, column.name, uri)
    faults = bad | faults
    low = pc.utf8_lower(texts)
    truth: pa.Array = pc.if_else(
        pc.is_in(low, pa.array(list(_TRUTH), pa.large_string())),
        pc.equal(low, "true"),
        pa.scalar(None, pa.bool_()),
    )
    for i in map(
        int, np.flatnonzero(pc.and_(truth.is_null(), texts.is_valid()).to_numpy(zero_copy_only=False))
    ):
        faults.setdefault(i, (reason, f"field {column.name!r} is {texts[i].as_py()[:40]!r}, and {wrong}"))
    return truth, faults


def beside(
    one: Column, other: Column, compare: Callable[[Any, Any], Any], uri: str, reason: str
) -> tuple[pa.Array, Faults]:
    """Whether two fields compare so: as numbers, as texts, or as true and false, whichever both are in a record."""
    sides = [_kinds(column, uri) for column in (one, other)]
    known = (sides[0] != NULL) & (sides[1] != NULL)
    differ = known & (sides[0] != sides[1])
    faults: Faults = one.faults | other.faults
    for i in map(int, np.flatnonzero(differ)):
        what = " and ".join(
            f"{column.name!r} is {KIND_NAMES[kinds[i]]}"
            for column, kinds in zip((one, other), sides, strict=True)
        )
        faults.setdefault(i, (reason, f"{what}, and they are compared with each other"))
    values = pa.nulls(len(known), pa.bool_())
    for kind, how in ((NUMBER, as_number), (STRING, as_text), (BOOLEAN, as_boolean)):
        here = known & ~differ & (sides[0] == kind)
        if not here.any():
            continue
        rows = pa.array(np.flatnonzero(here))
        found = [how(column.take(rows), uri, reason)[0] for column in (one, other)]
        values = pc.replace_with_mask(values, pa.array(here), compare(found[0], found[1]).cast(pa.bool_()))
    return values, faults


def _kinds(column: Column, uri: str) -> npt.NDArray[np.int64]:
    """What a field is in each row, where a number is a NUMBER however it is written, and what is missing is NULL."""
    if column.kinds is not None:
        kinds = np.array(column.kinds, np.int64)
        kinds[kinds == INTEGER] = NUMBER
        kinds[kinds == NOTHING] = NULL
        return kinds
    kind = column.values.type
    value = kind.value_type if pa.types.is_dictionary(kind) else kind
    if pa.types.is_integer(value) or pa.types.is_floating(value) or pa.types.is_decimal(value):
        found = NUMBER
    elif pa.types.is_boolean(value):
        found = BOOLEAN
    elif _is_text(value) or pa.types.is_null(value):
        found = STRING
    else:
        raise DataError(
            f"{uri}: column {column.name!r} is of type {kind}, and where compares it with another"
            f"{instead(kind, column.name)}"
        )
    valid = column.values.is_valid().to_numpy(zero_copy_only=False)
    return np.where(valid, found, NULL).astype(np.int64)


def struct_paths(schema: pa.Schema) -> list[Path]:
    """Every path of a schema, for near misses."""
    found: list[Path] = []
    todo: list[tuple[Path, Any]] = [((one.name,), one.type) for one in schema]
    while todo and len(found) < 10_000:
        path, kind = todo.pop(0)
        found.append(path)
        if pa.types.is_list(kind) or pa.types.is_large_list(kind):
            kind = kind.value_type
        if pa.types.is_struct(kind):
            todo += [(path + (kind.field(k).name,), kind.field(k).type) for k in range(kind.num_fields)]
    return found


def mask_of(rows: Faults, size: int) -> npt.NDArray[np.bool_]:
    """True where a row has a fault."""
    mask = np.zeros(size, np.bool_)
    mask[list(rows)] = True
    return mask
