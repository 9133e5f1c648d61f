"""Whether the vocabulary reflects the mixture that it was to be learned from."""

from typing import Any

from pairloom.jobs.report import plots
from pairloom.jobs.report.html import figure, pair, section, shown
from pairloom.jobs.report.tables import Column, change, share, table

__all__ = ["mixture"]

COLUMNS: dict[str, Column] = {
    "source": "source",
    "inferred": ("by the merges", share),
    "actual": ("asked for", share),
    "difference": ("difference", change),
}


def mixture(report: dict[str, Any]) -> str:
    """The mixture that the merges betray, beside the one asked for; or why there is none, of a vocabulary that was learned."""
    title, question = "Mixture", "Does the order of the merges betray the mixture that the recipe asks for?"
    found = report.get("mixture")
    if not found:
        if "learn" not in report["provenance"].get("stages", {}):
            return ""
        return section(title, question, f'<p class="soft">{shown(_why_not(report))}</p>')
    rows = found["rows"]
    svg = plots.bars(
        [row["source"] for row in rows],
        {
            "by the merges": [row["inferred"] for row in rows],
            "asked for": [row["actual"] for row in rows],
        },
        label="mixture by the merges and as asked for",
        x="share of the bytes",
    )
    kind, verdict = ("good", "Yes.") if found["reflects"] else ("bad", "No.")
    what = (
        f"log10 of the mean squared error is {found['log10_mse']:.2f}; the vocabulary reflects the mixture up to "
        f"{found['limit']:g}. Looked at: the first {found['merges']:,} merges."
    )
    return section(
        title,
        question,
        f'<p><strong class="{kind}">{verdict}</strong> {shown(what)}</p>',
        pair(
            figure(svg, "Shares of the bytes that were learned from."), table(rows, COLUMNS, label="mixture")
        ),
    )


def _why_not(report: dict[str, Any]) -> str:
    recipe = report["provenance"]["recipe"]
    if len(recipe["corpus"]) < 2:
        return "The corpus is one source: there is no mixture to look for."
    if recipe["vocabulary"].get("extend"):
        return "The first merges are those of the vocabulary that was extended: they tell of its corpus, not of this one."
    return "The mixture was not looked at: its sources are too many, unknown or empty, or a library is missing (see the notes)."
