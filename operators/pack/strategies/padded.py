"""One piece a row."""

from typing import TYPE_CHECKING

from pairloom.operators.pack.strategy import PieceStrategy

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["Padded"]


class Padded(PieceStrategy):
    """Every piece has a row of its own, and padding behind it."""

    name = "padded"

    def rows(self, length: "npt.NDArray[np.int32]", seq_len: int) -> "npt.NDArray[np.int64]":
        """As many as there are."""
        import numpy as np

        return np.arange(len(length))
