"""The documents that the vocabulary does worst on, with the boundaries of their tokens."""

from typing import Any

from pairloom.jobs.report.html import section, shown, spans

__all__ = ["worst"]


def worst(report: dict[str, Any]) -> str:
    """The beginnings of the documents with the fewest bytes a token."""
    made = [
        f'<div><h3>{shown(one["document"])}</h3><p class="soft">{shown(one["source"])}, {one["tokens"]:,} tokens of '
        f"{one['bytes_per_token']:.2f} bytes{_alike(one.get('alike', 1))}</p>"
        f"{spans(one['pieces'], 'tokens of ' + one['document'])}</div>"
        for one in report.get("worst", [])
    ]
    return section(
        "Worst-tokenized documents",
        "What does the vocabulary do badly? Colours change where a token ends; a broken border holds the tokens of one "
        "character.",
        f'<div class="docs">{"".join(made)}</div>' if made else "",
    )


def _alike(documents: int) -> str:
    return f"; at least {documents:,} documents begin so" if documents > 1 else ""
