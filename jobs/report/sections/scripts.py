"""What the corpus is written in."""

from typing import Any

from pairloom.jobs.report.html import details, section
from pairloom.jobs.report.statistics import beside_bars, named_tables, rows_of
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
            top, says = one["rows"][:BARS], "Characters of each script."
            made = beside_bars(made, top, "script", "characters", label="characters by script", says=says)
        parts.append(made)
    parts += [
        details("Characters" + (f" per {one['per']}" if one["per"] else ""), rows_of(one, CHARACTERS))
        for one in named_tables(report, "characters")
    ]
    return section("Scripts", "What is the corpus written in?", *parts)
