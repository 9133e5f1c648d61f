"""What learning byte-pair merges means: greedy, exact, ties to the smaller pair of ids.

The order is that of Hugging Face `tokenizers.trainers.BpeTrainer`: the most frequent pair first, then the smaller left
id, then the smaller right id. A pair's count is the number of positions at which it stands, so "aaa" holds (a, a) twice.
"""

from collections import Counter
from collections.abc import Mapping

__all__ = ["apply_merge", "learn_merges", "pair_counts"]


def pair_counts(words: Mapping[tuple[int, ...], int]) -> Counter[tuple[int, int]]:
    """The weighted number of positions of every adjacent pair of ids.

    >>> pair_counts({(1, 1, 1): 2})
    Counter({(1, 1): 4})
    """
    counts: Counter[tuple[int, int]] = Counter()
    for word, count in words.items():
        for pair in zip(word, word[1:], strict=False):
            counts[pair] += count
    return counts


def apply_merge(word: tuple[int, ...], pair: tuple[int, int], product: int) -> tuple[int, ...]:
    """Replace `pair` by `product` from left to right, without overlap.

    >>> apply_merge((1, 2, 3, 1, 2), (1, 2), 4)
    (4, 3, 4)
    >>> apply_merge((1, 1, 1), (1, 1), 2)
    (2, 1)
    """
    out: list[int] = []
    i = 0
    while i < len(word):
        if word[i : i + 2] == pair:
            out.append(product)
            i += 2
        else:
            out.append(word[i])
            i += 1
    return tuple(out)


def learn_merges(
    words: Mapping[tuple[int, ...], int], first_id: int, merges: int, min_count: int = 1
) -> list[tuple[int, int]]:
    """Learn up to `merges` merges; the product of merge k has the id `first_id + k`."""
    current = dict(words)
    learned: list[tuple[int, int]] = []
    while len(learned) < merges:
        counts = pair_counts(current)
        if not counts:
            break
        pair = min(counts, key=lambda p: (-counts[p], p))
        if counts[pair] < max(1, min_count):
            break
        product = first_id + len(learned)
        learned.append(pair)
        merged: Counter[tuple[int, ...]] = Counter()
        for word, count in current.items():
            merged[apply_merge(word, pair, product)] += count
        current = dict(merged)
    return learned
