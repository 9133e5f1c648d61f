"""End to end."""

from typing import TYPE_CHECKING

from pairloom.operators.pack.strategy import Strategy

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from pairloom.operators.pack.plan import PackPlan

__all__ = ["Concat"]


class Concat(Strategy):
    """One document after another, cut at the end of every row: no padding, but in the last row."""

    name = "concat"
    carries = True
    overflows = ("split",)
    # A row's end may fall right behind the repeated token of a leftover, which then stands in a third row.
    most_rows = 3

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
        from pairloom.operators.pack.packing import end_to_end

        return (end_to_end(lengths, seq_len, int(predict_every_token)),)

    def weak(self, plan: "PackPlan") -> "npt.NDArray[np.bool_]":
        """The last row, if it is not full."""
        return plan.filled < plan.seq_len
