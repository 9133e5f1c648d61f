"""Learning byte-pair merges: greedy, exact, ties to the smaller pair of ids.

The order is that of Hugging Face `tokenizers.trainers.BpeTrainer`: the most frequent pair first, then the smaller left
id, then the smaller right id. A pair's count is the number of positions at which it stands, so "aaa" holds (a, a) twice.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence

__all__ = ["TWINS", "apply_merge", "learn_merges", "most_frequent", "pair_counts", "replay_merges"]


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
    words: Mapping[tuple[int, ...], int],
    first_id: int,
    merges: int,
    min_count: int = 1,
    max_token_length: int | None = None,
    given: Sequence[tuple[int, int]] = (),
) -> list[tuple[int, int]]:
    """Learn up to `merges` merges, the `given` ones first; the product of merge k has the id `first_id + k`.

    Ids below `first_id` are bytes. With `max_token_length`, pairs whose product would have that many bytes or more do not
    count, pairs of bytes excepted.

    >>> learn_merges({(0, 1, 2): 3, (1, 2): 1}, 3, 9)
    [(1, 2), (0, 3)]
    """
    current = dict(words)
    learned: list[tuple[int, int]] = []
    lengths = [1] * first_id
    while len(learned) < merges:
        counts = pair_counts(current)
        if max_token_length is not None:
            for left, right in list(counts):
                if max(left, right) >= first_id and lengths[left] + lengths[right] >= max_token_length:
                    del counts[left, right]
        if len(learned) < len(given):
            pair = given[len(learned)]
        else:
            if not counts:
                break
            pair = min(counts, key=lambda p: (-counts[p], p))
            if counts[pair] < max(1, min_count):
                break
        product = first_id + len(learned)
        learned.append(pair)
        lengths.append(lengths[pair[0]] + lengths[pair[1]])
        merged: Counter[tuple[int, ...]] = Counter()
        for word, count in current.items():
            merged[apply_merge(word, pair, product)] += count
        current = dict(merged)
    return learned


def replay_merges(
    words: Mapping[tuple[int, ...], int], first_id: int, merges: Sequence[tuple[int, int]]
) -> Iterator[tuple[int, dict[tuple[int, int], int]]]:
    """How often each merged pair occurred, and the pairs whose counts its merge changed, with the new counts.

    The first step, before any merge, has all pairs.

    >>> list(replay_merges({(0, 1, 0, 1): 2}, 2, [(0, 1)]))
    [(0, {(0, 1): 4, (1, 0): 2}), (4, {(0, 1): 0, (1, 0): 0, (2, 2): 2})]
    """
    current = dict(words)
    counts = pair_counts(current)
    yield 0, dict(counts)
    for k, pair in enumerate(merges):
        merged: Counter[tuple[int, ...]] = Counter()
        for word, count in current.items():
            merged[apply_merge(word, pair, first_id + k)] += count
        current = dict(merged)
        now = pair_counts(current)
        yield counts[pair], {p: now[p] for p in {*counts, *now} if now[p] != counts[p]}
        counts = now


def most_frequent(words: Mapping[tuple[int, ...], int], limit: int) -> set[int]:
    """The `limit` ids that occur most often, ties to the smaller id: what `limit_alphabet` leaves.

    >>> sorted(most_frequent({(7, 8, 9): 1, (9,): 1}, 2))
    [7, 9]
    """
    counts: Counter[int] = Counter()
    for word, count in words.items():
        for symbol in word:
            counts[symbol] += count
    return set(sorted(counts, key=lambda s: (-counts[s], s))[:limit])


TWINS: Mapping[str, Callable[..., object]] = {
    "models.bpe.kernels.pairs:count_byte_pairs": pair_counts,
    "models.bpe.kernels.symbols:count_bytes": most_frequent,
    "models.bpe.kernels.symbols:measure": learn_merges,
    "models.bpe.kernels.symbols:lay_out": learn_merges,
    "models.bpe.kernels.symbols:lay_out_tokens": learn_merges,
    "models.bpe.kernels.pairs:tally": learn_merges,
    "models.bpe.kernels.pairs:place_lists": learn_merges,
    "models.bpe.kernels.pairs:enlarge_pairs": learn_merges,
    "models.bpe.kernels.pairs:compact_lists": learn_merges,
    "models.bpe.kernels.heap:heap_of": learn_merges,
    "models.bpe.kernels.merging:merge_pairs": learn_merges,
    "models.bpe.kernels.pairs:look_up_pairs": replay_merges,
    "evaluate.kernels:lay_out_words": replay_merges,
    "evaluate.kernels:list_adjacent": replay_merges,
    "evaluate.kernels:merge_everywhere": replay_merges,
}
