"""Dynamic Pack of CodeACT: what is put into a batch fills few rows of about one length (Lv et al., 2024, arXiv:2408.02193)."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pairloom.operators.pack.strategy import PieceStrategy

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["DynamicPack"]


@dataclass(frozen=True)
class DynamicPack(PieceStrategy):
    """Of every so many pieces in turn, the shortest first, end to end while a row has room: rows of a batch are about as long.

    `documents` is how many are taken at a time. A loader that ends its batches behind their longest row (`TorchRows(trim=8)`)
    has less padding than with a document a row, and no document is cut that fits one.
    """

    name = "dynamic_pack"

    documents: int = 64

    def __post_init__(self) -> None:
        if self.documents < 1:
            raise ValueError(f"documents must be at least 1, not {self.documents}")

    def rows(self, length: "npt.NDArray[np.int32]", seq_len: int) -> "npt.NDArray[np.int64]":
        """The row before, if it has room and is of the same batch; else a new one."""
        import numpy as np

        from pairloom.operators.pack.first_fit import first_fit

        out, rows = np.empty(len(length), np.int64), 0
        for start in range(0, len(length), self.documents):
            batch = length[start : start + self.documents]
            order = np.argsort(batch, kind="stable")
            found = first_fit(batch[order], seq_len, open_rows=1)
            out[start + order] = rows + found
            rows += int(found[-1]) + 1
        return out
