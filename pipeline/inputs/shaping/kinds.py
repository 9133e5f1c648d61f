"""What a field of a JSON record may be, as the compiled reader and the one by the standard library say it."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = [
    "ARRAY",
    "BLOCKED",
    "BOOLEAN",
    "INTEGER",
    "KIND_NAMES",
    "NOTHING",
    "NULL",
    "NUMBER",
    "OBJECT",
    "STEPS",
    "STRING",
    "instead",
]

NOTHING, STRING, INTEGER, NULL, NUMBER, BOOLEAN, OBJECT, ARRAY, BLOCKED = 0, 1, 2, 3, 4, 5, 6, 7, 8
"""NOTHING is missing; BLOCKED: the path leads through a value that has no fields."""
STEPS = 16
"""A kind is one of these, plus so many times the number of names of the path that lead to the value."""
KIND_NAMES = (
    "missing",
    "a string",
    "an integer",
    "null",
    "a number",
    "true or false",
    "an object",
    "an array (list_separator says what stands between its texts)",
    "not there, since its path leads through a value that has no fields",
)


def instead(kind: "pa.DataType", name: str, *, text: bool = False) -> str:
    """What may be written in place of a column of a type that cannot be used, where a `text` is wanted or something else.

    >>> import pyarrow as pa
    >>> instead(pa.struct([("body", pa.string())]), "doc")
    "; name a field of it, as 'doc.body'"
    """
    import pyarrow as pa

    if pa.types.is_struct(kind) and kind.num_fields:
        return f"; name a field of it, as {f'{name}.{kind.field(0).name}'!r}"
    if text and (pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)):
        return "; list_separator says what stands between the texts of a list"
    return "; name another column, or read such files as a source of their own"
