"""Best-fit decreasing: the longest piece first, into the fullest row that takes it.

A tree over the room that is left in rows finds that row in O(log seq_len); see Johnson, "Near-optimal bin packing
algorithms" (1973), and Ding et al., "Fewer truncations improve language modeling" (2024), for its use on documents.
"""

import numpy as np
import numpy.typing as npt

from pairloom.operators.pack.kernels.best_fit import assign_best, longest_first

__all__ = ["best_fit"]


def best_fit(length: npt.NDArray[np.int32], seq_len: int) -> npt.NDArray[np.int64]:
    """The row of each piece, by best-fit decreasing."""
    order = np.empty(len(length), np.int64)
    longest_first(length, np.zeros(seq_len + 2, np.int64), order)
    leaves = 1
    while leaves < seq_len + 1:
        leaves *= 2
    row = np.empty(len(length), np.int64)
    assign_best(length, order, seq_len, leaves, np.zeros(2 * leaves, np.int64), row)
    return row
