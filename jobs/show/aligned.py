"""Where two tokenizers cut texts otherwise, side by side."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pairloom.operators.shown import printable

if TYPE_CHECKING:
    from rich.text import Text

    from pairloom.operators.evaluate.differences import Aligned

__all__ = ["show_aligned"]

BEFORE = 24  # characters of the text before a difference


def show_aligned(found: "Sequence[Aligned]") -> None:
    """Print a table of the chunks that are other tokens in both, by text and place, and how many are the same."""
    from rich.table import Table

    from pairloom.jobs.show.console import wide_console

    table = Table(box=None, pad_edge=False)
    table.add_column("text", justify="right")
    table.add_column("character", justify="right")
    table.add_column("behind", justify="right", style="dim")
    for side in "AB":
        table.add_column(side)
    apart = 0
    for number, one in enumerate(found, 1):
        data = one.text.encode()
        for start, *both in one.apart():
            apart += 1
            before = data[:start].decode("utf-8", "ignore")
            cells = [_tokens(side, style) for side, style in zip(both, ("red", "green"), strict=True)]
            table.add_row(str(number), str(len(before)), _line(before[-BEFORE:]), *cells)
    if apart:
        wide_console().print(table)
    a, b, chunks = (
        sum(map(len, each))
        for each in (
            [one.first for one in found],
            [one.second for one in found],
            [one.chunks for one in found],
        )
    )
    sys.stdout.write(
        f"{a:,} tokens by A, {b:,} by B; {chunks:,} chunks, {chunks - apart:,} of them the same tokens\n"
    )


def _tokens(tokens: list[str], style: str) -> "Text":
    """Tokens with bars between them."""
    from rich.text import Text

    return Text(" | ", style="dim").join(Text(_line(token), style=style) for token in tokens)


def _line(text: str) -> str:
    """A piece of text on one line, its spaces visible."""
    shown = text.replace(" ", "\u2423").replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")
    return printable(shown)
