"""What counting words means."""

from collections import Counter
from collections.abc import Iterable, Sequence

from pairloom.operators.reference.pretokenize import split

__all__ = ["count_words"]


def count_words(documents: Iterable[str], patterns: Sequence[str]) -> dict[bytes, int]:
    r"""Count every piece of every document, as bytes, in the order of the bytes.

    >>> count_words(["a b a"], [r" ?\S+"])
    {b' a': 1, b' b': 1, b'a': 1}
    """
    counts: Counter[bytes] = Counter()
    for document in documents:
        counts.update(piece.encode() for piece in split(document, patterns))
    return dict(sorted(counts.items()))
