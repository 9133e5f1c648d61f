"""Encoding around words: special tokens in text, words that are not known, and ids back into bytes."""

import itertools
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

__all__ = ["TWINS", "decode", "find_added", "find_special", "unknown_words"]


def find_added(text: str, tokens: Sequence[str], left: Collection[str] = ()) -> list[tuple[int, str]]:
    """As `find_special`, but that those that are `left` stay text, and keep others from what they spell.

    >>> find_added("a<s><s>>", ["<s>", "<s>>"], {"<s>>"})
    [(1, '<s>')]
    """
    return [(place, token) for place, token in find_special(text, tokens) if token not in left]


def find_special(text: str, tokens: Sequence[str]) -> list[tuple[int, str]]:
    """Where special tokens stand in a text, without overlap: leftmost first, of those at one place the longest.

    >>> find_special("a<s><s>>", ["<s>", "<s>>"])
    [(1, '<s>'), (4, '<s>>')]
    """
    found = []
    place = 0
    while place < len(text):
        here = max((token for token in tokens if text.startswith(token, place)), key=len, default="")
        if here:
            found.append((place, here))
        place += max(1, len(here))
    return found


def unknown_words(words: Iterable[bytes], memo: Collection[bytes]) -> int:
    """How many pretokens are no words of a memo; those of more than 1,024 bytes are never in one.

    >>> unknown_words([b"the", b" cat", b" cat"], {b"the"})
    2
    """
    return sum(len(word) > 1024 or word not in memo for word in words)


def decode(ids: Iterable[int], tokens: Sequence[bytes]) -> tuple[bytes, list[int]]:
    """The bytes of some ids, and where each token ends in them.

    >>> decode([1, 0, 1], [b"a", b"bc"])
    (b'bcabc', [2, 3, 5])
    """
    parts = [tokens[token] for token in ids]
    return b"".join(parts), list(itertools.accumulate(map(len, parts)))


TWINS: Mapping[str, Callable[..., object]] = {
    "encode.kernels.special:find_tokens": find_added,
    "encode.kernels.special:cut_segments": find_added,
    "encode.kernels.decode:measure_lists": decode,
    "encode.kernels.decode:copy_tokens": decode,
    "encode.kernels.decode:find_ends": decode,
    "encode.kernels.table:rehash_short": unknown_words,
    "encode.kernels.table:rehash_long": unknown_words,
}
