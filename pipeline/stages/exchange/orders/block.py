"""Shuffle `block`: documents mix within groups of inputs."""

from typing import TYPE_CHECKING

from pairloom.pipeline.stages.exchange.orders import Copies, Order, Standing
from pairloom.pipeline.stages.exchange.orders._copies import hashes, of_copies

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from pairloom.pipeline.stages.exchange.partitions import Splits
    from pairloom.pipeline.stages.tokenize.shards import PlacedShard

__all__ = ["BlockOrder"]


class BlockOrder(Order):
    """Shuffle `block`: neighbours in an input stay together, and are shuffled in their partition."""

    name = "block"
    keys = ("groups",)

    def partitions(self, tokens: int, most: int, groups: int | None) -> int:
        """`groups` if given; else a power of two, so that a corpus that grows a little keeps its groups."""
        return groups or 1 << max(0, (tokens // most).bit_length() - 1)

    def spread(
        self, found: Standing, copies: Copies | None
    ) -> "tuple[npt.NDArray[np.uint64], npt.NDArray[np.int64]]":
        """The hash of the id in the partition that the hash of the block says."""
        block = of_copies(found.shard.blocks(found.table), copies)
        return hashes(found, copies), found.splits.by_hash(block, of_copies(found.held_out, copies))

    def batches(
        self, shard: "PlacedShard", splits: "Splits", parts: "npt.NDArray[np.int64]"
    ) -> list[int] | None:
        """Those of slices with a block that is in one of the partitions."""
        import numpy as np

        if not shard.receipt.pieces:
            return None

        def wanted(blocks: "npt.NDArray[np.uint64]") -> "npt.NDArray[np.bool_]":
            return np.isin(splits.by_hash(blocks, np.zeros(len(blocks), np.bool_)), parts)

        return shard.batches_of(shard.slices_of(wanted))
