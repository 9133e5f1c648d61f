"""What kinds of text the vocabulary was learned from, as the order of its merges betrays it."""

from typing import Any

from pairloom.jobs.report import plots
from pairloom.jobs.report.html import figure, pair, section, shown
from pairloom.jobs.report.tables import Column, share, table

__all__ = ["categories"]

COLUMNS: dict[str, Column] = {
    "category": "kind of text",
    "share": ("by the merges", share),
    "records": "records read",
    "rejected": "of these unusable",
    "bytes": "bytes read",
}


def categories(report: dict[str, Any]) -> str:
    """The mixture of given kinds of text that explains the vocabulary's merges best; nothing where none were given."""
    found = report.get("categories")
    if not found:
        return ""
    rows = found["rows"]
    svg = plots.bars(
        [row["category"] for row in rows],
        {"by the merges": [row["share"] for row in rows]},
        label="kinds of text that the vocabulary was learned from",
        x="share of the bytes",
    )
    what = (
        f"The mixture of these kinds that breaks the order of the first {found['merges']:,} merges the least: what is left "
        f"over is {found['loss']:.2%} of the pairs. Kinds of text that are not named here are explained by those that are "
        "most like them, so a large rest says that one is missing."
    )
    if not found["settled"]:
        what += " The search was ended before it settled."
    return section(
        "Kinds of text",
        "Which kinds of text was the vocabulary learned from?",
        f'<p class="soft">{shown(what)}</p>',
        pair(figure(svg, "Shares of the bytes."), table(rows, COLUMNS, label="kinds of text")),
    )
