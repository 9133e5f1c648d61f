"""The orders of packed rows: in which partition each document is, and at which place in it.

    shuffle     order          partition of a document                           so that
    document    HashOrder      a range of the seeded hash of its id              everything mixes with everything
    block       BlockOrder     a hash of its input, 65,536 records at a time     a changed input changes one partition
    none        CorpusOrder    a range of the tokens of the corpus               a corpus that grows at its end changes the last

An order is a function of what a document is and where its input stands: nothing depends on how the corpus was cut into
units. Another order is another class here, with the name that recipes call it by.
"""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, TypeVar

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import pyarrow as pa

    from pairloom.operators.tokens import TokenBatch
    from pairloom.pipeline.stages.exchange.partitions import Splits
    from pairloom.pipeline.stages.select.copies import Selection
    from pairloom.pipeline.stages.tokenize.shards import PlacedShard

__all__ = ["ORDERS", "BlockOrder", "Copies", "CorpusOrder", "HashOrder", "Order", "Standing"]

T = TypeVar("T", bound=np.generic)

# With more partitions than this, documents get to theirs in two steps: shards times partitions are reads of storage.
ONE_PASS = 512


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Standing:
    """Where the documents of a shard stand: their ids, their places among the records and the tokens of the corpus.

    `ordinal` and `place` are int64, `held_out` says which `documents` are for validation, `table` is what was read.
    """

    shard: "PlacedShard"
    table: "pa.Table"
    documents: "TokenBatch"
    ids: "pa.Array"
    ordinal: npt.NDArray[np.int64]
    place: npt.NDArray[np.int64]
    held_out: npt.NDArray[np.bool_]
    splits: "Splits"
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Copies:
    """Which documents are taken, and which copy of its document each is: int64, as `selection` says."""

    selection: "Selection"
    index: npt.NDArray[np.int64]
    copy: npt.NDArray[np.int64]


class Order(ABC):
    """Where documents go.

    `seeded` says whether another seed is another order, of the rows in a partition too; `placed` whether it depends on what
    comes before a document in the corpus; `scatters` whether any document may be in any partition.
    """

    name: ClassVar[str]
    seeded: ClassVar[bool] = True
    placed: ClassVar[bool] = False
    scatters: ClassVar[bool] = False

    def partitions(self, tokens: int, most: int, groups: int | None) -> int:
        """How many partitions so many tokens for training are spread over, `most` in each."""
        return max(1, -(-tokens // most))

    def width(self, parts: int) -> int:
        """How many neighbouring partitions share a batch of an exchange file."""
        return 1

    def identity(self, splits: "Splits", end_token: int) -> list[object]:
        """Everything that decides the partitions of documents that end before token `end_token` of the corpus."""
        return [self.name, splits.share, splits.train, splits.validation, splits.width]

    @abstractmethod
    def spread(
        self, found: Standing, copies: Copies | None
    ) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.int64]]:
        """The key by which each document, or each copy, is ordered in its partition, and its partition."""

    def batches(
        self, shard: "PlacedShard", splits: "Splits", parts: npt.NDArray[np.int64]
    ) -> list[int] | None:
        """The record batches of a shard that can hold documents of some partitions for training; None if that cannot be told."""
        return None


class HashOrder(Order):
    """Shuffle `document`: a seeded hash of the document's id."""

    name = "document"
    scatters = True

    def width(self, parts: int) -> int:
        """Every shard has documents for every partition: where these are very many, as many as there are batches."""
        return 1 if parts <= ONE_PASS else math.isqrt(parts - 1) + 1

    def spread(
        self, found: Standing, copies: Copies | None
    ) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.int64]]:
        """By the hash, its range first."""
        key = _hashes(found, copies)
        return key, found.splits.by_hash(key, _of(found.held_out, copies))


class BlockOrder(Order):
    """Shuffle `block`: neighbours in an input stay together, and are shuffled in their partition."""

    name = "block"

    def partitions(self, tokens: int, most: int, groups: int | None) -> int:
        """`groups` if given; else a power of two, so that a corpus that grows a little keeps its groups."""
        return groups or 1 << max(0, (tokens // most).bit_length() - 1)

    def spread(
        self, found: Standing, copies: Copies | None
    ) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.int64]]:
        """The hash of the id in the partition that the hash of the block says."""
        block = _of(found.shard.blocks(found.table), copies)
        return _hashes(found, copies), found.splits.by_hash(block, _of(found.held_out, copies))

    def batches(
        self, shard: "PlacedShard", splits: "Splits", parts: npt.NDArray[np.int64]
    ) -> list[int] | None:
        """Those of slices with a block that is in one of the partitions."""
        if not shard.receipt.pieces:
            return None

        def wanted(blocks: npt.NDArray[np.uint64]) -> npt.NDArray[np.bool_]:
            return np.isin(splits.by_hash(blocks, np.zeros(len(blocks), np.bool_)), parts)

        return shard.batches_of(shard.slices_of(wanted))


class CorpusOrder(Order):
    """Shuffle `none`: the order of the corpus; of a mixture, source by source and pass by pass."""

    name = "none"
    seeded = False
    placed = True

    def identity(self, splits: "Splits", end_token: int) -> list[object]:
        """Partitions that come later change nothing."""
        return [self.name, splits.share, splits.tokens, min(splits.train, end_token // splits.tokens + 1)]

    def spread(
        self, found: Standing, copies: Copies | None
    ) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.int64]]:
        """The place in the corpus, or in the mixture."""
        ordinal, place = _of(found.ordinal, copies), _of(found.place, copies)
        held_out = _of(found.held_out, copies)
        if copies is None:
            return ordinal.astype(np.uint64), found.splits.by_place(place, held_out)
        chosen, copy = copies.selection, copies.copy
        part = chosen.parts_in_order(copy, place, held_out, found.splits)
        return chosen.keys_in_order(copy, ordinal), part


ORDERS: dict[str, Order] = {order.name: order for order in (HashOrder(), BlockOrder(), CorpusOrder())}


def _hashes(found: Standing, copies: Copies | None) -> npt.NDArray[np.uint64]:
    from pairloom.operators.selection.mixture import copy_keys
    from pairloom.operators.selection.order import document_keys

    key = document_keys(found.ids, found.seed)
    return key if copies is None else copy_keys(key[copies.index], copies.copy)


def _of(values: npt.NDArray[T], copies: Copies | None) -> npt.NDArray[T]:
    """The value of the document of each copy."""
    return values if copies is None else values[copies.index]
