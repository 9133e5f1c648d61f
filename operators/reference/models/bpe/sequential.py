"""Sequential BPE: each merge found in a part of the text of its own."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from pairloom.operators.reference.models.bpe.learning import apply_merge, pair_counts

__all__ = ["TWINS", "apply_merges", "cut_evenly", "sequential_merges"]


def sequential_merges(
    parts: Iterable[Sequence[Sequence[int]]], symbols: int, threshold: int
) -> list[tuple[int, int]]:
    """The most frequent pair of the words of each part after the merges before it, while it occurs `threshold` times.

    >>> sequential_merges([[[0, 1, 0, 1]], [[2, 2], [2, 2]]], 3, 2)
    [(0, 1), (2, 2)]
    """
    found: list[tuple[int, int]] = []
    for words in parts:
        own: dict[tuple[int, ...], int] = {}
        for word in words:
            made = tuple(apply_merges(word, found, symbols))
            own[made] = own.get(made, 0) + 1
        counts = pair_counts(own)
        if not counts:
            break
        best = min(counts, key=lambda pair: (-counts[pair], pair))
        if counts[best] < threshold:
            break
        found.append(best)
    return found


def cut_evenly(sequence: Sequence[int], parts: int) -> list[Sequence[Sequence[int]]]:
    """A sequence as so many parts of one word, the first of which are longer by one where it does not come out even."""
    size, longer = divmod(len(sequence), max(1, parts))
    ends = [0]
    for part in range(parts):
        ends.append(ends[-1] + size + (part < longer))
    return [[sequence[a:b]] for a, b in zip(ends, ends[1:], strict=False)]


def apply_merges(sequence: Sequence[int], merges: Iterable[tuple[int, int]], symbols: int) -> list[int]:
    """Each merge made from left to right, one after another; their products are `symbols`, `symbols + 1`, ...

    >>> apply_merges([2, 2, 2, 0, 1], [(0, 1), (2, 2), (2, 3)], 3)
    [4, 5]
    """
    word = tuple(sequence)
    for rank, pair in enumerate(merges):
        word = apply_merge(word, pair, symbols + rank)
    return list(word)


TWINS: Mapping[str, Callable[..., object]] = {
    "models.bpe.kernels.sequential:add_merge": apply_merges,
    "models.bpe.kernels.sequential:find_next": sequential_merges,
    "models.bpe.kernels.sequential:make_merges": apply_merges,
}
