"""Generations: bringing a root up to date, looking at what it has been, going back."""

import json
import sys
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from pairloom.jobs.commands.options import (
    AsJson,
    Engine,
    Overrides,
    RecipeArgument,
    RootArgument,
    find_recipe,
)
from pairloom.jobs.show.drift import difference_facts, show_drift
from pairloom.jobs.show.progress import size_text, time_text
from pairloom.jobs.show.summary import show_summary, summary
from pairloom.jobs.show.watch import watched
from pairloom.pipeline.generations.retokenize import (
    Amount,
    Difference,
    plan_again,
    retokenize,
    rollback,
    unchanged,
)
from pairloom.pipeline.store.coverage import Coverage
from pairloom.pipeline.store.gc import first_kept
from pairloom.pipeline.store.location import open_objects
from pairloom.pipeline.store.manifest import Manifest, latest_manifest, manifest_path, read_manifest
from pairloom.pipeline.store.objects import Objects

__all__ = ["generations_command", "retokenize_command", "rollback_command"]


def retokenize_command(
    recipe: RecipeArgument,
    overrides: Overrides = None,
    engine: Engine = None,
    relearn: Annotated[bool, typer.Option("--relearn", help="learn the vocabulary anew")] = False,
    if_changed: Annotated[
        bool, typer.Option("--if-changed", help="say nothing where nothing has changed")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Tokenize and pack only what has changed since the last generation, with its vocabulary."""
    loaded = find_recipe(recipe, overrides, engine)
    if if_changed and unchanged(loaded, relearn=relearn):
        return
    plan = plan_again(loaded, relearn=relearn)
    with watched(plan) as watch:
        manifest, found = retokenize(loaded, plan=plan, observe=watch.observe, stop=watch.stop)
        watch.log.committed(manifest)
        watch.log.warned(found.drift.warnings if found.drift is not None else ())
    result = summary(manifest, loaded.root, watch.progress) | {"difference": difference_facts(found)}
    if as_json:
        sys.stdout.write(json.dumps(result) + "\n")
        return
    _show_difference(found)
    if found.drift is not None:
        show_drift(found.drift)
    show_summary(result)


def generations_command(root: RootArgument, as_json: AsJson = False) -> None:
    """List the generations of a root, and what each holds."""
    objects = open_objects(root)
    last, first = latest_manifest(objects), first_kept(objects)
    numbers = range(1, 1 if last is None else last.generation + 1)
    rows = [_row(objects, found, first) for n in numbers if (found := read_manifest(objects, n)) is not None]
    if as_json:
        sys.stdout.write(json.dumps(rows) + "\n")
        return
    table = Table(box=None, pad_edge=False)
    names = (
        "generation",
        "committed",
        "documents",
        "tokens",
        "bytes/token",
        "unknown",
        "rows",
        "vocabulary",
        "",
    )
    for name in names:
        table.add_column(
            name, justify="left" if name in ("committed", "vocabulary", "") else "right", no_wrap=True
        )
    for row in rows:
        cells = [f"{row[name]:,}" for name in ("documents", "tokens")]
        cells.append("-" if row["bytes_per_token"] is None else f"{row['bytes_per_token']:.3f}")
        cells.append("-" if row["unknown_words"] is None else f"{row['unknown_words']:.2%}")
        cells.append(f"{row['rows']:,}")
        state = "" if row["whole"] else "garbage collected"
        table.add_row(
            str(row["generation"]), row["committed"], *cells, (row["vocabulary"] or "-")[:12], state
        )
    Console(soft_wrap=True, highlight=False, width=max(120, Console().width)).print(table)


def rollback_command(
    root: RootArgument,
    generation: Annotated[int, typer.Argument(metavar="GENERATION", help="the one to go back to")],
) -> None:
    """Make an earlier generation the newest again, by committing it once more."""
    manifest = rollback(root, generation)
    sys.stdout.write(f"generation {manifest.generation} of {root} is generation {generation} again\n")


def _row(objects: Objects, manifest: Manifest, first: int) -> dict[str, Any]:
    when = datetime.fromtimestamp(objects.modified(manifest_path(manifest.generation)), UTC)
    tokenized, packed = manifest.stages.get("tokenize"), manifest.stages.get("pack")
    text = Coverage.sum(tokenized.coverage.values()) if tokenized else Coverage()
    return {
        "generation": manifest.generation,
        "committed": when.strftime("%Y-%m-%d %H:%M:%S UTC"),
        "documents": tokenized.ledger.documents_out if tokenized else 0,
        "tokens": tokenized.ledger.tokens if tokenized else 0,
        "bytes_per_token": text.bytes_per_token,
        "unknown_words": text.unknown_share,
        "rows": packed.facts["rows"] if packed else 0,
        "vocabulary": manifest.fingerprint,
        "whole": manifest.generation >= first,
    }


def _show_difference(found: Difference) -> None:
    def line(label: str, amount: Amount, more: str = "") -> None:
        inputs = f"{amount.inputs:,} input{'' if amount.inputs == 1 else 's'}"
        sys.stdout.write(
            f"{label:<14}{inputs}, {amount.documents:,} documents, {amount.tokens:,} tokens{more}\n"
        )

    line("added", found.added)
    line("changed", found.changed, f" (were {found.replaced.documents:,} and {found.replaced.tokens:,})")
    line("removed", found.removed)
    line("the same", found.same)
    sys.stdout.write(f"{'units':<14}{found.units:,}, {found.units_reused:,} of them as they were\n")
    packed, reused = found.packed, found.packed_reused
    size = f"{size_text(reused.bytes)} of {size_text(packed.bytes)}"
    sys.stdout.write(
        f"{'packed files':<14}{packed.files:,}, {reused.files:,} of them as they were ({size})\n"
    )
    effort = found.effort
    if effort.spent:
        kept = f"{time_text(effort.tokenize)} of tokenizing and {time_text(effort.pack)} of packing"
        sys.stdout.write(f"{'worker time':<14}{time_text(effort.spent)}; {kept} not done again\n")
