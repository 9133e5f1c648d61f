"""First fit over a bounded number of open rows: pieces keep about the order they come in."""

import numpy as np
import numpy.typing as npt

from pairloom.operators.pack.kernels.first_fit import assign_first

__all__ = ["OPEN_ROWS", "first_fit"]

OPEN_ROWS = 1024  # a power of two


def first_fit(
    length: npt.NDArray[np.int32], seq_len: int, open_rows: int = OPEN_ROWS
) -> npt.NDArray[np.int64]:
    """The row of each piece: the first of the last `open_rows` rows that has room, else a new one.

    A tree of the greatest room below each node finds that row in O(log open_rows). `open_rows` is a power of two.
    """
    row = np.empty(len(length), np.int64)
    assign_first(length, seq_len, open_rows, np.zeros(2 * open_rows, np.int64), row)
    return row
