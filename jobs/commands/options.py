"""What several commands take, and commands that take many options as one value."""

import dataclasses
import difflib
import functools
import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from pairloom.jobs.commands.completion import engines, recipe_keys, recipes, splits

if TYPE_CHECKING:
    from pairloom.pipeline.recipe import Recipe

__all__ = [
    "AsJson",
    "Engine",
    "Generation",
    "RecipeOptions",
    "RootArgument",
    "Split",
    "keyed",
    "known",
    "read_text",
    "spread",
]

Engine = Annotated[
    str | None, typer.Option(help="auto, ray or local, instead of the recipe's", autocompletion=engines)
]
AsJson = Annotated[bool, typer.Option("--json", help="print the result as JSON")]
RootArgument = Annotated[str, typer.Argument(metavar="ROOT", help="the root of a run")]
Generation = Annotated[int | None, typer.Option(help="instead of the newest")]
Split = Annotated[str, typer.Option(help="train or validation", autocompletion=splits)]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipeOptions:
    """A recipe, and what is said instead of it."""

    recipe: Annotated[
        str,
        typer.Argument(
            metavar="RECIPE",
            help="a YAML file, - for standard input, or a shipped recipe's name",
            autocompletion=recipes,
        ),
    ]
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="as pack.seq_len=512", autocompletion=recipe_keys),
    ] = None
    engine: Engine = None

    def load(self) -> "Recipe":
        """The recipe, checked; raises RecipeError."""
        from pairloom.jobs.recipes import named_recipe

        return named_recipe(self.recipe, self.overrides or (), self.engine)


def keyed(settings: Iterable[str]) -> dict[str, str]:
    """Settings by their keys; raises typer's error for one that is no KEY=VALUE.

    >>> keyed(["k=8"])
    {'k': '8'}
    """
    found = {}
    for one in settings:
        key, equals, value = one.partition("=")
        if not equals or not key:
            raise typer.BadParameter(f"{one!r} is no KEY=VALUE", param_hint="--set")
        found[key] = value
    return found


def known(name: str, names: Iterable[str], option: str) -> str:
    """A name that is one of some; raises typer's error, with the nearest, for any other.

    >>> known("pack", ["count", "pack"], "--stage")
    'pack'
    """
    names = list(names)
    if name in names:
        return name
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.0)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise typer.BadParameter(f"there is no {name!r}{hint} (there are: {', '.join(names)})", param_hint=option)


def read_text(path: Path) -> str:
    """The UTF-8 text of a file that was named; raises RecipeError for one that cannot be opened, DataError for other bytes."""
    from pairloom.operators.errors import DataError
    from pairloom.pipeline.expected import unreadable

    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise unreadable(str(path), error) from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: byte {error.start} is no UTF-8; UTF-8 text is read here") from error


def spread(command: Callable[..., None]) -> Callable[..., None]:
    """A command for typer from a function that takes dataclasses: each field of theirs is an option of its own.

    >>> inspect.signature(spread(lambda asked: None)).parameters["asked"].name
    'asked'
    """
    hints = get_type_hints(command, include_extras=True)
    hints.pop("return", None)
    groups: dict[str, Any] = {name: kind for name, kind in hints.items() if dataclasses.is_dataclass(kind)}
    parameters = []
    for parameter in inspect.signature(command).parameters.values():
        fields = _options(groups[parameter.name]) if parameter.name in groups else [parameter]
        parameters += [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in fields]
    # Typer shows arguments and options in this order; those without a default come first in every help.
    parameters.sort(key=lambda one: one.default is not inspect.Parameter.empty)

    @functools.wraps(command)
    def spread_command(**given: Any) -> None:
        for name, kind in groups.items():
            own = {field.name: given.pop(field.name) for field in dataclasses.fields(kind)}
            given[name] = kind(**own)
        command(**given)

    signature = inspect.Signature(parameters)
    spread_command.__signature__ = signature  # type: ignore[attr-defined]
    spread_command.__annotations__ = {one.name: hints.get(one.name, one.annotation) for one in parameters}
    return spread_command


def _options(kind: Any) -> list[inspect.Parameter]:
    hints = get_type_hints(kind, include_extras=True)
    return [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=inspect.Parameter.empty if field.default is dataclasses.MISSING else field.default,
            annotation=hints[field.name],
        )
        for field in dataclasses.fields(kind)
    ]
