"""What people read of scaling laws: which model to train on how many tokens."""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.table import Table

from pairloom.jobs.show.console import wide_console
from pairloom.operators.errors import DataError, RecipeError
from pairloom.operators.scaling import LAWS, Law, OverTrained, Run, fit_over_trained, planned
from pairloom.pipeline.recipe import Recipe

__all__ = ["read_runs", "show_budget", "unique_tokens"]


def show_budget(
    recipe: Recipe | None,
    *,
    flops: float | None,
    parameters: float | None,
    tokens: float | None,
    epochs: float | None,
    unique: float | None,
    law: str | None,
    runs: Path | None,
    as_json: bool,
) -> None:
    """Print what each law advises, with where it was published."""
    origin = "as given"
    if unique is None and recipe is not None:
        unique, origin = unique_tokens(recipe)
    if epochs is not None:
        if unique is None:
            raise RecipeError(
                "epochs are of the different tokens that there are: name a recipe, or give --unique"
            )
        if tokens is not None:
            raise RecipeError("epochs and tokens say the same: leave one out")
        tokens = epochs * unique
    chosen = _laws(law, runs, repeats=unique is not None)
    found = [planned(one, flops=flops, parameters=parameters, tokens=tokens, unique=unique) for one in chosen]
    if as_json:
        facts: dict[str, Any] = {"plans": [asdict(one) for one in found]}
        if unique is not None:
            facts |= {"unique": unique, "unique_from": origin}
        sys.stdout.write(json.dumps(facts) + "\n")
        return
    table = Table("law", "parameters", "tokens", "a parameter", "epochs", "FLOPs", "loss")
    for one in found:
        table.add_row(
            one.law,
            _short(one.parameters),
            _short(one.tokens),
            f"{one.tokens / one.parameters:.1f}",
            f"{one.epochs:.2f}",
            f"{one.flops:.3g}",
            f"{one.loss:.3f}",
        )
    wide_console().print(table)
    for one in found:
        sys.stdout.write(f"{one.law}: {one.source}\n")
    if unique is not None:
        sys.stdout.write(f"{_short(unique)} different tokens, {origin}\n")
    if any(one.epochs > 1 and one.law != "repeated" for one in found):
        sys.stdout.write("only `repeated` knows that tokens are worth less when they are seen again\n")


def unique_tokens(recipe: Recipe) -> tuple[float, str]:
    """The different tokens of a recipe, and how that is known: those that are committed, or as many as its text will give."""
    from pairloom.pipeline import make_plan
    from pairloom.pipeline.forecast.sizes import Sizes
    from pairloom.pipeline.store.location import open_objects
    from pairloom.pipeline.store.manifest import latest_manifest

    last = latest_manifest(open_objects(recipe.root))
    if last is not None and "tokenize" in last.stages:
        return float(
            last.stages["tokenize"].ledger.tokens
        ), f"those of generation {last.generation} of {recipe.root}"
    return float(Sizes.of(make_plan(recipe)).tokens), "as the text of the recipe will give"


def read_runs(path: Path) -> list[Run]:
    """The runs of a table; raises DataError for one that has not the columns, RecipeError for none."""
    import polars as pl

    from pairloom.pipeline.expected import unreadable

    try:
        table = pl.read_ndjson(path) if path.suffix in (".jsonl", ".ndjson") else pl.read_csv(path)
    except OSError as error:
        raise unreadable(str(path), error) from error
    except pl.exceptions.PolarsError as error:
        raise DataError(
            f"{path} is no table: {str(error).splitlines()[0]}; write CSV or JSON Lines"
        ) from error
    wanted = ("parameters", "tokens", "loss")
    if missing := [name for name in wanted if name not in table.columns]:
        raise DataError(f"{path} has no column {', '.join(missing)}; a run has {', '.join(wanted)}")
    try:
        rows = table.select(pl.col(*wanted).cast(pl.Float64)).rows()
    except pl.exceptions.PolarsError as error:
        raise DataError(f"{path} has something else than numbers: {str(error).splitlines()[0]}") from error
    if (lost := next((k for k, row in enumerate(rows) if None in row), None)) is not None:
        raise DataError(f"{path}, row {lost + 1}: a number is missing")
    return [Run(parameters=row[0], tokens=row[1], loss=row[2]) for row in rows]


def _laws(name: str | None, runs: Path | None, *, repeats: bool) -> list[Law | OverTrained]:
    found: list[Law | OverTrained] = []
    if runs is not None:
        try:
            found.append(fit_over_trained(read_runs(runs)))
        except DataError as error:
            raise DataError(f"{runs}: {error}" if str(runs) not in str(error) else str(error)) from error
    if name is not None and name not in LAWS:
        fitted = "; over-trained is fitted to --runs" if runs is None else "; that of --runs is shown as well"
        raise RecipeError(f"there is no law {name!r} (there are: {', '.join(LAWS)}{fitted})")
    if name is not None:
        return [*found, LAWS[name]]
    return [*found, *(LAWS[one] for one in (("repeated", "replication", "chinchilla") if repeats else LAWS))]


def _short(amount: float) -> str:
    """A number of parameters or tokens.

    >>> _short(6.34e9), _short(1.4e12), _short(512)
    ('6.34 B', '1.4 T', '512')
    """
    for size, letter in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k")):
        if amount >= size:
            return f"{amount / size:.3g} {letter}"
    return f"{amount:.3g}"
