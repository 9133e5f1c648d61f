"""Which n-grams and which pairs of tokens belong together."""

from typing import Any

from pairloom.jobs.report import plots
from pairloom.jobs.report.html import details, figure, pair, section
from pairloom.jobs.report.statistics import named_tables, rows_of
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
            svg = plots.bars(
                [row["text"] for row in top],
                {"count": [row["count"] for row in top]},
                label="counts of n-grams",
                x="count",
            )
            made = pair(figure(svg, "The most frequent of those in the table."), made)
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
