"""Partitions: how many there are, and which documents are in which.

Nothing here depends on how the corpus was cut into units.

    shuffle     partition of a document                              so that
    document    a range of the seeded hash of its id                 everything mixes with everything
    block       a hash of its input, 65,536 records at a time        a changed input changes one partition
    none        a range of the tokens of the corpus                  a corpus that grows at its end changes the last
"""

import math
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

__all__ = ["MOST_PARTITIONS", "ONE_PASS", "Splits"]

# A corpus that would have more partitions gets larger ones: 10^13 tokens in 65,536 are 150 million in each.
MOST_PARTITIONS = 1 << 16
# With more partitions than this, documents get to theirs in two steps: shards times partitions are reads of storage.
ONE_PASS = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Splits:
    """How documents are spread: `train` partitions, and `validation` partitions for `share` of the documents.

    `mode` is that of the shuffle. `tokens` is how many tokens make a partition where the order of the corpus is kept.
    `width` is how many neighbouring partitions share a batch of an exchange file: 1, unless every shard has documents for
    every partition (mode `document`) and these are too many.
    """

    mode: str
    train: int
    validation: int
    share: float
    tokens: int
    width: int

    @staticmethod
    def of(tokens: int, file_tokens: int, share: float, *, mode: str, groups: int | None = None) -> "Splits":
        """As many partitions as it takes for files of about `file_tokens`; `groups` of them if given, by blocks."""
        most = max(file_tokens, -(-tokens // MOST_PARTITIONS))
        train = max(1, -(-tokens // most))
        if mode == "block":
            # A power of two, so that a corpus that grows a little keeps its groups.
            train = groups or 1 << max(0, (tokens // most).bit_length() - 1)
        validation = math.ceil(train * share)
        return Splits(
            mode=mode,
            train=train,
            validation=validation,
            share=share,
            tokens=most,
            width=_width(mode, train + validation),
        )

    def with_validation(self, tokens: int) -> "Splits":
        """As many partitions for validation as it takes for so many tokens, whatever there is for training."""
        validation = max(1, -(-tokens // self.tokens)) if self.share else 0
        return replace(self, validation=validation, width=_width(self.mode, self.train + validation))

    def identity(self, end_token: int) -> list[object]:
        """Everything that decides the partitions of documents that end before token `end_token` of the corpus."""
        if self.mode == "none":
            # Where the order is kept, partitions that come later change nothing.
            return [self.mode, self.share, self.tokens, min(self.train, end_token // self.tokens + 1)]
        return [self.mode, self.share, self.train, self.validation, self.width]

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


def _width(mode: str, parts: int) -> int:
    return 1 if mode != "document" or parts <= ONE_PASS else math.isqrt(parts - 1) + 1
