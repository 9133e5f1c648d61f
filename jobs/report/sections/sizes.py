"""The size of the vocabulary against what text costs, over all and group by group."""

from typing import Any

from pairloom.jobs.report import plots
from pairloom.jobs.report.html import figure, pair, section, shown
from pairloom.jobs.report.tables import Column, compact, share, table

__all__ = ["sizes"]

CURVE: dict[str, Column] = {
    "size": "vocabulary size",
    "bytes_per_token": "bytes per token",
    "tokens": ("tokens", compact),
    "saved": ("fewer tokens", share),
}
OWN: dict[str, Column] = {
    "language": "language",
    "equal": "size at the same cost",
    "premium": "token premium at the largest",
    "tokens": ("tokens there", compact),
    "largest": "largest size",
    "rmse": ("error of the fit", share),
}
MOST_LINES = 6


def sizes(report: dict[str, Any]) -> str:
    """The curve of the whole text, and where there are groups, theirs, with the size at which they cost the same."""
    curve = report["curve"]
    if not curve:
        return ""
    points = {"": [(point["size"], point["bytes_per_token"]) for point in curve]}
    svg = plots.line(points, label="bytes per token by size", x="vocabulary size", y="bytes per token")
    rows = []
    for before, point in zip([None, *curve], curve, strict=False):
        gain = None if before is None else 1 - point["tokens"] / max(1, before["tokens"])
        rows.append(point | {"saved": gain})
    what = "The same text with the first merges only: exact at every size. Where the curve flattens, more merges buy little."
    return section(
        "Vocabulary size",
        "Is the vocabulary too large or too small?",
        pair(figure(svg, what), table(rows, CURVE, label="tokens by size of the vocabulary")),
        _by_group(report),
        _own(report),
    )


def _by_group(report: dict[str, Any]) -> str:
    found = report.get("sizes")
    if not found:
        return ""
    by = found["by"]
    lines = {
        row["group"]: [(size, row["bytes"] / tokens) for size, tokens in row["points"]]
        for row in found["rows"][:MOST_LINES]
    }
    svg = plots.line(
        lines, label=f"bytes per token by size and {by}", x="vocabulary size", y="bytes per token"
    )
    columns: dict[str, Column] = {"group": by, "a": "a", "b": "b", "c": "c", "rmse": ("error", share)}
    what = (
        f"The tokens of a {by} with the first V tokens of this vocabulary, per byte, are nearly a\u00b7V^b + c (the error is the "
        "root mean square beside the mean)."
    )
    if equal := found.get("equal"):
        columns = {"group": by, "equal": "size at the same cost"} | columns
        what += _same_cost(equal)
    return f'<h3>By {shown(by)}</h3><p class="soft">{shown(what)}</p>' + pair(
        figure(svg, f"Of each {by} the text that is kept; the largest {min(MOST_LINES, len(lines))}."),
        table(found["rows"], columns, label=f"fits by {by}"),
    )


def _own(report: dict[str, Any]) -> str:
    found = report.get("own")
    if not found:
        return ""
    lines = {row["language"]: row["points"] for row in found["rows"][:MOST_LINES]}
    svg = plots.line(lines, label="tokens by size and language", x="size of the language's own", y="tokens")
    what = (
        "Each language with a vocabulary learned from its own text alone, on the content that all share. At the sizes here it "
        f"costs {found['target']:,.0f} tokens everywhere, as near as can be."
    )
    what += _vary(found["test"], "at one size for all")
    return f'<h3>A vocabulary for each language</h3><p class="soft">{shown(what)}</p>' + pair(
        figure(svg, f"The first {min(MOST_LINES, len(lines))} languages."),
        table(found["rows"], OWN, label="vocabularies of the languages' own"),
    )


def _same_cost(equal: dict[str, Any]) -> str:
    what = (
        f" At the sizes here, the same content costs {equal['tokens']:,.0f} tokens everywhere, as near as can be; in "
        f"{equal['reference']}, the whole vocabulary makes {equal['reference_tokens']:,} of it."
    )
    what += _vary(equal["test"], "with the whole vocabulary for each")
    return what


def _vary(test: dict[str, Any] | None, beside: str) -> str:
    """Whether the costs of the languages vary less than otherwise, in a sentence."""
    if test is None:
        return ""
    return (
        f" The tokens of the languages then vary {test['f']:.2g} times as much as {beside} "
        f"(F({test['first']}, {test['second']}), p = {test['p']:.2g})."
    )
