"""Steps as recipes write them: a name, or a name with its keys.

    steps: [{min_bytes: {bytes: 200}}, {python: {call: "my_package.clean:keep", version: "3"}}]

A step is the class that a registry has for the name; its fields are the keys, and their types say what is right.
"""

import dataclasses
import difflib
from collections.abc import Mapping
from importlib import import_module
from typing import Annotated, Any, get_type_hints

from pydantic import PlainSerializer, PlainValidator, TypeAdapter, ValidationError, WithJsonSchema

from pairloom.operators.documents import DocumentStep
from pairloom.operators.errors import RecipeError
from pairloom.operators.registry import Registry

__all__ = [
    "REGISTRY",
    "DocumentStepKey",
    "MisplacedError",
    "named_key",
    "read_step",
    "step_key",
    "write_named",
    "write_step",
]


REGISTRY = "registry"
"""In the schema of a step: where its registry is, "module:NAME"."""


class MisplacedError(ValueError):
    """A mistake within a value: `where` leads from the value to the key that it is about."""

    def __init__(self, message: str, *where: str) -> None:
        super().__init__(message)
        self.where = where


def read_step(registry: Registry[Any], value: object) -> Any:
    """The step that a recipe writes as `name` or `{name: {key: value, ...}}`; raises ValueError, which names the key."""
    if not isinstance(value, str | Mapping | type) and getattr(value, "name", None) in registry.names():
        return value
    if isinstance(value, str):
        value = {value: None}
    if not isinstance(value, Mapping) or len(value) != 1:
        names = ", ".join(registry.names())
        raise ValueError(
            f"a {registry.kind} is written {{name: {{key: value}}}}, not {value!r} (there are: {names})"
        )
    ((name, given),) = value.items()
    try:
        step = registry.get(str(name))
    except RecipeError as error:
        raise MisplacedError(str(error), str(name)) from error
    if not isinstance(given, Mapping | None):
        raise MisplacedError(f"the keys of {name} are a mapping, not {given!r}", name)
    return _made(step, name, dict(given or {}))


def _made(step: type[Any], name: str, given: dict[str, Any]) -> Any:
    """The step with these keys."""
    keys = {one.name: one for one in dataclasses.fields(step)} if dataclasses.is_dataclass(step) else {}
    for key in given:
        if key not in keys:
            near = difflib.get_close_matches(str(key), keys, n=1, cutoff=0.0)
            hint = (
                f"; did you mean {near[0]!r}? (keys here: {', '.join(keys)})"
                if near
                else f": {name} has none"
            )
            raise MisplacedError(f"unknown key {key!r}{hint}", name, str(key))
    for key, one in keys.items():
        if key not in given and one.default is one.default_factory is dataclasses.MISSING:
            raise MisplacedError(f"{name} needs the key {key!r}", name)
    hints = get_type_hints(step)
    values = {}
    for key, value in given.items():
        try:
            # A list of texts may be one text, as with `paths`.
            one_text = isinstance(value, str) and hints[key] == tuple[str, ...]
            values[key] = TypeAdapter(hints[key]).validate_python((value,) if one_text else value)
        except ValidationError as error:
            # Of a key that may be several things, what is nearest to being right.
            nearest = max(error.errors(), key=lambda problem: len(problem["loc"]))
            inside = f"{nearest['loc'][-1]}: " if len(nearest["loc"]) > 1 else ""
            message = nearest["msg"]
            if nearest["type"] in ("tuple_type", "list_type"):
                message = f"{nearest['input']!r} is no list; write [one, another]"
            raise MisplacedError(inside + message, name, key) from error
    try:
        return step(**values)
    except ValueError as error:
        about = [key for key in given if str(error).startswith(f"{key} ")]
        raise MisplacedError(str(error), name, *about[:1]) from error


def write_step(step: Any) -> dict[str, Any]:
    """A step as a recipe writes it, with every key."""
    names = [one.name for one in dataclasses.fields(step)] if dataclasses.is_dataclass(step) else []
    keys = {name: getattr(step, name) for name in names}
    return {step.name: TypeAdapter(dict[str, Any]).dump_python(keys, mode="json")}


def step_key(registry: str) -> tuple[PlainValidator, PlainSerializer, WithJsonSchema]:
    """What reads and writes a step in a recipe; its registry, "module:NAME", is imported when there is a step."""
    module, _, name = registry.partition(":")

    def read(value: object) -> Any:
        return read_step(getattr(import_module(module), name), value)

    schema = {"type": "object", "minProperties": 1, "maxProperties": 1, REGISTRY: registry}
    return PlainValidator(read), PlainSerializer(write_step), WithJsonSchema(schema)


def write_named(value: Any) -> str | dict[str, Any]:
    """What a recipe may write by its name alone: its name, and its keys if it has any."""
    written = write_step(value)
    return written if written[value.name] else str(value.name)


def named_key(registry: str) -> tuple[PlainValidator, PlainSerializer, WithJsonSchema]:
    """What reads and writes a thing that is written by its name, or by its name and its keys."""
    read, _, schema = step_key(registry)
    return read, PlainSerializer(write_named), schema


DocumentStepKey = Annotated[DocumentStep, *step_key("pairloom.operators.documents:DOCUMENT_STEPS")]
"""A document step in a recipe."""
