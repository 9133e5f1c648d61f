"""The order of the rows of an epoch: blocks in a seeded order, and the rows of each block in an order of their own.

A block is a stretch of rows that is stored, and so read, in one piece. Which row stands where is a function of the
seed, the epoch and the sizes of the blocks: nothing of it needs to be kept, and any place is found without going there.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pairloom.operators.kernels.hashing import hash_bytes
from pairloom.operators.selection.order import permutation

__all__ = ["Epoch", "epoch_order"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Epoch:
    """Where the blocks stand in an epoch.

    `blocks` int64[n]: the block in each slot. `starts` int64[n + 1]: the position of each slot's first row, and the number
    of rows in all. `stream` seeds the orders within blocks; without one, rows are in their stored order.
    """

    blocks: npt.NDArray[np.int64]
    starts: npt.NDArray[np.int64]
    stream: int | None

    def slot(self, position: int) -> int:
        """The slot that a position of the epoch lies in."""
        return int(np.searchsorted(self.starts, position, side="right")) - 1

    def within(self, slot: int) -> npt.NDArray[np.int64]:
        """The rows of the block in a slot in their order, counted from the block's first: int64[size]."""
        size = int(self.starts[slot + 1] - self.starts[slot])
        if self.stream is None:
            return np.arange(size)
        return permutation(size, self.stream + 1 + int(self.blocks[slot]))


def epoch_order(sizes: npt.NDArray[np.int64], *, seed: int | None, epoch: int) -> Epoch:
    """The order of an epoch over blocks of the given sizes (int64, at least 1); the stored order without a seed.

    >>> order = epoch_order(np.array([4, 4, 2]), seed=1, epoch=0)
    >>> sorted(order.blocks.tolist()), int(order.starts[-1])
    ([0, 1, 2], 10)
    """
    stream = None if seed is None else hash_bytes(f"{seed} {epoch}".encode())
    blocks = np.arange(len(sizes)) if stream is None else permutation(len(sizes), stream)
    starts = np.concatenate([[0], np.cumsum(sizes[blocks])]).astype(np.int64)
    return Epoch(blocks=blocks, starts=starts, stream=stream)
