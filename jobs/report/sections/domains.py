"""Where documents come from, or link to."""

from typing import Any

from pairloom.jobs.report import plots
from pairloom.jobs.report.html import figure, pair, section
from pairloom.jobs.report.statistics import named_tables, rows_of
from pairloom.jobs.report.tables import Column, compact

__all__ = ["domains"]

COLUMNS: dict[str, Column] = {
    "domain": "domain",
    "documents": ("documents", compact),
    "urls": ("URLs", compact),
    "bytes": ("bytes", compact),
}
BARS = 20


def domains(report: dict[str, Any]) -> str:
    """The domains of most documents."""
    parts = []
    for one in named_tables(report, "domains"):
        one = one | {"rows": [row | {"domain": row["domain"] or "none"} for row in one["rows"]]}  # noqa: PLW2901
        made = rows_of(one, COLUMNS)
        if one["per"] is None:
            top = one["rows"][:BARS]
            svg = plots.bars(
                [row["domain"] for row in top],
                {"documents": [row["documents"] for row in top]},
                label="documents by domain",
                x="documents",
            )
            made = pair(figure(svg, "Documents of each domain."), made)
        parts.append(made)
    return section("Domains", "Where does the corpus come from?", *parts)
