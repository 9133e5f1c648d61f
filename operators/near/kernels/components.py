"""What edges hold together."""

import numpy as np
import numpy.typing as npt

from pairloom.operators.kernels.jit import inner, kernel

__all__ = ["join_edges"]


@inner
def _root(least: npt.NDArray[np.int64], at: int) -> int:
    while least[at] != at:
        least[at] = least[least[at]]
        at = least[at]
    return at


@kernel
def join_edges(
    one: npt.NDArray[np.int64], other: npt.NDArray[np.int64], least: npt.NDArray[np.int64]
) -> None:
    """The least number that each is joined to by edges; `least` begins as the numbers themselves."""
    for i in range(len(one)):
        a, b = _root(least, one[i]), _root(least, other[i])
        if a < b:
            least[b] = a
        else:
            least[a] = b
    for i in range(len(least)):
        least[i] = least[least[i]]
