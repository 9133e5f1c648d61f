"""How long texts are, before they are tokens."""

from typing import Any

from pairloom.jobs.report import plots
from pairloom.jobs.report.html import details, figure, pair, section
from pairloom.jobs.report.statistics import named_tables, rows_of
from pairloom.jobs.report.tables import Column, compact

__all__ = ["text_lengths"]

COLUMNS: dict[str, Column] = {
    "of": "of",
    "from": ("from", compact),
    "documents": ("documents", compact),
    "total": ("in all", compact),
}


def text_lengths(report: dict[str, Any]) -> str:
    """The documents by their bytes, characters, words and lines, in powers of two."""
    parts = []
    for one in named_tables(report, "text_lengths"):
        made = rows_of(one | {"rows_in_all": 0}, COLUMNS)
        if one["per"] is None:
            shown = {of: [row for row in one["rows"] if row["of"] == of] for of in ("characters", "words")}
            drawn = [
                figure(
                    plots.histogram(
                        [row["from"] for row in rows],
                        [row["documents"] for row in rows],
                        label=f"documents by {of}",
                        x=f"{of} in the document",
                        y="documents",
                    ),
                    f"Documents by their {of}.",
                )
                for of, rows in shown.items()
            ]
            made = pair(*drawn) + details("Lengths in powers of two", made)
        parts.append(made)
    return section("Lengths of texts", "How long are documents?", *parts)
