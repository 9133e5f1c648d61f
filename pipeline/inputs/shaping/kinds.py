"""What a field of a JSON record may be, as the compiled reader and the one by the standard library say it."""

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
