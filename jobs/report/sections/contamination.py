"""What of evaluations is in the corpus."""

from typing import Any

from pairloom.jobs.report import plots
from pairloom.jobs.report.html import details, figure, pair, section
from pairloom.jobs.report.statistics import rows_of
from pairloom.jobs.report.tables import Column, compact, table

__all__ = ["contamination"]

SUMS: dict[str, Column] = {
    "source": "source",
    "eval": "evaluation",
    "documents": ("documents", compact),
    "items": ("items", compact),
}
COLUMNS: dict[str, Column] = {
    "source": "source",
    "eval": "evaluation",
    "item": "item",
    "text": "begins",
    "words": "words",
    "document": "document",
    "overlap": "words shared",
    "action": "action",
}


def contamination(report: dict[str, Any]) -> str:
    """How many documents share runs of words with how many items, and which."""
    found = [one for one in report.get("statistics", ()) if one["name"] == "contamination"]
    if not found:
        return ""
    title, question = "Contamination", "What of the evaluations is in the corpus?"
    (one,) = found
    if not one["rows"]:
        return section(
            title, question, '<p><strong class="good">Nothing.</strong> No document shares a run.</p>'
        )
    sums = one["by_source"]
    svg = plots.bars(
        [f"{row['source']}, {row['eval']}" for row in sums],
        {"documents": [row["documents"] for row in sums]},
        label="documents that share runs of words with evaluations",
        x="documents",
    )
    return section(
        title,
        question,
        pair(figure(svg, "Documents that share a run of words."), table(sums, SUMS, label="contamination")),
        details("Which item is in which document", rows_of(one, COLUMNS)),
    )
