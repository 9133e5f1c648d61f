"""Fields of JSON records by their paths: read from one line by the standard library, and made columns for shaping."""

import json
import re
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators.documents import DeadLetter
from pairloom.pipeline.inputs.readers._json_line import Refused, object_of
from pairloom.pipeline.inputs.shaping.columns import Column, Faults
from pairloom.pipeline.inputs.shaping.kinds import (
    ARRAY,
    BLOCKED,
    BOOLEAN,
    INTEGER,
    NOTHING,
    NULL,
    NUMBER,
    OBJECT,
    STEPS,
    STRING,
)
from pairloom.pipeline.inputs.shaping.paths import Path, written
from pairloom.pipeline.inputs.shaping.records import Records

__all__ = ["Explain", "Value", "json_columns", "paths_in", "paths_of", "records_of", "values_at", "values_in"]

Value: TypeAlias = tuple[int, str | None]
"""What a field is (`kinds.py`), and what it says or how it is written."""
Explain: TypeAlias = Callable[[bytes], list[Value] | Refused]
"""The fields of a line, or why there are none."""


class _Integer(str):
    """An integer as it is written."""

    __slots__ = ()


class _Number(str):
    """Any other number as it is written."""

    __slots__ = ()


_KINDS = {
    str: STRING, bool: BOOLEAN, int: INTEGER, float: NUMBER, type(None): NULL, list: ARRAY, dict: OBJECT
}  # fmt: skip
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_DECODER = json.JSONDecoder(parse_int=_Integer, parse_float=_Number, parse_constant=_Number)


def values_at(line: bytes, paths: Sequence[Path]) -> list[Value] | Refused:
    """The fields of a line that is not blank.

    >>> values_at(b'{"a": {"b": 7}, "c": ["x"]}', [("a", "b"), ("c",), ("d",)])
    [(2, '7'), (23, '["x"]'), (0, None)]
    """
    value = object_of(line, _DECODER)
    return value if isinstance(value, Refused) else values_in(value, paths)


def values_in(value: object, paths: Sequence[Path]) -> list[Value] | Refused:
    """The fields of an object of Python's own values.

    >>> values_in({"a": {"b": 7}, "c": ["x"]}, [("a", "b"), ("c",), ("d",)])
    [(2, '7'), (23, '["x"]'), (0, None)]
    """
    found = [_at(value, path) for path in paths]
    for path, (kind, said) in zip(paths, found, strict=True):
        if kind == STRING and said is not None:
            try:
                said.encode()
            except UnicodeEncodeError as error:
                detail = f"field {written(path)!r} has an unpaired surrogate at character {error.start}"
                return Refused("lone_surrogate", detail)
    return found


def _at(value: Any, path: Path) -> Value:
    for depth, name in enumerate(path):
        if value is None:
            return NULL, None
        if isinstance(value, list):
            return ARRAY + STEPS * depth, _text(value)
        if not isinstance(value, dict):
            return BLOCKED, None
        if name not in value:
            return NOTHING, None
        value = value[name]
    kind = _kind(value)
    if kind == NULL:
        return NULL, None
    return kind + (STEPS * len(path) if kind == ARRAY else 0), value if kind == STRING else _text(value)


def _kind(value: Any) -> int:
    if isinstance(value, _Integer):
        return INTEGER
    if isinstance(value, _Number):
        return NUMBER
    return _KINDS[type(value)]


def _text(value: Any) -> str:
    """A value as JSON, no longer than it was: numbers as they were written, no blanks, few escapes."""
    if isinstance(value, _Integer | _Number):
        return str(value)
    if isinstance(value, list):
        return f"[{','.join(map(_text, value))}]"
    if isinstance(value, dict):
        return "{" + ",".join(f"{_text(name)}:{_text(one)}" for name, one in value.items()) + "}"
    return _SURROGATE.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(value, ensure_ascii=False))


def json_columns(
    paths: Sequence[Path], values: Sequence[pa.Array], kinds: npt.NDArray[np.uint16], separator: str | None
) -> dict[Path, Column]:
    """The columns of some records, of which `kinds[k, i]` is what field `k` of record `i` is."""
    found = {}
    for path, column, kind in zip(paths, values, kinds, strict=True):
        texts, plain = column, kind % STEPS
        faults: Faults = {}
        for i in map(int, np.flatnonzero(plain == BLOCKED)):
            faults[i] = ("no_such_path", f"{written(path)!r} leads through a value that has no fields")
        lists = np.flatnonzero(plain == ARRAY) if separator is not None else ()
        if len(lists):
            said, plain = texts.to_pylist(), plain.copy()
            for i in map(int, lists):
                try:
                    said[i] = _joined(
                        json.loads(said[i], cls=_Decoder), path[kind[i] // STEPS :], str(separator)
                    )
                    plain[i] = STRING if said[i] is not None else NULL
                except ValueError as error:
                    said[i] = None
                    faults[i] = ("text_not_a_string", f"field {written(path)!r}: {error}")
            texts = pa.array(said, pa.large_string())
        found[path] = Column(path, texts, faults, plain)
    return found


class _Decoder(json.JSONDecoder):
    """Numbers as they are written."""

    def __init__(self, **_: Any) -> None:
        super().__init__(parse_int=_Integer, parse_float=_Number, parse_constant=_Number)


def _joined(value: Any, path: Path, separator: str) -> str | None:
    """The texts that a path leads to, joined where there are lists; None where one is null. Raises ValueError for others."""
    if isinstance(value, list):
        texts = [_joined(one, path, separator) for one in value]
        known = [one for one in texts if one is not None]
        return separator.join(known) if len(known) == len(texts) else None
    if value is None:
        return None
    if path:
        if not isinstance(value, dict):
            raise ValueError("an element of a list has no fields")
        return _joined(value.get(path[0]), path[1:], separator)
    if not isinstance(value, str) or isinstance(value, _Number):
        raise ValueError("an element of a list is neither a string nor an integer")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise ValueError(
            f"an element of a list has an unpaired surrogate at character {error.start}"
        ) from error
    return str(value)


def records_of(
    *,
    columns: dict[Path, Column],
    rows: npt.NDArray[np.int64],
    position: Callable[[int], int],
    line: Callable[[int], bytes],
    rejected: tuple[DeadLetter, ...],
    stored: int,
    left_out: int = 0,
    decided: bool = False,
) -> Records:
    """Records of lines, which are looked at again only where something is to be said of one."""
    return Records(
        columns=columns,
        rows=rows,
        place=lambda i: f"byte {position(i)}",
        excerpt=line,
        paths=lambda i: paths_in(line(i)),
        rejected=rejected,
        stored=stored,
        left_out=left_out,
        decided=decided,
    )


def paths_in(line: bytes) -> list[Path]:
    """Every path of a line."""
    return paths_of(object_of(line, _DECODER))


def paths_of(value: object) -> list[Path]:
    """Every path of an object."""
    todo: list[tuple[Path, Any]] = [((), value)]
    found: list[Path] = []
    while todo and len(found) < 10_000:
        path, one = todo.pop(0)
        if path:
            found.append(path)
        if isinstance(one, list):
            one = next((inner for inner in one if isinstance(inner, dict)), None)
        if isinstance(one, dict):
            todo += [((*path, name), inner) for name, inner in one.items()]
    return found
