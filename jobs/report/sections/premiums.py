"""Token premiums: what the same content costs in each language."""

from typing import Any

from pairloom.jobs.report import plots
from pairloom.jobs.report.html import figure, pair, section
from pairloom.jobs.report.tables import Column, compact, share, table

__all__ = ["premiums"]

COLUMNS: dict[str, Column] = {
    "language": "language",
    "premium": "token premium",
    "byte_premium": "byte premium",
    "corrected": "token premium / byte premium",
    "tokens": ("tokens", compact),
    "characters_per_token": "characters per token",
    "whitespace": ("white space", share),
    "mean_token_length": "characters of a token in use",
    "similarity": ("share of the vocabulary in use here and in the corpus", share),
}
EXPLAINED: dict[str, Column] = {
    "predictor": "property",
    "r_squared": ("share explained (R\u00b2)", share),
    "f": "F",
    "p": "p",
}


def premiums(report: dict[str, Any]) -> str:
    """Tokens and bytes relative to the reference language, the dearest language first."""
    found = report.get("premiums")
    if not found:
        return ""
    rows = sorted(found["rows"], key=lambda row: -row["premium"])
    svg = plots.bars(
        [row["language"] for row in rows],
        {"tokens": [row["premium"] for row in rows], "bytes": [row["byte_premium"] for row in rows]},
        label="premiums by language",
        x=f"times {found['reference']}, for the same content",
        mark=1.0,
    )
    what = f"{found['documents']:,} documents that exist in every language shown."
    return section(
        "Token premiums",
        "What does the same content cost in each language?",
        pair(figure(svg, what), table(rows, COLUMNS, label="premiums by language")),
        table(
            [
                one | {"predictor": str(one["predictor"]).replace("_", " ")}
                for one in found.get("explained", [])
            ],
            EXPLAINED,
            "Which property of the languages explains their tokens? Least squares; p is the chance of so large an F",
        ),
    )
