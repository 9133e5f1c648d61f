"""Statistics of tokens, by their definitions, over Python lists."""

from collections import Counter
from collections.abc import Sequence
from math import prod, sqrt

__all__ = ["ngrams"]


def ngrams(
    documents: Sequence[Sequence[int]], lengths: Sequence[int], top: int | None
) -> list[tuple[int, tuple[int, ...], int, float]]:
    """(n, n-gram, count, t) by length, then falling t, then ids; the first `top` of each length.

    >>> ngrams([[5, 6, 5, 6]], [2], 1)[0][:3]
    (2, (5, 6), 2)
    """
    single = Counter(token for document in documents for token in document)
    tokens = single.total()
    out: list[tuple[int, tuple[int, ...], int, float]] = []
    for n in sorted(lengths):
        found = Counter(
            tuple(document[i : i + n]) for document in documents for i in range(len(document) - n + 1)
        )
        total, rows = found.total(), []
        for gram, count in found.items():
            p, q = count / total, prod(single[token] / tokens for token in gram)
            rows.append((n, gram, count, (p - q) / sqrt(max(p * (1 - p), 2.0**-1022) / total)))
        rows.sort(key=lambda row: (-row[3], row[1]))
        out += rows[:top]
    return out
