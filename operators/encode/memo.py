"""The memo: words that are encoded already, as the flat arrays of an encoder's table.

The words of a corpus have been counted before it is tokenized, so the most frequent are encoded once. The arrays hold
no addresses: they are pickled out of band, lie once in a node's shared memory, and every encoder begins with a copy of
them, which takes as long as copying takes.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Memo"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Memo:
    """An encoder's table at rest; see `table.py` for what is in `short`, `slots` and `arena` (all uint64).

    `short_used` and `long_used` are the numbers of words of up to 15 bytes and of longer ones.
    """

    short: npt.NDArray[np.uint64]
    slots: npt.NDArray[np.uint64]
    arena: npt.NDArray[np.uint64]
    short_used: int
    long_used: int

    def __len__(self) -> int:
        return self.short_used + self.long_used

    @property
    def bytes(self) -> int:
        """The memory that it takes."""
        return self.short.nbytes + self.slots.nbytes + self.arena.nbytes
