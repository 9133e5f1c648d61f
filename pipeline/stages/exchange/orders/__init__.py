"""The orders of packed rows: in which partition each document is, and at which place in it.

    shuffle     order          partition of a document                           so that
    document    HashOrder      a range of the seeded hash of its id              everything mixes with everything
    block       BlockOrder     a hash of its input, 65,536 records at a time     a changed input changes one partition
    none        CorpusOrder    a range of the tokens of the corpus               a corpus that grows at its end changes the last
    order       ValueOrder     a range of the values of a column                 training goes from low to high
    group       GroupOrder     a range of the seeded hash of a column            documents of a group stay together

An order is a function of what a document is and where its input stands: nothing depends on how the corpus was cut into
units. A recipe is checked by these classes, so they import nothing heavy: what they need to work is imported by the
methods. Another order is another class in a file of its own here, or one that an entry point of the group `pairloom.orders`
names; recipes call it by its name, and it says itself which keys of `pack.shuffle` it takes.
"""

import functools
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from pairloom.operators.registry import Registry

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

    from pairloom.operators.selection.ranking import Ranking
    from pairloom.operators.tokens import TokenBatch
    from pairloom.pipeline.stages.exchange.files import Spread
    from pairloom.pipeline.stages.exchange.partitions import Splits
    from pairloom.pipeline.stages.select.copies import Selection
    from pairloom.pipeline.stages.tokenize.shards import PlacedShard

__all__ = ["ONE_PASS", "ORDERS", "Copies", "Order", "Standing", "order_of"]

# With more partitions than this, documents get to theirs in two steps: shards times partitions are reads of storage.
ONE_PASS = 512


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Standing:
    """Where the documents of a shard stand: their ids, their places among the records and the tokens of the corpus.

    `ordinal` and `place` are int64, `held_out` says which `documents` are for validation, `table` is what was read.
    `chosen_by` are the ids by which documents are taken and held out.
    `ranking` is there for orders that rank: how many tokens have which values.
    """

    shard: "PlacedShard"
    table: "pa.Table"
    documents: "TokenBatch"
    ids: "pa.Array"
    chosen_by: "pa.Array"
    ordinal: "npt.NDArray[np.int64]"
    place: "npt.NDArray[np.int64]"
    held_out: "npt.NDArray[np.bool_]"
    splits: "Splits"
    seed: int
    ranking: "Ranking | None" = None
    nulls: "Mapping[str, int | None]" = field(
        default_factory=dict
    )  # what stands for a missing value, by column


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Copies:
    """Which documents are taken, and which copy of its document each is: int64, as `selection` says."""

    selection: "Selection"
    index: "npt.NDArray[np.int64]"
    copy: "npt.NDArray[np.int64]"


class Order(ABC):
    """Where documents go.

    `keys` are those of `pack.shuffle` that it takes, besides `mode` and `seed`; `needs` those without which there is no such
    order. `seeded` says whether another seed is another order; `permutes` whether the rows of a partition are permuted in the
    end; `ranks` whether it asks how many tokens have which values of the column `by`; `placed` whether it depends on what
    comes before a document in the corpus; `scatters` whether any document may be in any partition.
    """

    name: ClassVar[str]
    keys: ClassVar[tuple[str, ...]] = ()
    needs: ClassVar[tuple[str, ...]] = ()
    seeded: ClassVar[bool] = True
    permutes: ClassVar[bool] = True
    ranks: ClassVar[bool] = False
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
    ) -> "tuple[npt.NDArray[np.uint64], npt.NDArray[np.int64]]":
        """The key by which each document, or each copy, is ordered in its partition, and its partition."""

    def batches(
        self, shard: "PlacedShard", splits: "Splits", parts: "npt.NDArray[np.int64]"
    ) -> list[int] | None:
        """The record batches of a shard that can hold documents of some partitions for training; None if that cannot be told."""
        return None

    def arranged(
        self, found: "Spread", then: str, window: int, seed: int, where: str
    ) -> "npt.NDArray[np.int64] | None":
        """The places that documents, in the order of their keys, are taken from; None as they are."""
        return None


ORDERS: Registry[Order] = Registry(
    kind="shuffle",
    package="pairloom.pipeline.stages.exchange.orders",
    base="pairloom.pipeline.stages.exchange.orders:Order",
    group="pairloom.orders",
)


@functools.cache
def order_of(name: str) -> Order:
    """The order of a shuffle; raises RecipeError where there is none."""
    return ORDERS.get(name)()
