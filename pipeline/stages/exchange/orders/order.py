"""Shuffle `order`: training goes from low values of a column to high ones, or down from the highest."""

from typing import TYPE_CHECKING

from pairloom.pipeline.stages.exchange.orders import Copies, Order, Standing
from pairloom.pipeline.stages.exchange.orders._copies import hashes, of_copies
from pairloom.pipeline.stages.exchange.orders.document import HashOrder

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from pairloom.pipeline.stages.exchange.files import Spread

__all__ = ["ValueOrder"]


class ValueOrder(Order):
    """Shuffle `order`: by the value of a column, mixed within windows of so many documents.

    The files follow each other in the order of values, and so do the documents of each. Documents that have one value and do
    not fit one file are spread over several by a hash.
    """

    name = "order"
    keys = ("by", "descending", "window")
    needs = ("by",)
    permutes = False
    ranks = True
    scatters = True

    def width(self, parts: int) -> int:
        """As many as there are batches where partitions are very many: any shard may have documents for any of them."""
        return HashOrder().width(parts)

    def spread(
        self, found: Standing, copies: Copies | None
    ) -> "tuple[npt.NDArray[np.uint64], npt.NDArray[np.int64]]":
        """By the value; its partition by the tokens that have lower ones."""
        from pairloom.operators.selection.ranking import value_keys

        splits, ranking = found.splits, found.ranking
        assert ranking is not None
        values = of_copies(found.documents.documents[splits.by], copies)
        key = value_keys(values, ranking.null, descending=splits.descending)
        place = ranking.places(key, hashes(found, copies))
        return key, splits.by_place(place, of_copies(found.held_out, copies))

    def arranged(
        self, found: "Spread", then: str, window: int, seed: int, where: str
    ) -> "npt.NDArray[np.int64] | None":
        """A seeded bijection within each window."""
        from pairloom.operators.kernels.hashing import hash_bytes
        from pairloom.operators.selection.ranking import windowed

        return windowed(len(found.key), window, hash_bytes(f"{seed} window {where}".encode()))
