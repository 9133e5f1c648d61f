"""Shuffle `none`: documents as they come."""

from typing import TYPE_CHECKING

from pairloom.pipeline.stages.exchange.orders import Copies, Order, Standing
from pairloom.pipeline.stages.exchange.orders._copies import of_copies

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from pairloom.pipeline.stages.exchange.partitions import Splits

__all__ = ["CorpusOrder"]


class CorpusOrder(Order):
    """Shuffle `none`: the order of the corpus; of a mixture, source by source and pass by pass."""

    name = "none"
    seeded = False
    permutes = False
    placed = True

    def identity(self, splits: "Splits", end_token: int) -> list[object]:
        """Partitions that come later change nothing."""
        return [self.name, splits.share, splits.tokens, min(splits.train, end_token // splits.tokens + 1)]

    def spread(
        self, found: Standing, copies: Copies | None
    ) -> "tuple[npt.NDArray[np.uint64], npt.NDArray[np.int64]]":
        """The place in the corpus, or in the mixture."""
        import numpy as np

        ordinal, place = of_copies(found.ordinal, copies), of_copies(found.place, copies)
        held_out = of_copies(found.held_out, copies)
        if copies is None:
            return ordinal.astype(np.uint64), found.splits.by_place(place, held_out)
        chosen, copy = copies.selection, copies.copy
        part = chosen.parts_in_order(copy, place, held_out, found.splits)
        return chosen.keys_in_order(copy, ordinal), part
