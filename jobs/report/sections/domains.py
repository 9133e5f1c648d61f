"""Where documents come from, or link to."""

from typing import Any

from pairloom.jobs.report.html import section
from pairloom.jobs.report.statistics import beside_bars, named_tables, rows_of
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
            top, says = one["rows"][:BARS], "Documents of each domain."
            made = beside_bars(made, top, "domain", "documents", label="documents by domain", says=says)
        parts.append(made)
    return section("Domains", "Where does the corpus come from?", *parts)
