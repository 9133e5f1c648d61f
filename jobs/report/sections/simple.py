"""The tokenizers beside LZW, sequential BPE and bytes: what a model pays for a byte by the tokens' frequencies alone."""

from typing import Any

from pairloom.jobs.report import plots
from pairloom.jobs.report.html import figure, pair, section
from pairloom.jobs.report.tables import Column, compact, table

__all__ = ["simple"]

COLUMNS: dict[str, Column] = {
    "group": "text of",
    "model": "tokens of",
    "entries": ("entries", compact),
    "bytes_per_token": "bytes per token",
    "bits": "bits per byte, by frequencies of other documents",
    "own": "by its own frequencies",
}
ENTROPY: dict[str, Column] = {
    "group": "text of",
    "bytes": ("bytes", compact),
    "order_0": "of a byte",
    "order_1": "given the one before",
    "order_2": "given the two before",
}


def simple(report: dict[str, Any]) -> str:
    """Bits per byte under a model of single tokens, by tokenizer, and the entropies of the text that they come near."""
    found = report.get("simple", {})
    rows = found.get("rows", [])
    if not rows:
        return ""
    groups = list(dict.fromkeys(row["group"] for row in rows))
    bits = {(row["group"], row["model"]): row["bits"] for row in rows}
    svg = plots.bars(
        groups,
        {
            model: [bits[group, model] for group in groups]
            for model in dict.fromkeys(row["model"] for row in rows)
        },
        label="bits per byte by the tokens' frequencies",
        x="bits per byte",
    )
    what = (
        "What a model pays that knows nothing but how often each token occurs: less is better, and a dictionary that holds the "
        "text's structure comes near its entropy rate. LZW and sequential BPE are learned from half of the kept documents, the "
        "others are measured. Sequential BPE takes 1 KiB of text for each entry, so that it has fewer where less is kept."
    )
    return section(
        "Against simple tokenizers",
        "How much more does the vocabulary hold than a dictionary made in one pass?",
        pair(figure(svg, what), table(rows, COLUMNS, label="against simple tokenizers")),
        table(found["entropy"], ENTROPY, "Entropies of the same text, in bits per byte"),
    )
