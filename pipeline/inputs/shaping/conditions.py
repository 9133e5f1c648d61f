"""Conditions on the fields of a record, as values: what `where` says (`where.py`)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from pairloom.pipeline.inputs.shaping.paths import Path

__all__ = [
    "All",
    "AnyOf",
    "Beside",
    "Calculated",
    "Compare",
    "Condition",
    "Field",
    "IsNull",
    "Literal",
    "Matches",
    "Member",
    "Not",
    "Operand",
    "True_",
    "compared_fields",
    "fields_in",
]

Literal: TypeAlias = float | str | bool


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a record, or the number of characters of its text."""

    path: Path
    length: bool = False


@dataclass(frozen=True, slots=True)
class Compare:
    """A field beside a literal; `op` is one of == != < <= > >=."""

    field: Field
    op: str
    literal: Literal


@dataclass(frozen=True, slots=True)
class Calculated:
    """A number from two; `op` is one of + - * /."""

    op: str
    one: "Operand"
    other: "Operand"


Operand: TypeAlias = Field | Calculated | float


@dataclass(frozen=True, slots=True)
class Beside:
    """Two fields beside each other, or what is calculated from some; `op` is one of == != < <= > >=."""

    one: Operand
    op: str
    other: Operand


@dataclass(frozen=True, slots=True)
class Member:
    """Whether a field is one of some literals, all of one kind."""

    field: Field
    literals: tuple[Literal, ...]


@dataclass(frozen=True, slots=True)
class IsNull:
    """Whether a field is null or missing."""

    field: Field


@dataclass(frozen=True, slots=True)
class Matches:
    """Whether a regular expression (RE2) is found anywhere in a text."""

    field: Field
    pattern: str


@dataclass(frozen=True, slots=True)
class True_:  # noqa: N801
    """Whether a field is true."""

    field: Field


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite."""

    of: "Condition"


@dataclass(frozen=True, slots=True)
class All:
    """Both."""

    one: "Condition"
    other: "Condition"


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Either."""

    one: "Condition"
    other: "Condition"


Condition: TypeAlias = Compare | Beside | Member | IsNull | Matches | True_ | Not | All | AnyOf


def fields_in(condition: Condition) -> Iterator[Path]:
    """The paths that a condition looks at, as often as it does."""
    if isinstance(condition, Not):
        yield from fields_in(condition.of)
    elif isinstance(condition, All | AnyOf):
        yield from fields_in(condition.one)
        yield from fields_in(condition.other)
    elif isinstance(condition, Beside):
        yield from _paths(condition.one)
        yield from _paths(condition.other)
    else:
        yield condition.field.path


def compared_fields(condition: Condition) -> Iterator[Path]:
    """The fields that others are compared with."""
    if isinstance(condition, Not):
        yield from compared_fields(condition.of)
    elif isinstance(condition, All | AnyOf):
        yield from compared_fields(condition.one)
        yield from compared_fields(condition.other)
    elif isinstance(condition, Beside):
        yield from _paths(condition.other)


def _paths(operand: Operand) -> Iterator[Path]:
    if isinstance(operand, Field):
        yield operand.path
    elif isinstance(operand, Calculated):
        yield from _paths(operand.one)
        yield from _paths(operand.other)
