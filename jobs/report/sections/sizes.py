"""The size of the vocabulary against what text costs, over all and group by group."""

from typing import Any

from pairloom.jobs.report import plots
from pairloom.jobs.report.html import figure, pair, section
from pairloom.jobs.report.tables import table

__all__ = ["sizes"]

CURVE = {
    "size": "vocabulary size",
    "bytes_per_token": "bytes per token",
    "tokens~": "tokens",
    "saved%": "fewer tokens",
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
    )


def _by_group(report: dict[str, Any]) -> str:
    found = report.get("sizes")
    if not found:
        return ""
    by, equal = found["by"], found.get("equal")
    lines = {
        row["group"]: [(size, row["bytes"] / tokens) for size, tokens in row["points"]]
        for row in found["rows"][:MOST_LINES]
    }
    svg = plots.line(
        lines, label=f"bytes per token by size and {by}", x="vocabulary size", y="bytes per token"
    )
    columns = {"group": by, "a": "a", "b": "b", "c": "c", "rmse%": "error"}
    what = (
        f"Fits of tokens(V) = a\u00b7V^b + c, in tokens per byte, of the text that is kept of each {by}; c is what no size of "
        "vocabulary would save, the error is the root mean square beside the mean."
    )
    if equal:
        columns = {"group": by, "equal": "size at the same cost"} | columns
        what = (
            f"With the first so many tokens of this vocabulary, content costs in every {by} as near as can be to the same: "
            f"{equal['tokens']:,.0f} tokens for what is {equal['reference_tokens']:,} in {equal['reference']} with all of "
            f"them. At the ends of the range, nothing nearer is there. {what}"
        )
        if "variance_ratio" in equal:
            what += (
                f" The variance of the costs is {equal['variance_ratio']:.3g} times that with all tokens for all "
                f"(F test, p = {equal['p']:.2g})."
            )
    return f"<h3>By {by}</h3>" + pair(
        figure(svg, f"Bytes per token by size, of the largest {by}s."), table(found["rows"], columns, what)
    )
