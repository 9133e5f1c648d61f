"""From the row of each piece to rows of pieces: a counting sort, with the rows in the order of their first piece."""

import numpy as np
import numpy.typing as npt

from pairloom.operators.pack.kernels.pieces import sort_by_row

__all__ = ["layout"]


def layout(row: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Where each row begins in the sorted pieces (int64, one entry more than rows), and the pieces in that order (int64).

    >>> [part.tolist() for part in layout(np.array([1, 0, 1]))]
    [[0, 2, 3], [0, 2, 1]]
    """
    count = int(row.max()) + 1 if len(row) else 0
    begins, order = np.zeros(count + 1, np.int64), np.empty(len(row), np.int64)
    sort_by_row(row, np.full(count, -1, np.int64), begins, order)
    return begins, order
