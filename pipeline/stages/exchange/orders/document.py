"""Shuffle `document`: everything mixes with everything."""

import math
from typing import TYPE_CHECKING

from pairloom.pipeline.stages.exchange import orders
from pairloom.pipeline.stages.exchange.orders import Copies, Order, Standing
from pairloom.pipeline.stages.exchange.orders._copies import hashes, of_copies

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["HashOrder"]


class HashOrder(Order):
    """Shuffle `document`: a seeded hash of the document's id."""

    name = "document"
    scatters = True

    def width(self, parts: int) -> int:
        """Every shard has documents for every partition: where these are very many, as many as there are batches."""
        return 1 if parts <= orders.ONE_PASS else math.isqrt(parts - 1) + 1

    def spread(
        self, found: Standing, copies: Copies | None
    ) -> "tuple[npt.NDArray[np.uint64], npt.NDArray[np.int64]]":
        """By the hash, its range first."""
        key = hashes(found, copies)
        return key, found.splits.by_hash(key, of_copies(found.held_out, copies))
