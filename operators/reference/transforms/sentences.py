"""Sentences of a text, in plain Python: the twin of the kernel."""

import re
from collections.abc import Sequence

__all__ = ["TWINS", "mark_sentences"]

BLANK = r"[ \t\v\f\r\n]"
CLOSING = "[\"')\\]}\u2019\u201d\u300d\u300f]"
STOP, WIDE = "[.!?\u2026]", "[\u3002\uff01\uff1f\uff0e\u0964]"
# Stops and what closes with the white space behind them, or white space alone.
ENDS = re.compile(rf"(?:{STOP}|{WIDE})(?:{STOP}|{WIDE}|{CLOSING})*{BLANK}*|{BLANK}+")


def mark_sentences(text: str, most: int, separators: Sequence[str]) -> list[str]:
    """The sentences of a text, one after another.

    >>> mark_sentences("It rained. Why? Nobody knew.", 99, [])
    ['It rained. ', 'Why? ', 'Nobody knew.']
    >>> mark_sentences("one, two; three", 6, [";", ",", " "])
    ['one,', ' two;', ' three']
    """
    pieces = []
    at = 0
    for end in ENDS.finditer(text):
        spaced, stopped = end[0] != end[0].rstrip(), bool(end[0].strip())
        if (stopped and spaced) or re.search(WIDE, end[0]) or "\n" in end[0]:
            pieces.append(text[at : end.end()])
            at = end.end()
    pieces = [piece for piece in [*pieces, text[at:]] if piece]
    for separator in separators:
        pieces = [
            part for piece in pieces for part in (_cut(piece, separator) if len(piece) > most else [piece])
        ]
    out: list[str] = []
    run = 0
    for piece in pieces:
        short = len(piece) <= 2
        if short and run and run + len(piece) <= 15:
            out[-1] += piece
        else:
            out.append(piece)
            run = 0
        run = run + len(piece) if short else 0
    return out


def _cut(piece: str, separator: str) -> list[str]:
    parts = piece.split(separator)
    return [part for part in [*(part + separator for part in parts[:-1]), parts[-1]] if part]


TWINS = {"transforms.kernels.sentences:mark_sentences": mark_sentences}
