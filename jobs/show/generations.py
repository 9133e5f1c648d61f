"""What people read of generations: what each holds, and what the newest changed."""

import json
import sys
from datetime import UTC, datetime
from typing import Any

from rich.table import Table

from pairloom.jobs.show.amounts import size_text, time_text
from pairloom.jobs.show.console import wide_console
from pairloom.operators.errors import RecipeError
from pairloom.pipeline.generations.retokenize import Amount, Difference
from pairloom.pipeline.identity import fingerprint
from pairloom.pipeline.store.coverage import Coverage
from pairloom.pipeline.store.gc import first_kept
from pairloom.pipeline.store.manifest import Manifest, latest_manifest, manifest_path, read_manifest
from pairloom.pipeline.store.objects import Objects

__all__ = ["show_difference", "show_generations"]


def show_generations(objects: Objects, as_json: bool) -> None:
    """Print the generations of a root, and what each holds."""
    last, first = latest_manifest(objects), first_kept(objects)
    if last is None:
        raise RecipeError(f"nothing is committed below {objects.root}: check the path, or run a recipe there")
    numbers = range(1, last.generation + 1)
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
        "recipe",
        "corpus",
        "",
    )
    for name in names:
        table.add_column(
            name,
            justify="left" if name in ("committed", "vocabulary", "recipe", "corpus", "") else "right",
            no_wrap=True,
        )
    for row in rows:
        cells = [f"{row[name]:,}" for name in ("documents", "tokens")]
        cells.append("-" if row["bytes_per_token"] is None else f"{row['bytes_per_token']:.3f}")
        cells.append("-" if row["unknown_words"] is None else f"{row['unknown_words']:.2%}")
        cells.append(f"{row['rows']:,}")
        state = "" if row["whole"] else "garbage collected"
        table.add_row(
            str(row["generation"]),
            row["committed"],
            *cells,
            (row["vocabulary"] or "-")[:12],
            row["recipe"][:12],
            ", ".join(f"{name} ({', '.join(paths)})" for name, paths in row["corpus"].items()),
            state,
        )
    wide_console(120).print(table)


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
        "recipe": fingerprint(manifest.recipe),
        "corpus": {source["name"]: source["paths"] for source in manifest.recipe["corpus"]},
        "whole": manifest.generation >= first,
    }


def show_difference(found: Difference) -> None:
    """Print what re-tokenizing has found changed, and what of it was done again."""

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
