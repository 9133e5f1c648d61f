"""Partitions: how many there are, and which documents are in which.

Nothing here depends on how the corpus was cut into units. In which partition a document is, is up to the order
(`orders`).
"""

import math
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from pairloom.pipeline.stages.exchange.orders import Order, order_of

__all__ = ["MOST_PARTITIONS", "Splits"]

# A corpus that would have more partitions gets larger ones: 10^13 tokens in 65,536 are 150 million in each.
MOST_PARTITIONS = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Splits:
    """How documents are spread: `train` partitions, and `validation` partitions for `share` of the documents.

    `mode` is that of the shuffle, which names the `order`. `tokens` is how many tokens make a partition where the order of
    the corpus is kept. `width` is how many neighbouring partitions share a batch of an exchange file: 1, unless every shard
    has documents for every partition and these are too many.
    """

    mode: str
    train: int
    validation: int
    share: float
    tokens: int
    width: int
    by: str = ""
    descending: bool = False

    @property
    def order(self) -> Order:
        """What says in which of them a document is."""
        return order_of(self.mode)

    @staticmethod
    def of(
        tokens: int,
        file_tokens: int,
        share: float,
        *,
        mode: str,
        groups: int | None = None,
        by: str = "",
        descending: bool = False,
    ) -> "Splits":
        """As many partitions as it takes for files of about `file_tokens`; `groups` of them if given, by blocks."""
        most = max(file_tokens, -(-tokens // MOST_PARTITIONS))
        train = order_of(mode).partitions(tokens, most, groups)
        validation = math.ceil(train * share)
        return Splits(
            mode=mode,
            train=train,
            validation=validation,
            share=share,
            tokens=most,
            width=order_of(mode).width(train + validation),
            by=by,
            descending=descending,
        )

    def with_validation(self, tokens: int) -> "Splits":
        """As many partitions for validation as it takes for so many tokens, whatever there is for training."""
        validation = max(1, -(-tokens // self.tokens)) if self.share else 0
        return replace(self, validation=validation, width=self.order.width(self.train + validation))

    def identity(self, end_token: int) -> list[object]:
        """Everything that decides the partitions of documents that end before token `end_token` of the corpus."""
        ranked = [self.by, self.descending] if self.by else []
        return [*self.order.identity(self, end_token), *ranked]

    def __len__(self) -> int:
        return self.train + self.validation

    def name(self, part: int) -> str:
        """The split of a partition."""
        return "train" if part < self.train else "validation"

    def number(self, part: int) -> int:
        """The number of a partition within its split."""
        return part if part < self.train else part - self.train

    def alone(self, part: int) -> bool:
        """Whether a partition is all of its split."""
        return (self.train if part < self.train else self.validation) == 1

    def by_hash(
        self, hashes: npt.NDArray[np.uint64], held_out: npt.NDArray[np.bool_]
    ) -> npt.NDArray[np.int64]:
        """The partition of each document, from a uniform hash."""
        parts = np.where(held_out, self.validation, self.train).astype(np.uint64)
        part = ((hashes >> np.uint64(32)) * parts >> np.uint64(32)).astype(np.int64)
        return part + np.where(held_out, self.train, 0)

    def by_place(
        self, places: npt.NDArray[np.int64], held_out: npt.NDArray[np.bool_]
    ) -> npt.NDArray[np.int64]:
        """The partition of each document, from the tokens that come before it in the corpus.

        Those of a partition that are held out are in the same partition for validation, however the corpus goes on.
        """
        part = np.minimum(places // self.tokens, self.train - 1)
        held = np.minimum(np.floor(part * self.share).astype(np.int64), self.validation - 1)
        return np.where(held_out, self.train + held, part)
