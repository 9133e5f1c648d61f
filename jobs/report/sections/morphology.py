"""Whether tokens are words and morphemes, by lexicons and segmentations that were given."""

from typing import Any

from pairloom.jobs.report import plots
from pairloom.jobs.report.html import figure, pair, section
from pairloom.jobs.report.tables import table

__all__ = ["morphology"]

LEXICON = {
    "language": "lexicon",
    "tokenizer": "tokenizer",
    "tr%": "words or morphemes",
    "pure%": "one morpheme",
    "tr_unique%": "words or morphemes, distinct tokens",
    "pure_unique%": "one morpheme, distinct tokens",
    "tokens~": "tokens",
    "bytes~": "bytes of text",
}
SEGMENTED = {
    "language": "segmentation",
    "tokenizer": "tokenizer",
    "recall%": "morpheme ends found",
    "precision%": "token ends that are morpheme ends",
    "aligned%": "words with all found",
    "score%": "MorphScore",
    "scored~": "words scored",
    "words~": "words",
    "whole%": "words that are one token",
}


def morphology(report: dict[str, Any]) -> str:
    """%TR and %Pure by lexicon and tokenizer, and boundaries of tokens beside those of morphemes."""
    found = report.get("morphology", {})
    lexicons, segmented = found.get("lexicons", []), found.get("segmentations", [])
    plot = ""
    if lexicons:
        svg = plots.bars(
            [f"{row['language']}, {row['tokenizer']}" for row in lexicons],
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
        pair(plot, table(lexicons, LEXICON, label="tokens that the lexicon knows")),
        table(segmented, SEGMENTED, "Where tokens and morphemes end inside words"),
    )
