"""Merges that are found in one batch, over Python lists: the twin of their kernel."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

__all__ = ["TWINS", "merge_batch"]


def merge_batch(
    rows: Sequence[Sequence[int]], joins: Sequence[Sequence[bool]], merges: int, first: int
) -> tuple[list[list[int]], list[tuple[int, int]], list[int]]:
    """The rows after at most so many merges, these, and how many tokens there are after each number of them."""
    made = [list(zip(ids, flags, strict=True)) for ids, flags in zip(rows, joins, strict=True)]
    pairs: list[tuple[int, int]] = []
    sizes = [sum(map(len, made))]
    for merge in range(merges):
        found = Counter((row[i - 1][0], row[i][0]) for row in made for i in range(1, len(row)) if row[i][1])
        best = min(found, key=lambda pair: (-found[pair], pair), default=None)
        if best is None or found[best] < 2:
            break
        pairs.append(best)
        for row in made:
            i = 0
            while i + 1 < len(row):
                if row[i + 1][1] and (row[i][0], row[i + 1][0]) == best:
                    row[i : i + 2] = [(first + merge, row[i][1])]
                i += 1
        sizes.append(sum(map(len, made)))
    return [[token for token, _ in row] for row in made], pairs, sizes


TWINS: Mapping[str, Callable[..., object]] = {"layouts.kernels.dynamic_bpe:merge_batch": merge_batch}
