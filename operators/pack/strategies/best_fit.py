"""Best-fit decreasing."""

from typing import TYPE_CHECKING

from pairloom.operators.pack.strategy import PieceStrategy

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["BestFit"]


class BestFit(PieceStrategy):
    """The longest piece first, into the fullest row that takes it: few rows."""

    name = "best_fit"
    carries = True

    def rows(self, length: "npt.NDArray[np.int32]", seq_len: int) -> "npt.NDArray[np.int64]":
        """By `best_fit`."""
        from pairloom.operators.pack.best_fit import best_fit

        return best_fit(length, seq_len)
