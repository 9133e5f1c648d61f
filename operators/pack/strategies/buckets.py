"""Rows whose lengths are powers of two."""

from typing import TYPE_CHECKING

from pairloom.operators.pack.strategy import Strategy

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from pairloom.operators.pack.plan import PackPlan

__all__ = ["Buckets"]


class Buckets(Strategy):
    """Every document is cut into pieces whose lengths are powers of two, one piece a row."""

    name = "buckets"
    bucketed = True

    def plans(
        self,
        lengths: "npt.NDArray[np.int64]",
        seq_len: int,
        *,
        least: int,
        overflow: str = "split",
        predict_every_token: bool = False,
    ) -> "tuple[PackPlan, ...]":
        """A plan for each length."""
        from pairloom.operators.pack.buckets import decompose

        return decompose(lengths, seq_len, least, overflow=overflow, predict_every_token=predict_every_token)
