"""How well the rows of each split are filled."""

from typing import Any

from pairloom.jobs.report.html import section
from pairloom.jobs.report.tables import Column, compact, share, table

__all__ = ["packing"]

COLUMNS: dict[str, Column] = {
    "split": "split",
    "rows": "rows",
    "efficiency": ("tokens, of all positions", share),
    "documents_per_row": "documents a row",
    "splits": "cuts inside documents",
    "tokens": ("tokens", compact),
    "padding": ("padding", compact),
    "truncated_tokens": "tokens truncated",
    "dropped_tokens": "tokens dropped",
}


def packing(report: dict[str, Any]) -> str:
    """A row a split, of a root that has rows."""
    rows = table(report.get("packing", []), COLUMNS, label="packing by split")
    return section("Packing", "How well are the rows filled, and how many documents do they cut?", rows)
