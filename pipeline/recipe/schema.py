"""The recipe as a JSON schema, for editors: every key with its description, and every form that a value may be written in.

What pydantic gives describes what a recipe becomes; what people write may also be a text with a unit (`60M`), one thing for a
list of it, or a section's main key alone. Steps are named, each with its keys.
"""

import dataclasses
from importlib import import_module
from typing import Any, cast, get_args, get_origin

from pydantic import TypeAdapter
from pydantic.errors import PydanticInvalidForJsonSchema, PydanticSchemaGenerationError
from pydantic.fields import FieldInfo

from pairloom.operators.registry import Registry
from pairloom.pipeline.recipe.section import Section, section_of
from pairloom.pipeline.recipe.steps import REGISTRY, write_named
from pairloom.pipeline.recipe.whole import Recipe

__all__ = ["recipe_schema"]

Schema = dict[str, Any]

_NUMBER = {
    "type": "string",
    "pattern": r"^\s*[0-9]",
    "description": "a number, with or without a unit: 32k, 64MB, 1/3",
}


ALSO = "also"


def recipe_schema() -> Schema:
    """The schema, in draft 2020-12; imports every step that is installed.

    A recipe that it refuses is refused by `pairloom plan`; it does not know what belongs together, such as that a step's
    special tokens are in the vocabulary.

    >>> schema = recipe_schema()
    >>> schema["required"], "fim" in str(schema["$defs"]["Pack"]["properties"]["steps"])
    (['corpus'], True)
    """
    schema = Recipe.model_json_schema()
    definitions: Schema = schema["$defs"]
    for model in _sections(Recipe):
        part = schema if model is Recipe else definitions[model.__name__]
        for name, field in model.model_fields.items():
            key = field.alias or name
            part["properties"][key] = _as_written(key, field, part["properties"][key], definitions)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": "A recipe of Pairloom",
    }


def _sections(model: type[Section]) -> list[type[Section]]:
    """A section and those in it, each once."""
    found = [model]
    for section in found:
        for field in section.model_fields.values():
            inner = section_of(field.annotation)
            if inner is not None and inner not in found:
                found.append(inner)
    return found


def _as_written(key: str, field: FieldInfo, said: Schema, definitions: Schema) -> Schema:
    """The schema of a key, with every form in which people may write its value."""
    words = {name: said[name] for name in ("description", "default", "examples") if name in said}
    plain = {name: value for name, value in said.items() if name not in (*words, "title")}
    registry = plain.get("items", {}).get(REGISTRY) if plain.get("type") == "array" else None
    if registry is not None:
        return words | {"anyOf": _lists(_steps(registry, definitions), plain)}
    if REGISTRY in plain:
        default = {} if field.is_required() else {"default": write_named(field.default)}
        named = _steps(plain[REGISTRY], definitions)
        others = [{"const": word} for word in plain.get("enum", ())]
        return words | default | ({"anyOf": [named, *others]} if others else named)
    forms = [plain]
    if plain.get("type") == "array":
        inner = get_args(field.annotation)
        if inner[1:] == (Ellipsis,) and _is_one(inner[0]):
            item = plain["items"]
            if (section := section_of(inner[0])) is not None and section.main is not None:
                item = {"anyOf": [item, {"type": "string", "description": f"its {section.main} alone"}]}
            return words | {"anyOf": _lists(item, plain)}
    section = section_of(field.annotation)
    if section is not None and section.main is not None:
        forms.append({"type": "string", "description": f"its {section.main} alone"})
    if _takes_units(plain):
        forms.append(_NUMBER)
    extra = field.json_schema_extra
    if isinstance(extra, dict) and ALSO in extra:  # what a key takes in a form that its type does not tell
        forms = [{name: value for name, value in forms[0].items() if name != ALSO}, *forms[1:]]
        forms += cast("list[Schema]", extra[ALSO])
    if "weight" in key and "anyOf" not in plain:
        forms.append({"type": "number", "exclusiveMinimum": 0})
    return words | (forms[0] if len(forms) == 1 else {"anyOf": forms})


def _lists(item: Schema, array: Schema) -> list[Schema]:
    """A list of things, or one of them."""
    return [array | {"items": item}, item]


def _is_one(kind: Any) -> bool:
    """Whether a thing of this type may stand where a list of it is meant."""
    plain = kind.__origin__ if hasattr(kind, "__metadata__") else kind
    return plain is str or (
        get_origin(plain) is None and isinstance(plain, type) and issubclass(plain, Section)
    )


def _takes_units(said: Schema) -> bool:
    """Whether a value is a whole number, which may be written with a unit."""
    return said.get("type") == "integer" or any(_takes_units(one) for one in said.get("anyOf", ()))


def _steps(path: str, definitions: Schema) -> Schema:
    """What a step may be: a name, or a name with its keys."""
    module, _, name = path.partition(":")
    registry: Registry[Any] = getattr(import_module(module), name)
    named = {name: _keys(step, definitions) for name, step in registry.all().items()}
    one = {
        "type": "object",
        "properties": named,
        "additionalProperties": False,
        "minProperties": 1,
        "maxProperties": 1,
    }
    alone = [name for name, keys in named.items() if "anyOf" in keys]  # those that need no key
    return {"anyOf": [{"enum": alone}, one]} if alone else one


def _keys(step: type[Any], definitions: Schema) -> Schema:
    """The keys of a step, as far as their types can be told."""
    lines = (step.__doc__ or "").strip().splitlines()
    found: Schema = {"type": "object"}
    if dataclasses.is_dataclass(step):
        try:
            found = TypeAdapter(step).json_schema(ref_template="#/$defs/{model}")
        except (PydanticInvalidForJsonSchema, PydanticSchemaGenerationError):
            found |= {"properties": {field.name: {} for field in dataclasses.fields(step)}}
    definitions.update(found.pop("$defs", {}))
    for key, said in found.get("properties", {}).items():
        if _takes_units(said):
            found["properties"][key] = {"anyOf": [said, _NUMBER]}
    found |= {"description": lines[0] if lines else "", "additionalProperties": False}
    return found if found.get("required") else {"anyOf": [found, {"type": "null"}]}
