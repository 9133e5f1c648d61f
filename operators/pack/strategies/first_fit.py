"""First fit over a bounded number of open rows."""

from typing import TYPE_CHECKING

from pairloom.operators.pack.strategy import PieceStrategy

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["FirstFit"]


class FirstFit(PieceStrategy):
    """Each piece into the first of the open rows that has room: about the order is kept."""

    name = "first_fit"
    carries = True

    def rows(self, length: "npt.NDArray[np.int32]", seq_len: int) -> "npt.NDArray[np.int64]":
        """By `first_fit`."""
        from pairloom.operators.pack.first_fit import first_fit

        return first_fit(length, seq_len)
