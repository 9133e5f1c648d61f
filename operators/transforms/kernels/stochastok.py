"""The kernel of StochasTok: splits drawn on a linked list, so that a split costs the same however long the document."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from pairloom.operators.kernels.hashing import GOLDEN, below, mix64
from pairloom.operators.kernels.jit import kernel

__all__ = ["Splits", "expand", "warm_up"]


class Splits(NamedTuple):
    """The pairs of each token: `left[k]` and `right[k]`, uint32, for `k` from `offsets[token]` to `offsets[token + 1]`."""

    offsets: npt.NDArray[np.int64]
    left: npt.NDArray[np.uint32]
    right: npt.NDArray[np.uint32]


@kernel
def expand(
    ids: npt.NDArray[np.uint32],
    length: npt.NDArray[np.int64],
    tries: npt.NDArray[np.int64],
    streams: npt.NDArray[np.uint64],
    splits: Splits,
    links: npt.NDArray[np.int64],
    made: npt.NDArray[np.int64],
    out: npt.NDArray[np.uint32],
    origin: npt.NDArray[np.int64],
) -> int:
    """Split tokens of documents, `length[d]` of `ids` each, `tries[d]` times; the tokens written to `out`.

    `made[d]` is how many document `d` has then, and `origin` which of `ids` each comes from. `links` is room for the longest
    document with all its splits: of each token the id, the next, and where it comes from. A uniform place of a document is
    a uniform token of it, in whatever order these are kept.
    """
    first, used = 0, 0
    for d in range(len(length)):
        n = length[d]
        for i in range(n):
            links[0, i] = ids[first + i]
            links[1, i] = i + 1
            links[2, i] = first + i
        if n:
            links[1, n - 1] = -1
        there = n
        draw = streams[d]
        for _ in range(tries[d]):
            at = below(mix64(draw + GOLDEN), there)
            begin = splits.offsets[links[0, at]]
            pairs = splits.offsets[links[0, at] + 1] - begin
            draw += GOLDEN + GOLDEN
            if pairs:
                pair = begin + below(mix64(draw), pairs)
                links[0, there] = splits.right[pair]
                links[1, there] = links[1, at]
                links[2, there] = links[2, at]
                links[0, at] = splits.left[pair]
                links[1, at] = there
                there += 1
        at = 0 if n else -1
        while at >= 0:
            out[used] = links[0, at]
            origin[used] = links[2, at]
            used += 1
            at = links[1, at]
        made[d] = there
        first += n
    return used


def warm_up(batch: Any) -> None:
    """Split a few tokens."""
    from pairloom.operators.transforms.stochastok import StochasTok, splits_of

    StochasTok(rate=1.0)(batch, 0, splits_of([b"a", b"aa"] * 4, set()))
