"""Near-duplicates in plain Python: the twins of the kernels."""

import re
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence

__all__ = [
    "TWINS",
    "band_keys",
    "components",
    "distinct_shingles",
    "jaccard",
    "signature",
    "token_shingles",
    "word_shingles",
]

_WORD = re.compile("[\u3040-\u30ff\u4e00-\u9fa5]|(?:(?![\u3040-\u30ff\u4e00-\u9fa5])[^\\W_])+")


def word_shingles(text: str, size: int) -> list[tuple[str, ...]]:
    """The runs of words of a text in small letters; marks are not tried here.

    >>> word_shingles("A b, C", 2), word_shingles("a", 2), word_shingles("?!", 2)
    ([('a', 'b'), ('b', 'c')], [('a',)], [('?!',)])
    """
    words = _WORD.findall(text.lower()) or [text.lower()]
    return [tuple(words[i : i + size]) for i in range(max(1, len(words) - size + 1))]


def token_shingles(ids: Sequence[int], size: int) -> list[tuple[int, ...]]:
    """The runs of ids.

    >>> token_shingles([1, 2, 3], 2)
    [(1, 2), (2, 3)]
    """
    return [tuple(ids[i : i + size]) for i in range(max(1, len(ids) - size + 1))]


def distinct_shingles(hashes: Iterable[int]) -> list[int]:
    """Each shingle once, ascending.

    >>> distinct_shingles([3, 1, 3])
    [1, 3]
    """
    return sorted(set(hashes))


def signature(hashes: Iterable[int], factors: Sequence[int], added: Sequence[int]) -> list[int]:
    """The least value of each hash function, of hashes of 64 bits.

    >>> signature([1 << 32, 2 << 32], [1, 3], [5, 0])
    [6, 3]
    """
    upper = [value >> 32 for value in hashes]
    return [
        min((factor * x + plus) % (1 << 32) for x in upper)
        for factor, plus in zip(factors, added, strict=True)
    ]


def band_keys(signature: Sequence[int], rows: int) -> list[tuple[int, ...]]:
    """What two documents must have in common in a band.

    >>> band_keys([1, 2, 3, 4], 2)
    [(1, 2), (3, 4)]
    """
    return [tuple(signature[i : i + rows]) for i in range(0, len(signature), rows)]


def jaccard(one: Iterable[Hashable], other: Iterable[Hashable]) -> float:
    """What share of two sets is in both.

    >>> jaccard("abc", "bcd")
    0.5
    """
    left, right = set(one), set(other)
    return len(left & right) / max(1, len(left | right))


def components(edges: Iterable[tuple[int, int]]) -> dict[int, int]:
    """The least end that each end of edges hangs together with.

    >>> components([(5, 7), (9, 7)])
    {5: 5, 7: 5, 9: 5}
    """
    least: dict[int, int] = {}
    pairs = list(edges)
    for pair in pairs:
        least.update((end, end) for end in pair)
    changed = True
    while changed:
        changed = False
        for pair in pairs:
            low = min(least[end] for end in pair)
            for end in pair:
                changed |= least[end] != low
                least[end] = low
    return dict(sorted(least.items()))


TWINS: Mapping[str, Callable[..., object]] = {
    "near.kernels.shingles:shingle_words": word_shingles,
    "near.kernels.shingles:shingle_tokens": token_shingles,
    "near.kernels.shingles:distinct_shingles": distinct_shingles,
    "near.kernels.minhash:sign": signature,
    "near.kernels.minhash:band_keys": band_keys,
    "near.kernels.minhash:share_of_pairs": jaccard,
    "near.kernels.components:join_edges": components,
}
