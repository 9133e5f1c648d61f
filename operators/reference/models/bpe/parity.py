"""Learning merges for groups that are to be treated alike: greedy, exact, each merge for the group that is worst off.

Parity-aware BPE (Foroutan et al., 2025): the group that takes the most tokens for what it says chooses its most frequent pair,
which is merged in all groups. Of groups that are as badly off the first chooses; of pairs that are as frequent the smaller one.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction

from pairloom.operators.reference.models.bpe.learning import apply_merge, learn_merges, pair_counts

__all__ = ["TWINS", "learn_for_groups"]

Words = Mapping[tuple[int, ...], int]
Pair = tuple[int, int]


def learn_for_groups(
    groups: Sequence[Words],
    units: Sequence[int],
    first_id: int,
    merges: int,
    *,
    min_count: int = 1,
    first: int = 0,
    window: int = 0,
    allowed: Callable[[Sequence[Pair], Pair], bool] | None = None,
) -> list[Pair]:
    """Up to `merges` merges, the `first` of which are those of all groups together; `units` are what each group says.

    A group chooses none where none of its pairs occurs `min_count` times. With a `window`, groups that chose twice their share
    of as many merges before are passed over, unless there are no others. `allowed` says which pairs may be merged, after
    those made.

    >>> learn_for_groups([{(0, 1): 9}, {(2, 3, 4): 1}], [18, 3], 5, 3)
    [(0, 1), (2, 3), (6, 4)]
    """
    together: Counter[tuple[int, ...]] = Counter()
    for words in groups:
        together.update(words)
    learned: list[Pair] = learn_merges(together, first_id, min(first, merges), min_count)
    current = [dict(words) for words in groups]
    for k, pair in enumerate(learned):
        current = [_merged(words, pair, first_id + k) for words in current]
    turns: list[int] = []
    while len(learned) < merges:
        best: dict[int, Pair] = {}
        for i, words in enumerate(current):
            counts = {
                pair: n
                for pair, n in pair_counts(words).items()
                if n >= max(1, min_count) and (allowed is None or allowed(learned, pair))
            }
            if counts:
                best[i] = min(counts, key=lambda pair: (-counts[pair], pair))
        if not best:
            break
        last = turns[-window:] if window else []
        free = [i for i in best if not window or last.count(i) * len(groups) < 2 * window] or [*best]
        tokens = [sum(len(word) * n for word, n in words.items()) for words in current]
        who = max(free, key=lambda i: (Fraction(tokens[i], units[i]), -i))
        turns.append(who)
        current = [_merged(words, best[who], first_id + len(learned)) for words in current]
        learned.append(best[who])
    return learned


def _merged(words: Words, pair: Pair, product: int) -> dict[tuple[int, ...], int]:
    merged: Counter[tuple[int, ...]] = Counter()
    for word, count in words.items():
        merged[apply_merge(word, pair, product)] += count
    return dict(merged)


TWINS: Mapping[str, Callable[..., object]] = {
    "models.bpe.kernels.parity:heap_above": learn_for_groups,
    "models.bpe.kernels.parity:merge_in_groups": learn_for_groups,
    "models.bpe.sharded.kernels.grouping:foresee": learn_for_groups,
    "models.bpe.sharded.kernels.grouping:retire_in_groups": learn_for_groups,
}
