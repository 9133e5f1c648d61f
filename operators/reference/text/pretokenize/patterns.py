"""Pretokenizing: repeated leftmost matches of a pattern; what no match covers is a piece as well.

This is `Split(Regex(pattern), "isolated")` of Hugging Face's `tokenizers`: a match of nothing is no piece,
but cuts.
"""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence

import regex

__all__ = ["TWINS", "split", "split_bytes"]


def split(text: str, patterns: Sequence[str]) -> list[str]:
    r"""Split `text` by each pattern in turn, every piece of one pattern being the input of the next.

    >>> split("it's 42", [r" ?\p{L}+| ?\p{N}+"])
    ['it', "'", 's', ' 42']
    """
    pieces = [text] if text else []
    for pattern in patterns:
        pieces = [part for piece in pieces for part in _isolate(piece, pattern)]
    return pieces


def split_bytes(data: bytes, patterns: Sequence[str]) -> list[bytes]:
    r"""Split a document that need not be UTF-8: a byte that begins no valid sequence is a character of its own.

    Such a byte is neither a letter nor a number, space, mark, punctuation or symbol, as the lone surrogate
    that stands for it here.

    >>> split_bytes(b"caf\xe9 au lait", [r" ?\p{L}+| ?[^\s\p{L}]+"])
    [b'caf', b'\xe9', b' au', b' lait']
    """
    return [
        piece.encode(errors="surrogateescape")
        for piece in split(data.decode(errors="surrogateescape"), patterns)
    ]


def _isolate(text: str, pattern: str) -> list[str]:
    cuts = {0, len(text)}
    for start, end in _matches(text, pattern):
        cuts |= {start, end}
    return [text[low:high] for low, high in itertools.pairwise(sorted(cuts))]


def _matches(text: str, pattern: str) -> Iterator[tuple[int, int]]:
    position = 0
    while position <= len(text):
        for match in regex.finditer(pattern, text, pos=position):
            yield match.span()
            if match.start() == match.end():
                # Oniguruma goes on a character further; `regex` would try for a longer match in the same
                # place.
                position = match.end() + 1
                break
        else:
            return


TWINS: Mapping[str, Callable[..., object]] = {
    "text.pretokenize.kernels.scan:scan_spaced": split_bytes,
    "text.pretokenize.kernels.scan:scan_prefixed": split_bytes,
    "text.pretokenize.kernels.scan:scan_cased": split_bytes,
    "text.pretokenize.kernels.scan:scan_isolated": split_bytes,
    "text.pretokenize.kernels.scan:scan_segmented": split_bytes,
}
