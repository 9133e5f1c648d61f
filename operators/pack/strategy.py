"""What a packing strategy is: how rows are filled with documents, and what is asked of such a way elsewhere.

A strategy is a class in a file of its own below `strategies`, or one that an entry point of the group `pairloom.strategies`
names. Recipes call it by its name; one that is a dataclass with fields has these for keys: `{name: {key: value}}`. Its
module is imported to check a recipe, so it imports no kernel: what plans does.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from pairloom.operators.pack.plan import PackPlan

__all__ = ["OVERFLOWS", "PieceStrategy", "Strategy"]

# What may become of a document that is longer than a row.
OVERFLOWS = ("split", "truncate", "drop")


@dataclass(frozen=True)
class Strategy(ABC):
    """A way to fill rows. Two of one class with the same keys are equal.

    `carries` says whether segments of rows that are not full enough (`weak`) are packed once more with those of other
    partitions. `overflows` are what may become of a document that is longer than a row. `bucketed` says whether rows have
    several lengths, from the smallest bucket on, `aligned` whether a long document is cut at multiples of their one length.
    `most_rows` is in how many rows a token may stand, where the recipe has every token predicted.
    """

    name: ClassVar[str]
    carries: ClassVar[bool] = False
    overflows: ClassVar[tuple[str, ...]] = OVERFLOWS
    bucketed: ClassVar[bool] = False
    aligned: ClassVar[bool] = False
    most_rows: ClassVar[int] = 2
    whole_pieces: ClassVar[bool] = False
    """Whether a document that fits a row is never cut."""

    @abstractmethod
    def plans(
        self,
        lengths: "npt.NDArray[np.int64]",
        seq_len: int,
        *,
        least: int,
        overflow: str = "split",
        predict_every_token: bool = False,
    ) -> "tuple[PackPlan, ...]":
        """Rows for documents of the given lengths: a plan for each length that rows have, from `least` to `seq_len`."""

    def weak(self, plan: "PackPlan") -> "npt.NDArray[np.bool_]":
        """Which rows are not full enough to be written where others could fill them up: none, unless the strategy carries."""
        import numpy as np

        return np.zeros(len(plan), np.bool_)

    def parted(self, plan: "PackPlan") -> "tuple[PackPlan, PackPlan]":
        """The rows that are full enough to be written, and those whose segments should be packed with others'."""
        return plan.parted(self.weak(plan))


class PieceStrategy(Strategy):
    """Documents are cut into pieces of at most a row, and each piece is put into a row that has room for all of it."""

    whole_pieces = True

    aligned: ClassVar[bool] = True

    @abstractmethod
    def rows(self, length: "npt.NDArray[np.int32]", seq_len: int) -> "npt.NDArray[np.int64]":
        """The row of each piece, from the lengths of the pieces."""

    def plans(
        self,
        lengths: "npt.NDArray[np.int64]",
        seq_len: int,
        *,
        least: int,
        overflow: str = "split",
        predict_every_token: bool = False,
    ) -> "tuple[PackPlan, ...]":
        """One plan."""
        from pairloom.operators.pack.packing import in_pieces

        return (in_pieces(lengths, seq_len, overflow, int(predict_every_token), self.rows),)

    def weak(self, plan: "PackPlan") -> "npt.NDArray[np.bool_]":
        """Rows at most half full. Putting a piece into any row that has room leaves at most one of them."""
        return 2 * plan.filled <= plan.seq_len if self.carries else super().weak(plan)
