"""Counting words."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

from pairloom.operators.reference.text.pretokenize.patterns import split

__all__ = ["TWINS", "count_words", "draw", "merge_words"]


def count_words(documents: Iterable[str], patterns: Sequence[str]) -> dict[bytes, int]:
    r"""Count every piece of every document, as bytes, in the order of the bytes.

    >>> count_words(["a b a"], [r" ?\S+"])
    {b' a': 1, b' b': 1, b'a': 1}
    """
    counts: Counter[bytes] = Counter()
    for document in documents:
        counts.update(piece.encode() for piece in split(document, patterns))
    return dict(sorted(counts.items()))


def merge_words(
    left: Sequence[tuple[bytes, int]], right: Sequence[tuple[bytes, int]]
) -> list[tuple[bytes, int]]:
    """Two lists of words and counts as one, in the order of the bytes.

    >>> merge_words([(b"a", 1), (b"c", 2)], [(b"a", 3), (b"b", 1)])
    [(b'a', 4), (b'b', 1), (b'c', 2)]
    """
    counts = Counter(dict(left))
    counts.update(dict(right))
    return sorted(counts.items())


def draw(words: Sequence[tuple[bytes, int]], step: int) -> list[bytes]:
    """Every occurrence once, each `step` further than the one before it, past the last from the first on.

    >>> draw([(b"a", 4), (b"b", 2)], 5)
    [b'a', b'b', b'b', b'a', b'a', b'a']
    """
    occurrences = [word for word, count in words for _ in range(count)]
    return [occurrences[i * step % len(occurrences)] for i in range(len(occurrences))]


TWINS: Mapping[str, Callable[..., object]] = {
    "counts.kernels.draw:draw_places": draw,
    "counts.kernels.table:count_pieces": count_words,
    "counts.kernels.table:rehash": count_words,
    "counts.kernels.sort:list_words": count_words,
    "counts.kernels.sort:order_ties": count_words,
    "counts.kernels.sort:write_words": count_words,
    "counts.kernels.merge:merge_sorted": merge_words,
}
