"""How unequal some numbers are."""

from collections.abc import Sequence

__all__ = ["gini"]


def gini(values: Sequence[float]) -> float:
    """The Gini coefficient of numbers that are not negative: 0 where all are equal, towards 1 where one has everything.

    >>> gini([3, 3, 3]), gini([0, 0, 0, 8]), gini([])
    (0.0, 0.75, 0.0)
    """
    ordered, total = sorted(values), sum(values)
    if not total:
        return 0.0
    ranked = sum((2 * rank - len(ordered) - 1) * value for rank, value in enumerate(ordered, 1))
    return ranked / (len(ordered) * total)
