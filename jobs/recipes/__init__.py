"""Recipes as people name them: a file, one that is shipped in this folder, YAML text, a mapping, or a Recipe."""

import os
import sys
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any, TypeAlias

from pairloom.operators.errors import RecipeError
from pairloom.pipeline.recipe import Recipe, check_recipe, decode_recipe, load_recipe, parse_recipe

__all__ = ["RecipeLike", "named_recipe", "recipe_of"]

RecipeLike: TypeAlias = Recipe | Mapping[str, Any] | str | os.PathLike[str]


def recipe_of(recipe: RecipeLike, overrides: Sequence[str] = (), engine: str | None = None) -> Recipe:
    """A recipe, checked whole, with `overrides` as `pack.seq_len=512` and `engine` instead of its own.

    A string that has a line break or a `key: value` in it is YAML, any other a path or a shipped recipe's name. Raises
    RecipeError, one message for everything that is wrong.

    >>> recipe_of("corpus: [{name: web, paths: [web/*.txt]}]", ["pack.seq_len=512"]).pack.seq_len
    512
    >>> recipe_of({"corpus": [{"name": "web", "paths": ["web/*.txt"]}]}, engine="local").execution.engine
    'local'
    """
    if isinstance(recipe, str | os.PathLike):
        text = os.fspath(recipe)
        if isinstance(recipe, str) and ("\n" in text or ": " in text):
            return parse_recipe(text, overrides=_with_engine(overrides, engine))
        return named_recipe(text, overrides, engine)
    settings = _with_engine(overrides, engine)
    if isinstance(recipe, Recipe):
        return check_recipe(recipe.model_dump(by_alias=True), overrides=settings) if settings else recipe
    return check_recipe(recipe, overrides=settings)


def named_recipe(name: str, overrides: Sequence[str] = (), engine: str | None = None) -> Recipe:
    """A recipe by its path, a shipped one by its name, or standard input by `-`; raises RecipeError where there is none."""
    settings = _with_engine(overrides, engine)
    if name == "-":
        text = decode_recipe(sys.stdin.buffer.read(), "standard input")
        return parse_recipe(text, name="standard input", overrides=settings)
    if Path(name).is_file():
        return load_recipe(name, settings)
    shipped = resources.files("pairloom.jobs.recipes")
    names = sorted(
        entry.name.removesuffix(".yaml") for entry in shipped.iterdir() if entry.name.endswith(".yaml")
    )
    if name not in names and Path(name).exists():
        return load_recipe(name, settings)  # a folder is refused by name
    if name not in names:
        raise RecipeError(
            f"there is no recipe {name}: neither a file, nor one of the shipped {', '.join(names)}"
        )
    with resources.as_file(shipped / f"{name}.yaml") as path:
        return load_recipe(path, settings)


def _with_engine(overrides: Sequence[str], engine: str | None) -> list[str]:
    return [*overrides, *([f"execution.engine={engine}"] if engine else [])]
