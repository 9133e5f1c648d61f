"""What is wrong with a recipe, in words: where it stands, which key it is, and what to write."""

import difflib
from collections.abc import Mapping
from typing import Any, TypeAlias

import yaml
from pydantic import BaseModel, ValidationError

from pairloom.pipeline.recipe.section import section_of
from pairloom.pipeline.recipe.steps import MisplacedError
from pairloom.pipeline.recipe.whole import Recipe

__all__ = ["Location", "empty_sections", "explain"]

Location: TypeAlias = tuple[int | str, ...]


def explain(
    error: ValidationError, name: str, node: yaml.Node | None, settings: Mapping[Location, str]
) -> str:
    """A line for each mistake: the file's line, or the `--set` that is to blame, then the key and what to write.

    `settings` are by their places what `--set` has put there.
    """
    lines = []
    problems = error.errors()
    for problem in problems:
        wrong = problem.get("ctx", {}).get("error")
        location = (*problem["loc"], *(wrong.where if isinstance(wrong, MisplacedError) else ()))
        if problem["type"] == "too_short" and any(
            p["loc"][:-1] and p["loc"][0] == location[0] for p in problems
        ):
            continue  # pydantic counts only the valid items of a list
        where = ".".join(str(part) for part in location) or "the recipe"
        lines.append(f"{_blamed(location, name, node, settings)}: {where}: {_message(problem, location)}")
    return "\n".join(lines)


def empty_sections(node: yaml.Node, model: type[BaseModel] = Recipe) -> list[str]:
    """A line for each key of a section after which nothing is written: that is neither its default nor nothing."""
    found = []
    if isinstance(node, yaml.SequenceNode):
        return [line for one in node.value for line in empty_sections(one, model)]
    if not isinstance(node, yaml.MappingNode):
        return []
    for key, value in node.value:
        field = next((f for n, f in model.model_fields.items() if key.value in (n, f.alias)), None)
        if field is None:
            continue
        section = section_of(field.annotation)
        if isinstance(value, yaml.ScalarNode) and value.value == "" and value.style is None:
            what = "its keys below it, indented" if section is not None else "a value"
            line = key.start_mark.line + 1
            found.append(
                f"line {line}: {key.value}: nothing is written after it: write {what}, or remove the key"
            )
        elif section is not None:
            found += empty_sections(value, section)
    return found


def _blamed(location: Location, name: str, node: yaml.Node | None, settings: Mapping[Location, str]) -> str:
    """The setting that put the mistake there, or else the line of the file, with the settings that had a part in it."""
    within = [text for place, text in settings.items() if location[: len(place)] == place]
    if within:
        return f"--set {within[-1]}"
    line, depth = _line(node, location)
    parts = [text for place, text in settings.items() if place[: len(location)] == location]
    if parts and depth < len(location):
        return f"--set {parts[-1]}"
    with_settings = f" with {', '.join(f'--set {text}' for text in parts)}" if parts else ""
    return f"{name}{f', line {line}' if line else ''}{with_settings}"


def _message(problem: Any, location: Location) -> str:
    """What to write instead."""
    kind, given = problem["type"], _value_at(problem["input"], location[len(problem["loc"]) :])
    message: str = problem["msg"].removeprefix("Value error, ")
    shown = given if isinstance(given, str) else str(given).lower() if isinstance(given, bool) else given
    shown = repr(shown) if len(repr(shown)) <= 60 else f"{repr(shown)[:60]}…"
    model = _model_at(location)
    if kind == "extra_forbidden":
        return f"unknown key {location[-1]!r}{_nearest(str(location[-1]), location[:-1])}"
    if kind == "missing":
        return "is not there; write it"
    if kind == "string_type":
        quoted = f"; if that is the text, write it in quotes: {str(given)!r}" if _scalar(given) else ""
        return f"{shown} is no text{quoted}"
    if kind in ("int_type", "int_parsing", "int_from_float", "int_parsing_size"):
        return f"{shown} is no whole number; write for example 512 or 32k"
    if kind in ("float_type", "float_parsing", "finite_number"):
        return f"{shown} is no finite number; write for example 0.01"
    if kind in ("tuple_type", "list_type"):
        return f"{shown} is no list; write [one, another]"
    if kind in ("model_type", "model_attributes_type", "dict_type"):
        keys = f" (keys: {', '.join(_keys(model))})" if model is not None else ""
        return f"{shown} is no section; write its keys with their values below it, as {{key: value}}{keys}"
    if kind == "string_pattern_mismatch":
        return f"{shown} has other characters than letters, digits, '.', '_' and '-'; write a name of these"
    if message.startswith("Input should be"):
        return f"{shown} cannot be; it {message.removeprefix('Input ')}"
    return message


def _value_at(given: Any, location: Location) -> Any:
    """What is written at a place within a value, as far as it leads."""
    for part in location:
        if not isinstance(given, Mapping) or part not in given:
            break
        given = given[part]
    return given


def _scalar(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _keys(model: type[BaseModel]) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items()]


def _model_at(location: Location) -> type[BaseModel] | None:
    """The section that a location leads to."""
    model: type[BaseModel] = Recipe
    for part in location:
        if isinstance(part, int):
            continue
        found = next((f for n, f in model.model_fields.items() if part in (n, f.alias)), None)
        nested = section_of(found.annotation) if found is not None else None
        if nested is None:
            return None
        model = nested
    return model


def _nearest(key: str, parents: Location) -> str:
    model = _model_at(parents)
    if model is None:
        return ""
    keys = _keys(model)
    close = difflib.get_close_matches(key, keys, n=1, cutoff=0.0)
    return f"; did you mean {close[0]!r}? (keys here: {', '.join(keys)})"


def _line(node: yaml.Node | None, location: Location) -> tuple[int | None, int]:
    """The line of the deepest node that a location leads to, and how much of the location that is."""
    line, depth = None, 0
    for part in location:
        if isinstance(node, yaml.MappingNode) and part == 0:
            pass  # one thing where a list is meant
        elif isinstance(node, yaml.MappingNode):
            pair = next(((k, v) for k, v in node.value if k.value == str(part)), None)
            if pair is None:
                break
            line, node = pair[0].start_mark.line + 1, pair[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line + 1
        else:
            break
        depth += 1
    return line, depth
