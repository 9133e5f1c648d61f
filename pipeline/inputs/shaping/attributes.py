"""The values of a column that a recipe asks for: of one type, whatever the format and whatever a file has there."""

import re
from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pairloom.operators.attributes import Attribute
from pairloom.pipeline.inputs.shaping.columns import (
    Column,
    Faults,
    as_boolean,
    as_number,
    as_text,
    as_written,
    mask_of,
)
from pairloom.pipeline.inputs.shaping.kinds import INTEGER, NUMBER, STRING

__all__ = ["COLUMN_TYPE", "attribute_values"]

COLUMN_TYPE = "column_type"
"""The reason for which a record is rejected that has something else in a column than the recipe says."""

_WHOLE = re.compile(r"[+-]?\d+(?:\.0*)?")


def attribute_values(attribute: Attribute, column: Column, uri: str) -> tuple[pa.Array, Faults]:
    """The values of a field, null where there is none, and the rows that have something else.

    A text that is a number is one, in every format alike, since some have only texts. Raises DataError for a column of a file
    whose type can be no such values.
    """
    if attribute.listed:
        texts, faults = as_text(column, uri, COLUMN_TYPE)
        values = texts.cast(attribute.arrow)
    elif attribute.type == "hash":
        texts, faults = as_text(column, uri, COLUMN_TYPE)
        values = pc.if_else(texts.is_valid(), _hashes(texts.fill_null("")), pa.scalar(None, pa.int64()))
    elif attribute.type == "bool":
        values, faults = as_boolean(column, uri, COLUMN_TYPE, wanted=f"the column {attribute.name} is bool")
    elif attribute.null is None:
        values, faults = _floats(attribute, column, uri)
    else:
        values, faults = _integers(attribute, column, uri)
    if faults:
        bad = pa.array(mask_of(faults, len(values)))
        values = pc.if_else(bad, pa.scalar(None, values.type), values)
    return values, {i: (COLUMN_TYPE, detail) for i, (_, detail) in faults.items()}


def _hashes(texts: pa.Array) -> pa.Array:
    """63 bits of a hash of each text."""
    from pairloom.operators.kernels.hashing import (  # kernels, which a plan does not load
        hash_bytes,
        hash_text,
    )
    from pairloom.operators.text.arrays import text_of

    seed = hash_bytes(b"pairloom: the hash of a column")
    return pa.array((hash_text(text_of(texts), seed) >> np.uint64(1)).astype(np.int64))


def _floats(attribute: Attribute, column: Column, uri: str) -> tuple[pa.Array, Faults]:
    wide, faults = as_number(
        column, uri, COLUMN_TYPE, wanted=f"the column {attribute.name} is {attribute.type}"
    )
    values = wide.cast(attribute.arrow, safe=False)
    values = pc.if_else(
        pc.is_nan(values), pa.scalar(None, attribute.arrow), values
    )  # which stands for none in rows
    over = pc.and_(pc.is_inf(values), pc.invert(pc.is_inf(wide)))
    return values, _faults(over, attribute, column, lambda i: wide[i].as_py()) | faults


def _integers(attribute: Attribute, column: Column, uri: str) -> tuple[pa.Array, Faults]:
    """Whole numbers of the type, but for the one that stands for none."""
    kind, faults = column.values.type, dict(column.faults)
    if pa.types.is_null(kind):
        return column.values.cast(attribute.arrow), faults
    if pa.types.is_floating(kind):
        return _within(attribute, column, *_whole(column.values, attribute, column), faults)
    if not pa.types.is_integer(kind):
        texts, faults = as_written(
            column,
            uri,
            COLUMN_TYPE,
            (STRING, INTEGER, NUMBER),
            f"the column {attribute.name} is {attribute.type}",
        )
        wide, bad = _parsed(texts, attribute, column)
        return _within(attribute, column, wide, bad, faults)
    return _within(attribute, column, column.values, {}, faults)


def _whole(values: pa.Array, attribute: Attribute, column: Column) -> tuple[pa.Array, Faults]:
    """Floats that are whole numbers, as such; what is no number is none."""
    wide = values.cast(pa.float64())
    there = pc.fill_null(pc.invert(pc.is_nan(wide)), False)
    wrong = pc.and_(
        there, pc.or_(pc.not_equal(pc.floor(wide), wide), pc.greater_equal(pc.abs(wide), 2.0**63))
    )
    usable = pc.and_(there, pc.invert(pc.fill_null(wrong, False)))
    kept = pc.if_else(usable, wide, pa.scalar(None, pa.float64()))
    return kept.cast(pa.int64(), safe=False), _faults(wrong, attribute, column, lambda i: values[i].as_py())


def _parsed(texts: pa.Array, attribute: Attribute, column: Column) -> tuple[pa.Array, Faults]:
    """Texts that are whole numbers, as such."""
    wide = pa.uint64() if attribute.type == "uint64" else pa.int64()
    try:
        return texts.cast(wide), {}
    except pa.ArrowInvalid:
        pass
    limits, out, faults = np.iinfo(attribute.type), [], Faults()
    for i, text in enumerate(texts.to_pylist()):
        value = None
        if text is not None and _WHOLE.fullmatch(text):
            value = int(text.partition(".")[0])
        if text is not None and (value is None or not limits.min <= value <= limits.max):
            faults[i] = _fault(attribute, column, text)
            value = None
        out.append(value)
    return pa.array(out, wide), faults


def _within(
    attribute: Attribute, column: Column, values: pa.Array, bad: Faults, faults: Faults
) -> tuple[pa.Array, Faults]:
    """Whole numbers that the type has room for."""
    limits, there = np.iinfo(attribute.type), np.iinfo(values.type.to_pandas_dtype())
    least, most = (
        pa.scalar(int(n), values.type) for n in (max(limits.min, there.min), min(limits.max, there.max))
    )
    outside = pc.or_(pc.less(values, least), pc.greater(values, most))
    assert attribute.null is not None
    if there.min <= attribute.null <= there.max:
        outside = pc.or_(outside, pc.equal(values, pa.scalar(attribute.null, values.type)))
    found = _faults(outside, attribute, column, lambda i: values[i].as_py())
    return values.cast(attribute.arrow, safe=False), found | bad | faults


def _faults(wrong: pa.Array, attribute: Attribute, column: Column, value: Callable[[int], object]) -> Faults:
    rows = np.flatnonzero(pc.fill_null(wrong, False).to_numpy(zero_copy_only=False))
    return {i: _fault(attribute, column, value(i)) for i in map(int, rows)}


def _fault(attribute: Attribute, column: Column, value: object) -> tuple[str, str]:
    room = ""
    if attribute.null is not None:
        limits = np.iinfo(attribute.type)
        room = f" from {limits.min + (attribute.null == limits.min)} to {limits.max - (attribute.null == limits.max)}"
    shown = repr(value[:40]) if isinstance(value, str) else str(value)
    return (
        COLUMN_TYPE,
        f"field {column.name!r} is {shown}, and the column {attribute.name} is {attribute.type}{room}",
    )
