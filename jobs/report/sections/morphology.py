"""Whether tokens are words and morphemes, by lexicons and segmentations that were given."""

from typing import Any

from pairloom.jobs.report import plots
from pairloom.jobs.report.html import figure, pair, section
from pairloom.jobs.report.naming import beside, of
from pairloom.jobs.report.tables import Column, compact, share, table

__all__ = ["morphology"]

LEXICON: dict[str, Column] = {
    "language": "lexicon",
    "tokenizer": "tokenizer",
    "tr": ("words or morphemes", share),
    "pure": ("one morpheme", share),
    "tr_unique": ("words or morphemes, distinct tokens", share),
    "pure_unique": ("one morpheme, distinct tokens", share),
    "tokens": ("tokens", compact),
    "bytes": ("bytes of text", compact),
}
SEGMENTED: dict[str, Column] = {
    "language": "segmentation",
    "tokenizer": "tokenizer",
    "recall": ("morpheme ends found", share),
    "precision": ("token ends that are morpheme ends", share),
    "aligned": ("words with all found", share),
    "score": ("MorphScore", share),
    "scored": ("words scored", compact),
    "words": ("words", compact),
    "whole": ("words that are one token", share),
}


def morphology(report: dict[str, Any]) -> str:
    """%TR and %Pure by lexicon and tokenizer, and boundaries of tokens beside those of morphemes."""
    found = report.get("morphology", {})
    lexicons, segmented = found.get("lexicons", []), found.get("segmentations", [])
    plot = ""
    if lexicons:
        svg = plots.bars(
            [of(row["language"], row["tokenizer"]) for row in lexicons],
            {
                "words or morphemes (%TR)": [row["tr"] for row in lexicons],
                "one morpheme (%Pure)": [row["pure"] for row in lexicons],
            },
            label="tokens that the lexicon knows",
            x="share of the tokens",
        )
        plot = figure(svg, "Tokens of the language's text that the lexicon knows.")
    return section(
        "Words and morphemes",
        "Are tokens units of the language?",
        pair(plot, table(lexicons, beside(LEXICON, lexicons), label="tokens that the lexicon knows")),
        table(segmented, beside(SEGMENTED, segmented), "Where tokens and morphemes end inside words"),
    )
