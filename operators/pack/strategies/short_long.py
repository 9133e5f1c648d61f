"""Short rows and long rows, as M2-BERT takes them for long contexts (Saad-Falcon, Fu et al., 2024, arXiv:2402.07440)."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pairloom.operators.pack.strategy import Strategy

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from pairloom.operators.pack.plan import PackPlan

__all__ = ["ShortLong"]


@dataclass(frozen=True)
class ShortLong(Strategy):
    """Some rows hold one document each and padding, the others documents end to end, so that a model sees both (M2-BERT).

    `short` is the share of rows with one document. Which documents these are is drawn in each packed file. Each document is in
    rows of one kind; one that is alone and longer than a row goes on in a row of its own.
    """

    name = "short_long"
    overflows = ("split",)

    short: float = 0.5

    def __post_init__(self) -> None:
        if not 0 <= self.short <= 1:
            raise ValueError(f"short must be a share of rows, from 0 to 1, not {self.short}")

    def plans(
        self,
        lengths: "npt.NDArray[np.int64]",
        seq_len: int,
        *,
        least: int,
        overflow: str = "split",
        predict_every_token: bool = False,
    ) -> "tuple[PackPlan, ...]":
        """One plan, its rows in the order of their first documents."""
        import numpy as np

        from pairloom.operators.pack.packing import end_to_end, in_pieces

        alone = self._alone(lengths, seq_len)
        overlap = int(predict_every_token)
        short = in_pieces(
            np.where(alone, lengths, 0), seq_len, "split", overlap, lambda length, _: np.arange(len(length))
        )
        both = short.beside(end_to_end(np.where(alone, 0, lengths), seq_len, overlap))
        first = both.document[both.rows[:-1]]
        return (both.reordered(np.argsort(first, kind="stable")),)

    def _alone(self, lengths: "npt.NDArray[np.int64]", seq_len: int) -> "npt.NDArray[np.bool_]":
        """Which documents have rows of their own: as many of them, by chance, as give short rows their share."""
        import numpy as np

        from pairloom.operators.selection.order import permutation

        there = np.flatnonzero(lengths)
        as_short = int((-(-lengths[there] // seq_len)).sum())
        as_long = int(lengths[there].sum()) / seq_len
        wanted = self.short * as_long
        share = wanted / ((1 - self.short) * as_short + wanted) if len(there) else 0.0
        alone = np.zeros(len(lengths), np.bool_)
        alone[there] = permutation(len(there), 0x5107) < round(share * len(there))
        return alone
