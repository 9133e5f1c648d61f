"""Encoding: of a word, merge the pair of the lowest rank, leftmost first, until no pair has a rank."""

import itertools
from collections.abc import Collection, Iterable, Mapping, Sequence

__all__ = ["encode_word", "find_special", "unknown_words"]


def encode_word(symbols: Sequence[int], ranks: Mapping[tuple[int, int], tuple[int, int]]) -> list[int]:
    """Apply merges to the ids of a word's bytes; `ranks` maps a pair to (rank, product).

    >>> encode_word([0, 1, 0, 1, 2], {(0, 1): (0, 3), (3, 2): (1, 4)})
    [3, 4]
    """
    word = list(symbols)
    while len(word) > 1:
        best, rank = -1, None
        for i, pair in enumerate(itertools.pairwise(word)):
            found = ranks.get(pair)
            if found is not None and (rank is None or found[0] < rank):
                best, rank = i, found[0]
        if rank is None:
            break
        word[best : best + 2] = [ranks[word[best], word[best + 1]][1]]
    return word


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
