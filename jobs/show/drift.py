"""What people and machines read of the drift of a vocabulary."""

import sys
from dataclasses import asdict, replace
from fractions import Fraction
from typing import Any

from rich.table import Table

from pairloom.jobs.show.amounts import size_text
from pairloom.jobs.show.console import wide_console
from pairloom.pipeline.generations.drift import ALL, Drift, Drifted
from pairloom.pipeline.generations.retokenize import Difference

__all__ = ["difference_facts", "show_drift"]


def difference_facts(found: Difference) -> dict[str, Any]:
    """A difference as JSON has it; of the drift, counts and what follows from them."""
    facts: dict[str, Any] = asdict(replace(found, drift=None))
    watch = found.drift
    facts["drift"] = watch and {
        "since": watch.since,
        "warnings": list(watch.warnings),
        "rows": [_facts(row) for row in watch.rows],
    }
    return facts


def show_drift(watch: Drift) -> None:
    """Print a table on standard output, and warnings on standard error."""
    table = Table("drift", "text", "bytes a token", "", "unknown words", "", box=None, pad_edge=False)
    for column in table.columns[1:]:
        column.justify, column.no_wrap = "right", True
    for row in watch.rows:
        name = "all" if row.source == ALL else row.source
        table.add_row(
            f"{name}, new and changed" if row.fresh else name,
            size_text(row.now.bytes),
            _number(row.now.bytes_per_token, "{:.3f}"),
            _number(None if row.lost is None else -row.lost, "{:+.1%}"),
            _number(row.now.unknown_share, "{:.2%}"),
            _number(None if row.grown is None else row.grown * 100, "{:+.2f} points"),
        )
    sys.stdout.write(f"{'vocabulary':<14}that of generation {watch.since}, to which these compare\n")
    wide_console(100).print(table)
    for line in watch.warnings:
        sys.stderr.write(f"warning: {line}\n")


def _facts(row: Drifted) -> dict[str, Any]:
    def share(value: Fraction | None) -> float | None:
        return None if value is None else float(value)

    facts: dict[str, Any] = {"source": None if row.source == ALL else row.source, "fresh": row.fresh}
    for name, coverage in (("before", row.before), ("now", row.now)):
        derived = {"bytes_per_token": coverage.bytes_per_token, "unknown_share": coverage.unknown_share}
        facts[name] = coverage.model_dump() | derived
    return facts | {"bytes_per_token_lost": share(row.lost), "unknown_words_grown": share(row.grown)}


def _number(value: float | Fraction | None, form: str) -> str:
    return "-" if value is None else form.format(float(value))
