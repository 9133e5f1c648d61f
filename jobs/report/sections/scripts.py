"""What the corpus is written in."""

from typing import Any

from pairloom.jobs.report import plots
from pairloom.jobs.report.html import details, figure, pair, section
from pairloom.jobs.report.statistics import named_tables, rows_of
from pairloom.jobs.report.tables import Column, compact

__all__ = ["scripts"]

COLUMNS: dict[str, Column] = {
    "script": "script",
    "characters": ("characters", compact),
    "documents": ("documents", compact),
    "mainly": ("mainly in it", compact),
}
CHARACTERS: dict[str, Column] = {
    "character": "character",
    "category": "category",
    "script": "script",
    "count": ("count", compact),
}
BARS = 15


def scripts(report: dict[str, Any]) -> str:
    """The characters and documents of each script, and the most frequent characters."""
    parts = []
    for one in named_tables(report, "scripts"):
        made = rows_of(one, COLUMNS)
        if one["per"] is None:
            top = one["rows"][:BARS]
            svg = plots.bars(
                [row["script"] for row in top],
                {"characters": [row["characters"] for row in top]},
                label="characters by script",
                x="characters",
            )
            made = pair(figure(svg, "Characters of each script."), made)
        parts.append(made)
    parts += [
        details("Characters" + (f" per {one['per']}" if one["per"] else ""), rows_of(one, CHARACTERS))
        for one in named_tables(report, "characters")
    ]
    return section("Scripts", "What is the corpus written in?", *parts)
