"""What several commands take: a recipe, a root, and the usual options."""

from importlib import resources
from pathlib import Path
from typing import Annotated

import typer

from pairloom.operators.errors import RecipeError
from pairloom.pipeline import Recipe, load_recipe

__all__ = [
    "AsJson",
    "Engine",
    "Overrides",
    "Profile",
    "RecipeArgument",
    "RootArgument",
    "find_recipe",
]

RecipeArgument = Annotated[
    str, typer.Argument(metavar="RECIPE", help="a YAML file, or a shipped recipe's name")
]
Overrides = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="as pack.seq_len=512")
]
Engine = Annotated[str | None, typer.Option(help="ray or local, instead of the recipe's")]
Profile = Annotated[bool, typer.Option("--profile", help="print where the workers' time went")]
AsJson = Annotated[bool, typer.Option("--json", help="print the result as JSON")]
RootArgument = Annotated[str, typer.Argument(metavar="ROOT", help="the root of a run")]


def find_recipe(name: str, overrides: list[str] | None, engine: str | None) -> Recipe:
    """A recipe by its path, or one of those in `jobs/recipes` by its name."""
    settings = [*(overrides or []), *([f"execution.engine={engine}"] if engine else [])]
    if Path(name).is_file():
        return load_recipe(name, settings)
    shipped = resources.files("pairloom.jobs") / "recipes"
    names = sorted(
        entry.name.removesuffix(".yaml") for entry in shipped.iterdir() if entry.name.endswith(".yaml")
    )
    if name not in names:
        raise RecipeError(
            f"there is no recipe {name}: neither a file, nor one of the shipped {', '.join(names)}"
        )
    with resources.as_file(shipped / f"{name}.yaml") as path:
        return load_recipe(path, settings)
