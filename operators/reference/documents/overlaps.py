"""Runs of words that texts share, in plain Python: the twins of the kernels."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence

__all__ = ["TWINS", "find_runs", "hash_runs", "hash_words"]

_WORD = re.compile(r"[^\W_]+")


def hash_words(text: str) -> list[tuple[str, int, int]]:
    """The words of a text in small letters, each with its characters [begin, end); marks are not tried here.

    >>> hash_words("Who's there?")
    [('who', 0, 3), ('s', 4, 5), ('there', 6, 11)]
    """
    return [(found[0], found.start(), found.end()) for found in _WORD.finditer(text.lower())]


def hash_runs(words: Sequence[str], size: int) -> list[tuple[str, ...]]:
    """The runs of so many words.

    >>> hash_runs(["a", "b", "c"], 2)
    [('a', 'b'), ('b', 'c')]
    """
    return [tuple(words[i : i + size]) for i in range(len(words) - size + 1)]


def find_runs(words: Sequence[str], size: int, known: Iterable[tuple[str, ...]]) -> list[bool]:
    """Which words are in a run that is known.

    >>> find_runs(["x", "a", "b", "y"], 2, [("a", "b")])
    [False, True, True, False]
    """
    there = set(known)
    shared = [False] * len(words)
    for i, run in enumerate(hash_runs(words, size)):
        if run in there:
            shared[i : i + size] = [True] * size
    return shared


TWINS: Mapping[str, Callable[..., object]] = {
    "documents.kernels.overlaps:hash_words": hash_words,
    "documents.kernels.overlaps:hash_runs": hash_runs,
    "documents.kernels.overlaps:find_runs": find_runs,
}
