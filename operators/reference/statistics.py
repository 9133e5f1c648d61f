"""Statistics of tokens, by their definitions, over Python lists."""

from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from math import log, log2, prod, sqrt

__all__ = ["cooccurrence", "document_frequency", "lengths", "ngrams", "successors"]


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


def successors(
    documents: Sequence[Sequence[int]], context: int, top: int, min_count: int
) -> list[tuple[tuple[int, ...], list[int], list[int], int]]:
    """(context, successors, counts, total) by context; successors by falling count, then by id.

    >>> successors([[5, 6, 5, 7, 5, 6]], 1, 1, 1)
    [((5,), [6], [2], 3), ((6,), [5], [1], 1), ((7,), [5], [1], 1)]
    """
    found: dict[tuple[int, ...], Counter[int]] = {}
    for document in documents:
        for i in range(context, len(document)):
            found.setdefault(tuple(document[i - context : i]), Counter())[document[i]] += 1
    out = []
    for before, after in sorted(found.items()):
        rows = sorted((-count, token) for token, count in after.items() if count >= min_count)[:top]
        if rows:
            out.append((before, [token for _, token in rows], [-count for count, _ in rows], after.total()))
    return out


def cooccurrence(
    documents: Sequence[Sequence[int]], window: int, *, symmetric: bool
) -> dict[tuple[int, int], Fraction]:
    """The sum of 1 / distance of each pair.

    >>> cooccurrence([[5, 6, 5]], 2, symmetric=True)
    {(5, 6): Fraction(2, 1), (5, 5): Fraction(1, 2)}
    """
    found: dict[tuple[int, int], Fraction] = {}
    for document in documents:
        for i, one in enumerate(document):
            for distance, two in enumerate(document[i + 1 : i + 1 + window], start=1):
                pair = (min(one, two), max(one, two)) if symmetric else (one, two)
                found[pair] = found.get(pair, Fraction(0)) + Fraction(1, distance)
    return found


def document_frequency(documents: Sequence[Sequence[int]]) -> list[tuple[int, int, int, float]]:
    """(token, count, documents, idf) by token.

    >>> document_frequency([[5, 5], [6]])[0][:3]
    (5, 2, 1)
    """
    count = Counter(token for document in documents for token in document)
    within = Counter(token for document in documents for token in set(document))
    return [
        (token, count[token], within[token], log(len(documents) / within[token])) for token in sorted(count)
    ]


def lengths(documents: Sequence[Sequence[int]]) -> list[tuple[int, int, int]]:
    """(length, documents, tokens) by length.

    >>> lengths([[5, 5], [6], [7]])
    [(1, 2, 2), (2, 1, 2)]
    """
    found = Counter(map(len, documents))
    return [(length, count, length * count) for length, count in sorted(found.items())]


def codebooks(codes: Sequence[tuple[int, int]]) -> list[tuple[int, int, int, float]]:
    """(codebook, tokens, different ones, entropy in bits) by codebook, of (codebook, id) of each token; 0 is none.

    >>> codebooks([(1, 5), (1, 6), (2, 5), (0, 9)])
    [(1, 2, 2, 1.0), (2, 1, 1, 0.0)]
    """
    out = []
    for book in sorted({book for book, _ in codes if book}):
        count = Counter(code for other, code in codes if other == book)
        total = sum(count.values())
        entropy = sum(n / total * log2(total / n) for n in count.values())
        out.append((book, total, len(count), entropy))
    return out
