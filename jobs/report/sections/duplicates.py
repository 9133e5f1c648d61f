"""Which lines and paragraphs are there again and again, and how much of the corpus they are."""

from typing import Any

from pairloom.jobs.report import plots
from pairloom.jobs.report.html import figure, pair, section
from pairloom.jobs.report.statistics import named_tables, rows_of
from pairloom.jobs.report.tables import Column, compact

__all__ = ["duplicates"]

SUMS: dict[str, Column] = {
    "of": "of",
    "count": ("count", compact),
    "distinct": ("different", compact),
    "copies": ("copies", compact),
    "bytes": ("bytes", compact),
    "copied": ("bytes of copies", compact),
}
COLUMNS: dict[str, Column] = {
    "of": "of",
    "text": "text",
    "count": ("count", compact),
    "bytes": ("bytes of one", compact),
    "copied": ("bytes of copies", compact),
}


def duplicates(report: dict[str, Any]) -> str:
    """How much is copies, by source or column where the recipe asks so, and the texts that occur most often."""
    parts = []
    for one in named_tables(report, "repetition"):
        per = one["per"]
        names = [row["of"] if per is None else f"{row[per] or 'none'}, {row['of']}" for row in one["rows"]]
        svg = plots.bars(
            names,
            {"copies": [row["copied"] / max(1, row["bytes"]) for row in one["rows"]]},
            label=f"share of copies{'' if per is None else f' per {per}'}",
            x="share of the bytes that is copies",
        )
        parts.append(pair(figure(svg, "How much is there already."), rows_of(one, SUMS)))
    parts += [
        rows_of(one, COLUMNS, "Lines and paragraphs that occur most often")
        for one in named_tables(report, "duplicates")
    ]
    return section("Duplicates", "How much of the corpus is there more than once?", *parts)
