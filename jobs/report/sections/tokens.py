"""The tokens themselves: which are used, how long they are, how often they occur."""

from typing import Any

from pairloom.jobs.report import plots
from pairloom.jobs.report.html import chips, details, figure, pair, section
from pairloom.jobs.report.tables import share, table

__all__ = ["shape", "use"]

SPELLINGS = 20


def use(report: dict[str, Any]) -> str:
    """Tokens that are wasted or dangerous, with examples."""
    use, examples = report["use"], report["examples"]
    rows = [
        {"what": text, "tokens": use[key], "share": use[key] / max(1, use["ordinary"])}
        for key, text in (
            ("never", "never used in this text"),
            ("rare", f"used, but fewer than {use['threshold']:,} times"),
            ("unreachable", "unreachable: no merges lead there"),
            ("glitch_candidates", "candidates for glitch tokens: hardly ever seen in training"),
            ("partial_utf8", "parts of characters (no UTF-8 by themselves)"),
            ("duplicate_tokens", "another spelling of a token (case, spaces, compatibility)"),
        )
        if key in use
    ]
    lists = [
        chips(title, [[(one["token"], one["count"])] for one in examples[key]])
        for key, title in (
            ("unreachable", "Unreachable"),
            ("glitch_candidates", "Candidates for glitch tokens, the most suspicious first"),
        )
    ]
    longest = chips("The longest", [[(one["token"], one["count"])] for one in examples["longest"]])
    spellings = chips(
        "Spellings of the same, the least used first",
        [[(one["token"], one["count"]) for one in group] for group in examples["duplicates"][:SPELLINGS]],
    )
    return section(
        "Use of the vocabulary",
        "Which tokens are wasted or dangerous? Beside a token stands how often it occurs.",
        table(rows, {"what": "tokens that are", "tokens": "tokens", "share": ("share", share)}),
        *lists,
        details("Longest tokens, and spellings of the same", longest + spellings),
    )


def shape(report: dict[str, Any]) -> str:
    """Lengths of tokens, and counts by rank."""
    rows = report["token_lengths"]
    total = max(1, sum(tokens for _, tokens, _ in rows))
    used = sum(count for _, _, count in rows)
    series = {"of the vocabulary": [tokens / total for _, tokens, _ in rows]}
    if used:
        series["of the text"] = [count / used for _, _, count in rows]
    by_length = plots.columns(
        [str(size) for size, _, _ in rows],
        series,
        label="lengths of tokens",
        x="bytes of the token",
        y="share of tokens",
    )
    left = figure(by_length, "How long are tokens? The last columns are of all longer ones.")
    if not report["rank_frequency"]:
        return section("Lengths and ranks of tokens", "", left)
    ranks = plots.line(
        {"": report["rank_frequency"]}, label="counts by rank", x="rank", y="count", log=(True, True)
    )
    right = figure(ranks, "Is the tail learnable? A tail that falls off steeply is hardly trained.")
    return section("Lengths and ranks of tokens", "How evenly does the text use them?", pair(left, right))
