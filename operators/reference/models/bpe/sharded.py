"""A round of sharded learning: merges on trial, what stands next to them, and which of them are kept.

Words are tuples of symbols. A symbol on trial is expanded into the two that it was made of, wherever it stands, and what
is counted then is what would be counted had it never been tried; so that each choice here is made by counting anew.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from pairloom.operators.reference.models.bpe.learning import apply_merge, pair_counts

__all__ = ["TWINS", "expand", "keep_merges", "neighbours", "try_merges"]

Words = Mapping[tuple[int, ...], int]
Pair = tuple[int, int]


def try_merges(words: Words, batch: Sequence[Pair], base: int) -> Counter[tuple[int, ...]]:
    """Merge every pair of `batch` in turn, pair i into the symbol `base + i`.

    >>> try_merges({(1, 2, 3): 5}, [(2, 3), (1, 2)], 7)
    Counter({(1, 7): 5})
    """
    tried: Counter[tuple[int, ...]] = Counter()
    for word, count in words.items():
        for i, pair in enumerate(batch):
            word = apply_merge(word, pair, base + i)  # noqa: PLW2901
        tried[word] += count
    return tried


def expand(words: Words, parts: Mapping[int, Pair]) -> Counter[tuple[int, ...]]:
    """Put back what some symbols were made of.

    >>> expand({(1, 7): 5}, {7: (2, 3)})
    Counter({(1, 2, 3): 5})
    """
    expanded: Counter[tuple[int, ...]] = Counter()
    for word, count in words.items():
        expanded[tuple(symbol for whole in word for symbol in parts.get(whole, (whole,)))] += count
    return expanded


def neighbours(words: Words, symbol: int) -> tuple[Counter[int], Counter[int], int]:
    """What stands on the left and on the right of a symbol, and how often the symbol occurs; all weighted.

    A symbol next to itself is counted on the left only.

    >>> neighbours({(1, 7, 7, 2): 5}, 7)
    (Counter({1: 5, 7: 5}), Counter({2: 5}), 10)
    """
    left: Counter[int] = Counter()
    right: Counter[int] = Counter()
    total = 0
    for word, count in words.items():
        total += count * word.count(symbol)
        for one, two in zip(word, word[1:], strict=False):
            if two == symbol:
                left[one] += count
            elif one == symbol:
                right[two] += count
    return left, right, total


def keep_merges(tried: Words, batch: Sequence[Pair], base: int, floor: int = 1) -> list[int]:
    """The places in `batch` of the merges that greedy learning makes, in its order, as far as the trial tells them.

    `tried` are the words after `try_merges`. Ties go to the smaller pair, symbols being compared as they are; what is kept
    counts as larger than all others, in the order in which it is kept.

    >>> keep_merges(try_merges({(1, 2, 3): 5, (1, 2): 1}, [(1, 2), (2, 3)], 7), [(1, 2), (2, 3)], 7)
    [0]
    """
    parts = {base + i: pair for i, pair in enumerate(batch)}
    kept: list[int] = []
    names: dict[int, int] = {}
    while True:
        counts = pair_counts(expand(tried, parts))
        best = min(
            (pair for pair, count in counts.items() if count >= floor),
            key=lambda pair: (-counts[pair], *(names.get(symbol, symbol) for symbol in pair)),
            default=None,
        )
        if best is None or best not in batch:
            return kept
        place = batch.index(best)
        if any(
            base + i in parts and (batch[i][1] == best[0] or batch[i][0] == best[1]) for i in range(place)
        ):
            return kept
        kept.append(place)
        del parts[base + place]
        names[base + place] = base + len(batch) + len(kept)


TWINS: Mapping[str, Callable[..., object]] = {
    "models.bpe.sharded.kernels.applying:batch_room": try_merges,
    "models.bpe.sharded.kernels.applying:apply_batch": try_merges,
    "models.bpe.sharded.kernels.writing:write_tokens": try_merges,
    "models.bpe.sharded.kernels.listing:mark_cells": try_merges,
    "models.bpe.sharded.kernels.listing:choose_pairs": try_merges,
    "models.bpe.sharded.kernels.listing:list_new": try_merges,
    "models.bpe.sharded.kernels.applying:take_back": expand,
    "models.bpe.sharded.kernels.applying:count_neighbours": neighbours,
    "models.bpe.sharded.kernels.retiring:heapify": keep_merges,
    "models.bpe.sharded.kernels.retiring:pop_best": keep_merges,
    "models.bpe.sharded.kernels.retiring:push_back": keep_merges,
    "models.bpe.sharded.kernels.retiring:check_batch": keep_merges,
    "models.bpe.sharded.kernels.retiring:retire": keep_merges,
    "models.bpe.sharded.kernels.counting:add_pairs": keep_merges,
    "models.bpe.sharded.kernels.counting:look_up": keep_merges,
}
