"""What a pretokenizer means: repeated leftmost matches of a pattern; what no match covers is a piece as well."""

from collections.abc import Sequence

import regex

__all__ = ["split"]


def split(text: str, patterns: Sequence[str]) -> list[str]:
    """Split `text` by each pattern in turn, every piece of one pattern being the input of the next.

    >>> split("it's 42", [r" ?\\p{L}+| ?\\p{N}+"])
    ['it', "'", 's', ' 42']
    """
    pieces = [text] if text else []
    for pattern in patterns:
        pieces = [part for piece in pieces for part in _isolate(piece, pattern)]
    return pieces


def _isolate(text: str, pattern: str) -> list[str]:
    parts: list[str] = []
    end = 0
    for match in regex.finditer(pattern, text):
        if match.start() == match.end():
            continue
        if match.start() > end:
            parts.append(text[end : match.start()])
        parts.append(match.group())
        end = match.end()
    if end < len(text):
        parts.append(text[end:])
    return parts
