"""Exact deduplication: a document that was seen before is left out."""

from collections.abc import Iterable, Sequence

__all__ = ["later_duplicates"]


def later_duplicates(documents: Iterable[Sequence[int]]) -> list[bool]:
    """Which documents, in the order of the corpus, hold the tokens of an earlier one.

    >>> later_duplicates([[1, 2], [3], [1, 2]])
    [False, False, True]
    """
    seen: set[tuple[int, ...]] = set()
    out = []
    for document in documents:
        out.append(tuple(document) in seen)
        seen.add(tuple(document))
    return out
