"""What every part of a recipe is, and how what people write becomes what is meant."""

import types
from collections.abc import Mapping
from typing import Any, ClassVar, Union, get_args, get_origin

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    PlainValidator,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic.fields import FieldInfo

from pairloom.pipeline.recipe.amounts import whole_number

__all__ = ["Section", "section_of"]

MOST = 1 << 63  # whole numbers have 64 bits wherever they go


class Section(BaseModel):
    """A part of a recipe: frozen, and an unknown key is an error.

    One thing where a list is meant is the list of it; a text where a section is meant is its `main` key, if it has one; whole
    numbers may have units (32k); true and false are no numbers, and nothing else is true or false; no number is infinite.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, allow_inf_nan=False)
    main: ClassVar[str | None] = None

    @model_validator(mode="before")
    @classmethod
    def _of_its_main_key(cls, value: object) -> object:
        return {cls.main: value} if isinstance(value, str) and cls.main is not None else value

    @field_validator("*", mode="before")
    @classmethod
    def _as_meant(cls, value: object, info: ValidationInfo) -> object:
        return _meant(cls.model_fields[str(info.field_name)], value)


def section_of(annotation: Any) -> type[Section] | None:
    """The section that a key holds, if it holds one, be it as one of several things."""
    for kind in _kinds(annotation):
        if isinstance(kind, type) and issubclass(kind, Section):
            return kind
        if get_origin(kind) is tuple and (found := section_of(get_args(kind)[0])) is not None:
            return found
    return None


def _kinds(annotation: Any) -> tuple[Any, ...]:
    """What a value may be: the members of a union, or the one type."""
    union = get_origin(annotation) in (Union, types.UnionType)
    return get_args(annotation) if union else (annotation,)


def _meant(field: FieldInfo, value: object) -> object:
    kinds = _kinds(field.annotation)
    own = any(isinstance(one, BeforeValidator) for one in field.metadata)
    if bool in kinds:
        if not isinstance(value, bool):
            raise ValueError(f"{value!r} is neither true nor false; write true or false")
    elif isinstance(value, bool) and (int in kinds or float in kinds) and not own:
        raise ValueError(f"{str(value).lower()} is no number; write a number")
    if int in kinds and not own:
        value = whole_number(value)
    if isinstance(value, int) and abs(value) >= MOST and not own:
        raise ValueError(f"{value} is too large for any recipe; write a number below 2^63")
    if any(_one_of_many(kind, value) for kind in kinds):
        return (value,)
    if value is None and type(None) not in kinds and (section := section_of(field.annotation)) is not None:
        keys = ", ".join(one.alias or name for name, one in section.model_fields.items())
        raise ValueError(f"nothing is in it; write its keys below it, indented, or remove it (keys: {keys})")
    return value


def _one_of_many(kind: Any, value: object) -> bool:
    """Whether a value is what a tuple of any number holds: a text, a section, or a step with its name."""
    if get_origin(kind) is not tuple or get_args(kind)[1:] != (Ellipsis,):
        return False
    inner = get_args(kind)[0]
    plain = inner.__origin__ if hasattr(inner, "__metadata__") else inner
    if plain is not inner and any(isinstance(one, PlainValidator) for one in inner.__metadata__):
        return isinstance(value, str | Mapping)
    if isinstance(plain, type) and issubclass(plain, Section):
        return isinstance(value, Mapping) or (isinstance(value, str) and plain.main is not None)
    return plain is str and isinstance(value, str)
