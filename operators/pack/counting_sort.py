"""From the row of each piece to rows of pieces: a counting sort, with the rows in the order of their first piece."""

import numpy as np
import numpy.typing as npt

from pairloom.operators.kernels.jit import kernel

__all__ = ["layout"]


def layout(row: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Where each row begins in the sorted pieces (int64, one entry more than rows), and the pieces in that order (int64).

    >>> [part.tolist() for part in layout(np.array([1, 0, 1]))]
    [[0, 2, 3], [0, 2, 1]]
    """
    count = int(row.max()) + 1 if len(row) else 0
    begins, order = np.zeros(count + 1, np.int64), np.empty(len(row), np.int64)
    _sort(row, np.full(count, -1, np.int64), begins, order)
    return begins, order


@kernel
def _sort(
    row: npt.NDArray[np.int64],
    renamed: npt.NDArray[np.int64],
    begins: npt.NDArray[np.int64],
    order: npt.NDArray[np.int64],
) -> None:
    rows = 0
    for i in range(len(row)):
        if renamed[row[i]] < 0:
            renamed[row[i]] = rows
            rows += 1
        begins[renamed[row[i]] + 1] += 1
    for r in range(rows):
        begins[r + 1] += begins[r]
    place = begins[:-1].copy()
    for i in range(len(row)):
        r = renamed[row[i]]
        order[place[r]] = i
        place[r] += 1
