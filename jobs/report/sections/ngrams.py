"""Which n-grams and which pairs of tokens belong together."""

from typing import Any

from pairloom.jobs.report.html import details, section
from pairloom.jobs.report.statistics import beside_bars, named_tables, rows_of
from pairloom.jobs.report.tables import Column, compact

__all__ = ["ngrams"]

COLUMNS: dict[str, Column] = {"text": "n-gram", "n": "tokens", "count": ("count", compact), "t": "t"}
PAIRS: dict[str, Column] = {"text": "pair", "count": ("count", compact), "weight": ("weight", compact)}
BARS = 20


def ngrams(report: dict[str, Any]) -> str:
    """The first n-grams of tokens, and the pairs that stand near to each other most."""
    parts = []
    for one in named_tables(report, "ngrams"):
        made = rows_of(one, COLUMNS)
        if one["per"] is None:
            top = sorted(one["rows"], key=lambda row: -row["count"])[:BARS]
            says = "The most frequent of those in the table."
            made = beside_bars(made, top, "text", "count", label="counts of n-grams", says=says)
        parts.append(made if one["per"] is None else details(f"N-grams per {one['per']}", made))
    parts += [
        details("Pairs of tokens near to each other" + _per(one), rows_of(one, PAIRS))
        for one in named_tables(report, "cooccurrence")
    ]
    return section(
        "N-grams", "Which tokens belong together, more often than chance would have it (t)?", *parts
    )


def _per(one: dict[str, Any]) -> str:
    return f" per {one['per']}" if one["per"] else ""
