"""Lists of numbers in a column of records: checked, and in one type whatever the file had."""

import json
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pairloom.operators.errors import DataError

__all__ = ["Faults", "lists_of", "nested_lists_of"]

Faults: TypeAlias = dict[int, tuple[str, str]]
"""Reason and detail of each row that cannot be used."""

_SHOWN = 40


def lists_of(
    column: pa.Array, dtype: np.dtype[Any], name: str, *, truth: bool = False
) -> tuple[pa.LargeListArray, Faults]:
    """A column as lists of `dtype`, and the rows that are none such; these are empty lists.

    Lists are those of Arrow, or JSON texts of such. With `truth`, true and false are 1 and 0. Raises DataError for a column of
    another type. `name` is that of the field.

    >>> lists, faults = lists_of(pa.array([[7, 8], [-1], None]), np.dtype(np.uint32), "ids")
    >>> lists.to_pylist()
    [[7, 8], [], []]
    >>> faults[1], faults[2]
    (('negative', "field 'ids': value 0 is -1"), ('null_tokens', "field 'ids' is null or missing"))
    """
    faults: Faults = {}
    column = _arrow(column, name, pa.float64() if dtype.kind == "f" else pa.int64(), 1, faults, truth)
    lengths, values = _flat(column, name, faults)
    checked = _numbers(values, lengths, dtype, name, faults, truth)
    if faults:
        keep = np.ones(len(lengths), np.bool_)
        keep[list(faults)] = False
        checked = checked[np.repeat(keep, lengths)]
        lengths = np.where(keep, lengths, 0)
    offsets = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    return pa.LargeListArray.from_arrays(pa.array(offsets), pa.array(checked)), faults


def nested_lists_of(
    column: pa.Array, dtype: np.dtype[Any], name: str
) -> tuple[npt.NDArray[np.int64], pa.LargeListArray, Faults]:
    """A column of lists of lists: how many lists each row has, and all of them one after another.

    >>> counts, lists, faults = nested_lists_of(pa.array([[[1, 2], [3, 4]], []]), np.dtype(np.uint32), "codes")
    >>> counts.tolist(), lists.to_pylist(), faults
    ([2, 0], [[1, 2], [3, 4]], {})
    """
    faults: Faults = {}
    column = _arrow(column, name, pa.float64() if dtype.kind == "f" else pa.int64(), 2, faults, False)
    counts, inner = _flat(column, name, faults)
    if inner.null_count and pa.types.is_null(inner.type):
        inner = inner.cast(pa.large_list(pa.int64()))
    lists, wrong = lists_of(inner, dtype, name)
    owner = np.repeat(np.arange(len(counts)), counts)
    for place, fault in wrong.items():
        faults.setdefault(int(owner[place]), fault)
    return counts, lists, faults


def _arrow(
    column: pa.Array, name: str, number: pa.DataType, depth: int, faults: Faults, truth: bool
) -> pa.Array:
    """The column as large lists of Arrow; JSON is read."""
    kind = column.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return _parsed(column, name, number, depth, faults, truth)
    if pa.types.is_null(kind):
        return column.cast(pa.large_list(number))
    if pa.types.is_fixed_size_list(kind) or pa.types.is_list(kind):
        return column.cast(pa.large_list(kind.value_type))
    if pa.types.is_large_list(kind):
        return column
    raise DataError(
        f"column {name!r} is of type {kind}; it must hold lists of numbers{' of each codebook' * (depth > 1)}"
    )


def _parsed(
    column: pa.Array, name: str, number: pa.DataType, depth: int, faults: Faults, truth: bool
) -> pa.Array:
    """JSON texts as lists of `depth`; a text that is no such list is a fault."""
    kind = number
    for _ in range(depth):
        kind = pa.large_list(kind)
    rows: list[Any] = []
    whole = pa.types.is_integer(number)
    for i, text in enumerate(column.to_pylist()):
        try:
            row: Any = None if text is None else json.loads(text, parse_float=_whole if whole else float)
            if truth and isinstance(row, list) and all(isinstance(one, bool) for one in row):
                row = [int(one) for one in row]
            rows.append(row)
        except (ValueError, RecursionError):
            rows.append(None)
            faults[i] = (
                "not_a_list",
                f"field {name!r} is {text[:_SHOWN]!r}, and a list of numbers is wanted",
            )
    try:
        return pa.array(rows, kind)
    except (pa.ArrowException, OverflowError, ValueError, TypeError):
        pass
    what = "whole numbers" if whole else "numbers"
    for i, row in enumerate(rows):
        try:
            pa.array([row], kind)
        except (pa.ArrowException, OverflowError, ValueError, TypeError):
            said = column[i].as_py()[:_SHOWN]
            faults[i] = ("not_a_list", f"field {name!r} is {said!r}, and a list of {what} is wanted")
            rows[i] = None
    return pa.array(rows, kind)


def _whole(text: str) -> object:
    """A whole number; any other stays text, which is none to Arrow, where a number would be cut off."""
    number = float(text)
    return int(number) if number.is_integer() else text


def _flat(column: pa.Array, name: str, faults: Faults) -> tuple[npt.NDArray[np.int64], pa.Array]:
    """The length of each list, and the values of all; a null has none, and is a fault."""
    if column.null_count:
        for i in np.flatnonzero(column.is_null().to_numpy(zero_copy_only=False)):
            faults.setdefault(int(i), ("null_tokens", f"field {name!r} is null or missing"))
    lengths = pc.list_value_length(column).fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)
    return lengths, column.flatten()


def _numbers(
    values: pa.Array,
    lengths: npt.NDArray[np.int64],
    dtype: np.dtype[Any],
    name: str,
    faults: Faults,
    truth: bool,
) -> npt.NDArray[Any]:
    """The values in their type; those of a list that has others are a fault, and nothing is promised of them."""
    kind = values.type
    if truth and pa.types.is_boolean(kind):
        values = values.cast(pa.uint8())
    elif not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_null(kind)):
        raise DataError(f"column {name!r} holds lists of {kind}; it must hold lists of numbers")
    if pa.types.is_null(kind):
        values = values.cast(pa.uint8())
    if values.null_count:
        nulls = values.is_null().to_numpy(zero_copy_only=False)
        _blame(
            np.flatnonzero(nulls),
            lengths,
            faults,
            "null_value",
            lambda at, _: f"field {name!r}: value {at} is null",
        )
        values = values.fill_null(0)
    found = values.to_numpy(zero_copy_only=False)
    if dtype.kind == "f":
        with np.errstate(over="ignore"):
            out = found.astype(dtype)
        if not np.isfinite(out).all():
            _tell(np.flatnonzero(~np.isfinite(out)), found, lengths, faults, "not_finite", name)
        return out
    return _integers(found, lengths, dtype, name, faults)


def _integers(
    found: npt.NDArray[Any], lengths: npt.NDArray[np.int64], dtype: np.dtype[Any], name: str, faults: Faults
) -> npt.NDArray[Any]:
    """Whole numbers that the type holds; nothing is rounded."""
    limits = np.iinfo(dtype)
    if not len(found) or found.dtype == dtype:
        return found.astype(dtype, copy=False)
    if found.dtype.kind == "f":
        with np.errstate(invalid="ignore"):
            part = ~np.isfinite(found) | (found != np.floor(found))
        _tell(np.flatnonzero(part), found, lengths, faults, "not_an_integer", name)
        found = np.where(part, 0, found)
    signed = found.dtype.kind != "u"
    if signed and found.min() < limits.min:
        reason = "negative" if limits.min == 0 else "too_small"
        _tell(np.flatnonzero(found < limits.min), found, lengths, faults, reason, name)
    most = limits.max if found.dtype.kind == "f" else np.iinfo(found.dtype).max
    if (found.dtype.kind == "f" or most > limits.max) and found.max() > limits.max:
        _tell(np.flatnonzero(found > limits.max), found, lengths, faults, "too_large", name)
    if signed and found.dtype.kind == "i" and found.dtype.itemsize == dtype.itemsize:
        return found.view(dtype)  # none of a list without fault is negative
    with np.errstate(invalid="ignore"):
        return found.astype(dtype)


def _tell(
    places: npt.NDArray[np.int64],
    found: npt.NDArray[Any],
    lengths: npt.NDArray[np.int64],
    faults: Faults,
    reason: str,
    name: str,
) -> None:
    _blame(places, lengths, faults, reason, lambda at, place: f"field {name!r}: value {at} is {found[place]}")


def _blame(
    places: npt.NDArray[np.int64],
    lengths: npt.NDArray[np.int64],
    faults: Faults,
    reason: str,
    say: Callable[[int, int], str],
) -> None:
    """A fault for each list that one of the places is in, if it has none: `say` is told the first, in its list and in all."""
    ends = np.cumsum(lengths)
    owner, first = np.unique(np.searchsorted(ends, places, side="right"), return_index=True)
    for row, place in zip(owner.tolist(), places[first].tolist(), strict=True):
        faults.setdefault(row, (reason, say(place - int(ends[row] - lengths[row]), place)))
