"""The merges over time, from the first that was learned to the last."""

from typing import Any

from pairloom.jobs.report import plots
from pairloom.jobs.report.html import figure, pair, section, token
from pairloom.jobs.report.tables import Column, compact, table

__all__ = ["merges"]

COLUMNS: dict[str, Column] = {
    "rank": "rank",
    "left": ("left", token),
    "right": ("right", token),
    "token": ("token", token),
    "steps": ("times merged", compact),
    "count": ("left as a token", compact),
}


def merges(report: dict[str, Any]) -> str:
    """How often each merge was made in the text, at ranks that double, and how many of its tokens are left."""
    rows = report["merges"]
    if not rows:
        return ""
    made = {
        name: [(row["rank"] + 1, row[key]) for row in rows if row[key]]
        for name, key in (("times merged", "steps"), ("left as a token", "count"))
    }
    what = "A merge whose product is hardly left as a token was a step on the way to longer ones."
    shown = any(made.values())
    svg = (
        plots.line(made, label="merges by rank", x="rank of the merge", y="times", log=(True, True))
        if shown
        else ""
    )
    return section(
        "Merges over time",
        "What was learned when, and does the last of it still pay?",
        pair(figure(svg, what) if svg else "", table(rows, COLUMNS, label="merges")),
    )
