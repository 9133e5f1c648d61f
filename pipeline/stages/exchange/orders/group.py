"""Shuffle `group`: documents of one group follow each other, and groups mix with groups."""

from typing import TYPE_CHECKING

from pairloom.pipeline.stages.exchange.orders import Copies, Order, Standing
from pairloom.pipeline.stages.exchange.orders._copies import hashes, of_copies
from pairloom.pipeline.stages.exchange.orders.document import HashOrder

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from pairloom.pipeline.stages.exchange.files import Spread

__all__ = ["GroupOrder"]


class GroupOrder(Order):
    """Shuffle `group`: by a seeded hash of the value of a column, and within a group by another column.

    A document that has no value is a group of its own.
    """

    name = "group"
    keys = ("by", "then")
    needs = ("by",)
    scatters = True

    def width(self, parts: int) -> int:
        """As many as there are batches where partitions are very many: any shard may have documents for any of them."""
        return HashOrder().width(parts)

    def spread(
        self, found: Standing, copies: Copies | None
    ) -> "tuple[npt.NDArray[np.uint64], npt.NDArray[np.int64]]":
        """By the hash of the group, its range first; copies of a group are a group of their own."""
        import numpy as np

        from pairloom.operators.kernels.hashing import GOLDEN, mixed
        from pairloom.operators.selection.ranking import value_keys

        splits = found.splits
        values = of_copies(found.documents.documents[splits.by], copies)
        ranks = value_keys(values, found.nulls[splits.by])
        words = ranks if values.dtype.kind == "f" else values.astype(np.int64).view(np.uint64)
        seed = np.uint64((found.seed * int(GOLDEN)) & ((1 << 64) - 1))
        key = mixed(words * GOLDEN + seed)
        if copies is not None:
            key = np.where(copies.copy > 0, mixed(key + copies.copy.astype(np.uint64) * GOLDEN), key)
        key = np.where(ranks == np.uint64((1 << 64) - 1), hashes(found, copies), key)
        return key, splits.by_hash(key, of_copies(found.held_out, copies))

    def arranged(
        self, found: "Spread", then: str, window: int, seed: int, where: str
    ) -> "npt.NDArray[np.int64] | None":
        """Within each group by the column `then`, if one is named."""
        if not then or not len(found.key):  # a partition without documents has no columns
            return None
        import numpy as np

        from pairloom.operators.selection.ranking import value_keys

        null = next(column.null for column in found.columns if column.name == then)
        return np.lexsort((value_keys(found.documents.documents[then], null), found.key))
