"""How long documents are in tokens, and what candidate sequence lengths do to them."""

from typing import Any

from pairloom.jobs.report import plots
from pairloom.jobs.report.html import details, figure, pair, section
from pairloom.jobs.report.tables import Column, compact, share, table

__all__ = ["lengths"]

AT: dict[str, Column] = {
    "seq_len": "sequence length",
    "whole": ("documents that fit", share),
    "whole_tokens": ("tokens in them", share),
    "truncated": ("tokens cut off", share),
    "padding": ("padding", share),
    "pieces": "rows a document",
}


def lengths(report: dict[str, Any]) -> str:
    """The distribution of lengths with candidates, truncation and padding at each, and the same by source."""
    documents = report.get("documents", [])
    if not documents:
        return ""
    whole = documents[0]
    at = whole["at_lengths"]
    svg = plots.histogram(
        [low for low, _, _ in whole["histogram"]],
        [tokens for _, _, tokens in whole["histogram"]],
        label="tokens by length of document",
        x="tokens in the document",
        y="tokens",
        marks=[row["seq_len"] for row in at],
    )
    lost = plots.columns(
        [compact(row["seq_len"]) if row["seq_len"] % 1024 else f"{row['seq_len'] // 1024}k" for row in at],
        {"tokens cut off": [row["truncated"] for row in at], "padding": [row["padding"] for row in at]},
        label="tokens cut off and padding by sequence length",
        x="sequence length",
        y="share, one document a row",
    )
    by_source = [{"source": one["source"]} | row for one in documents for row in one["at_lengths"]]
    quantiles = [
        {"source": one["source"], "documents": one["documents"], "tokens": one["tokens"]} | one["quantiles"]
        for one in documents
    ]
    names = {"source": "source"} | {key: key for key in whole["quantiles"]}
    names |= {"documents": ("documents", compact), "tokens": ("tokens", compact)}
    note = (
        "Tokens cut off and padding are those of one document a row; split and packed, nothing is cut off, and a document is "
        "in so many rows."
    )
    return section(
        "Lengths of documents",
        "Which sequence length?",
        pair(
            figure(svg, "Tokens by the length of their document; the dashed lines are the candidates."),
            figure(lost, "What a row of one document loses, and what it pads."),
        ),
        table(at, AT, note),
        table(quantiles, names, "Lengths that so many percent of the documents do not pass"),
        details("Sequence lengths by source", table(by_source, {"source": "source"} | AT, label="by source"))
        if len(documents) > 1
        else "",
    )
