"""What StochasTok does to a document, in plain Python: the twin of its kernel."""

from collections.abc import Mapping, Sequence

from pairloom.operators.reference.hashing import draw

__all__ = ["TWINS", "expand"]


def expand(
    document: Sequence[int], rate: float, stream: int, splits: Mapping[int, Sequence[tuple[int, int]]]
) -> tuple[list[int], list[int]]:
    """The tokens of a document after int(n * rate) tries, and which of its tokens each comes from.

    Tokens are kept in the order in which they came to be, which is that in which places are drawn.

    >>> expand([5, 6], 0.0, 1, {})
    ([5, 6], [0, 1])
    """
    order = [[token, place] for place, token in enumerate(document)]  # as they stand
    made = list(order)  # as they came to be
    for attempt in range(int(len(document) * rate)):
        chosen = made[(draw(stream, 2 * attempt) >> 32) * len(made) >> 32]
        if pairs := splits.get(chosen[0], ()):
            left, right = pairs[(draw(stream, 2 * attempt + 1) >> 32) * len(pairs) >> 32]
            behind = [right, chosen[1]]
            chosen[0] = left
            order.insert(next(i for i, one in enumerate(order) if one is chosen) + 1, behind)
            made.append(behind)
    return [token for token, _ in order], [place for _, place in order]


TWINS = {"transforms.kernels.stochastok:expand": expand}
