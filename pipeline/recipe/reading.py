"""Reading a recipe from YAML: every mistake is named with its line and, where a key is unknown, the nearest one."""

import copy
import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from pairloom.operators.errors import RecipeError
from pairloom.pipeline.recipe.amounts import AmountLoader
from pairloom.pipeline.recipe.steps import MisplacedError
from pairloom.pipeline.recipe.whole import Recipe

__all__ = ["check_recipe", "load_recipe", "parse_recipe"]


def load_recipe(path: str | Path, overrides: Sequence[str] = ()) -> Recipe:
    """Read a recipe from a local file; `overrides` are `key.path=value` in YAML, as `pack.seq_len=512`.

    Raises RecipeError, one message for everything that is wrong, with line numbers.
    """
    try:
        text = Path(path).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(f"cannot read the recipe {path}: {error}") from error
    return parse_recipe(text, name=str(path), overrides=overrides)


def parse_recipe(text: str, *, name: str = "recipe", overrides: Sequence[str] = ()) -> Recipe:
    """Read a recipe from YAML text; see `load_recipe`."""
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        data = yaml.load(text, Loader=AmountLoader)  # noqa: S506  (a SafeLoader)
    except yaml.YAMLError as error:
        raise RecipeError(f"{name} is not YAML: {error}") from error
    if not isinstance(data, dict):
        raise RecipeError(f"{name} must be a mapping with at least the key `corpus`")
    return _checked(data, name, overrides, node)


def check_recipe(data: Mapping[str, Any], *, name: str = "recipe", overrides: Sequence[str] = ()) -> Recipe:
    """A recipe from a mapping, as YAML would hold it; see `load_recipe`. The mapping stays as it is."""
    return _checked(copy.deepcopy(dict(data)), name, overrides, None)


def _checked(data: dict[str, Any], name: str, overrides: Sequence[str], node: yaml.Node | None) -> Recipe:
    for override in overrides:
        _override(data, override)
    try:
        return Recipe.model_validate(data)
    except ValidationError as error:
        raise RecipeError(_explain(error, name, node)) from error


def _override(data: dict[str, Any], override: str) -> None:
    path, equals, value = override.partition("=")
    if not equals:
        raise RecipeError(f"--set takes key=value, as pack.seq_len=512, not {override!r}")
    *parents, last = path.split(".")
    place: Any = data
    try:
        for key in parents:
            place = place[int(key)] if isinstance(place, list) else place.setdefault(key, {})
        parsed = yaml.load(value, Loader=AmountLoader)  # noqa: S506  (a SafeLoader)
        if isinstance(place, list):
            place[int(last)] = parsed
        else:
            place[last] = parsed
    except (LookupError, TypeError, ValueError, AttributeError, yaml.YAMLError) as error:
        raise RecipeError(f"--set {override}: there is no place {path} in the recipe") from error


def _explain(error: ValidationError, name: str, node: yaml.Node | None) -> str:
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
        line = _line(node, location)
        message = problem["msg"].removeprefix("Value error, ")
        if problem["type"] == "extra_forbidden":
            message = f"unknown key {location[-1]!r}{_nearest(str(location[-1]), location[:-1])}"
        lines.append(f"{name}{f', line {line}' if line else ''}: {where}: {message}")
    return "\n".join(lines)


def _nearest(key: str, parents: tuple[int | str, ...]) -> str:
    model: type[BaseModel] = Recipe
    for part in parents:
        if isinstance(part, int):
            continue
        found = next((f for n, f in model.model_fields.items() if part in (n, f.alias)), None)
        nested = _model_of(found.annotation) if found is not None else None
        if nested is None:
            return ""
        model = nested
    keys = [field.alias or name for name, field in model.model_fields.items()]
    close = difflib.get_close_matches(key, keys, n=1, cutoff=0.0)
    return f"; did you mean {close[0]!r}? (keys here: {', '.join(keys)})"


def _model_of(annotation: Any) -> type[BaseModel] | None:
    for candidate in (annotation, *getattr(annotation, "__args__", ())):
        if isinstance(candidate, type) and issubclass(candidate, BaseModel):
            return candidate
    return None


def _line(node: yaml.Node | None, location: tuple[int | str, ...]) -> int | None:
    """The line of the deepest node that a location leads to."""
    line = None
    for part in location:
        if isinstance(node, yaml.MappingNode):
            pair = next(((k, v) for k, v in node.value if k.value == str(part)), None)
            if pair is None:
                break
            line, node = pair[0].start_mark.line + 1, pair[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line + 1
        else:
            break
    return line
