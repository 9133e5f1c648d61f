"""Whether the vocabulary reflects the mixture that it was to be learned from."""

from typing import Any

from pairloom.jobs.report import plots
from pairloom.jobs.report.html import details, figure, pair, section, shown
from pairloom.jobs.report.tables import Column, points, share, table

__all__ = ["apart", "mixture"]

COLUMNS: dict[str, Column] = {
    "source": "source",
    "inferred": ("as learned", share),
    "actual": ("asked for", share),
    "difference": ("difference in points", points),
}


def mixture(report: dict[str, Any]) -> str:
    """The mixture that the merges show, beside the one asked for; or why there is none, of a vocabulary that was learned."""
    title, question = (
        "Mixture",
        "Was the vocabulary learned from the sources in the shares that the recipe asks for?",
    )
    found = report.get("mixture")
    if not found:
        if "learn" not in report["provenance"].get("stages", {}):
            return ""
        return section(title, question, f'<p class="soft">{shown(_why_not(report))}</p>')
    rows = found["rows"]
    svg = plots.bars(
        [row["source"] for row in rows],
        {
            "as learned": [row["inferred"] for row in rows],
            "asked for": [row["actual"] for row in rows],
        },
        label="mixture as learned and as asked for",
        x="share of the bytes",
    )
    kind, verdict = ("good", "Yes.") if found["reflects"] else ("bad", "No.")
    what = f"What the order of the merges shows and what was asked for {apart(found)}."
    figures = (
        f"Looked at: the first {found['merges']:,} merges. The root of the mean squared difference is "
        f"{_root(found['log10_mse'])} points, and up to {_root(found['limit'])} counts as the same. As papers have it, log10 "
        f"of the mean squared error is {found['log10_mse']:.2f} and has to be at most {found['limit']:g}: the lower, the nearer."
    )
    return section(
        title,
        question,
        f'<p><strong class="{kind}">{verdict}</strong> {shown(what)}</p>',
        pair(
            figure(svg, "Shares of the bytes that were learned from."), table(rows, COLUMNS, label="mixture")
        ),
        details("The same as a figure", f"<p>{shown(figures)}</p>"),
    )


def apart(found: dict[str, Any]) -> str:
    """How far the shares of a mixture are from those asked for, in words.

    >>> apart({"rows": [{"difference": 0.012}, {"difference": -0.012}]})
    'differ by at most 1.2 points'
    >>> apart({"rows": [{"difference": 1e-6}, {"difference": -1e-6}]})
    'differ by less than 0.1 points'
    """
    most = 100 * max(abs(row["difference"]) for row in found["rows"])
    return "differ by less than 0.1 points" if most < 0.1 else f"differ by at most {most:.1f} points"


def _root(log10_mse: float) -> str:
    return f"{100 * 10 ** (log10_mse / 2):.2g}"


def _why_not(report: dict[str, Any]) -> str:
    recipe = report["provenance"]["recipe"]
    if len(recipe["corpus"]) < 2:
        return "The corpus is one source: there is no mixture to look for."
    if recipe["vocabulary"].get("extend"):
        return "The first merges are those of the vocabulary that was extended: they tell of its corpus, not of this one."
    return "The mixture was not looked at: its sources are too many, unknown or empty, or a library is missing (see the notes)."
