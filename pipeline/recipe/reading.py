"""Reading a recipe from YAML or JSON, with settings instead of its own."""

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from pairloom.operators.errors import RecipeError
from pairloom.pipeline.recipe.core_yaml import read_yaml
from pairloom.pipeline.recipe.explaining import Location, empty_sections, explain
from pairloom.pipeline.recipe.whole import Recipe

__all__ = ["check_recipe", "decode_recipe", "load_recipe", "parse_recipe"]

FIRST = 'write at least `corpus: [{name: web, paths: ["/data/*.jsonl"]}]`'


def load_recipe(path: str | Path, overrides: Sequence[str] = ()) -> Recipe:
    """Read a recipe from a local file; `overrides` are `key.path=value` in YAML, as `pack.seq_len=512`.

    Raises RecipeError, one message for everything that is wrong, with line numbers.
    """
    if Path(path).is_dir():
        raise RecipeError(f"{path} is a folder: name the recipe's file in it")
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise RecipeError(f"cannot read the recipe {path}: {error.strerror or error}") from error
    return parse_recipe(decode_recipe(content, str(path)), name=str(path), overrides=overrides)


def decode_recipe(content: bytes, name: str) -> str:
    """The text of a recipe's bytes, which are UTF-8, with or without a mark at the start; raises RecipeError."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise RecipeError(f"{name} is UTF-16: save it as UTF-8")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise RecipeError(
            f"cannot read the recipe {name}: line {line} is not UTF-8 (byte {error.start:,}): save it as UTF-8"
        ) from error


def parse_recipe(text: str, *, name: str = "recipe", overrides: Sequence[str] = ()) -> Recipe:
    """Read a recipe from YAML text; see `load_recipe`.

    >>> parse_recipe("corpus: {name: web, paths: web/*.txt}").corpus[0].paths
    ('web/*.txt',)
    """
    data, node = read_yaml(text, name)
    if data is None:
        raise RecipeError(f"{name} is empty: {FIRST}")
    if not isinstance(data, dict):
        kind = "a list" if isinstance(data, list) else "one value"
        raise RecipeError(f"{name} is {kind}; it must be a mapping: {FIRST}")
    assert node is not None
    if empty := empty_sections(node):
        raise RecipeError("\n".join(f"{name}, {line}" for line in empty))
    return _checked(data, name, overrides, node)


def check_recipe(data: Mapping[str, Any], *, name: str = "recipe", overrides: Sequence[str] = ()) -> Recipe:
    """A recipe from a mapping, as YAML would hold it; see `load_recipe`. The mapping stays as it is."""
    return _checked(copy.deepcopy(dict(data)), name, overrides, None)


def _checked(data: dict[str, Any], name: str, overrides: Sequence[str], node: yaml.Node | None) -> Recipe:
    settings = dict(_override(data, override) for override in overrides)
    try:
        return Recipe.model_validate(data)
    except ValidationError as error:
        raise RecipeError(explain(error, name, node, settings)) from error
    except RecursionError as error:
        raise RecipeError(f"{name} has values in values without an end") from error


def _override(data: dict[str, Any], override: str) -> tuple[Location, str]:
    """Put a setting in its place; gives the place, and the setting."""
    path, equals, value = override.partition("=")
    if not equals or not path:
        raise RecipeError(f"--set takes key=value, as pack.seq_len=512, not {override!r}")
    if not value.strip():
        raise RecipeError(
            f"--set {override}: nothing is written after the =; write a value, or null for none"
        )
    parsed, _ = read_yaml(value, f"--set {override}")
    location: list[int | str] = []
    place: Any = data
    *parents, last = path.split(".")
    try:
        for key in parents:
            location.append(int(key) if isinstance(place, list) else key)
            if not isinstance(place, list | dict):
                raise TypeError  # a number or a text has no keys
            place = place[int(key)] if isinstance(place, list) else place.setdefault(key, {})
        location.append(int(last) if isinstance(place, list) else last)
        place[location[-1]] = parsed
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise RecipeError(f"--set {override}: there is no place {path} in the recipe") from error
    return tuple(location), override
