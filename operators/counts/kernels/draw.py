"""Occurrences of words in an order of their own; see `counts/drawing.py`."""

import numpy as np
import numpy.typing as npt

from pairloom.operators.kernels.jit import kernel

__all__ = ["draw_places"]


@kernel
def draw_places(ends: npt.NDArray[np.int64], at: int, step: int, out: npt.NDArray[np.int64]) -> int:
    """Write the word of each occurrence from occurrence `at` on, `step` further every time; the occurrence after the last.

    `ends` are the counts of the words, added up; past the last occurrence the first follows.
    """
    total = ends[len(ends) - 1]
    for i in range(len(out)):
        out[i] = np.searchsorted(ends, at, side="right")
        at = at - (total - step) if at >= total - step else at + step
    return at
