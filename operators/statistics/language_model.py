"""The n-grams of a language model: all that occur, of one token to `order`, with what Kneser-Ney counts of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa

from pairloom.operators.counts import KeyCounter
from pairloom.operators.ngram import Level, added_level, table_of, table_schema
from pairloom.operators.schema import INPUT_IDS
from pairloom.operators.statistics import Partitions, Statistic
from pairloom.operators.statistics._keys import BLOCK, add_keys, following, ids_of
from pairloom.operators.tokens import TokenBatch

__all__ = ["LanguageModel"]

HIGHEST = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class LanguageModel(Statistic):
    """The exact counts of all n-grams of 1 to `order` tokens within documents, as a trie that models of n-grams read.

    The table has `n` (uint8), `parent` (uint32: the place of the first n - 1 tokens among the rows of that length), `token`
    (uint32), `count` (int64) and `left` (int64: how many different tokens stand before the n-gram; 0 at the highest order). Rows
    are by length, then by ids. All n-grams are held while the table is made, some 100 bytes each.

    Raises ValueError for an order outside 1 to 6.
    """

    name: ClassVar[str] = "language_model"
    holds_all: ClassVar[bool] = True

    order: int = 3

    def __post_init__(self) -> None:
        if not 1 <= self.order <= HIGHEST:
            raise ValueError(f"order must be from 1 to {HIGHEST}, not {self.order}")

    @property
    def schema(self) -> pa.Schema:
        """The columns of the table."""
        return table_schema()

    def add(self, batch: TokenBatch, counter: KeyCounter) -> None:
        """Count the n-grams of every document."""
        values, left = batch.flat(INPUT_IDS), following(batch.length)
        for n in range(1, self.order + 1):
            places = np.flatnonzero(left >= n)
            for start in range(0, len(places), BLOCK):
                add_keys(counter, n, values[places[start : start + BLOCK, None] + np.arange(n)])

    def finish(self, partitions: Partitions) -> Iterator[pa.RecordBatch]:
        """The table; reads the partitions once for each length."""
        levels: list[Level] = []
        for n in range(1, self.order + 1):
            found = [ids_of(counts, n, n) for counts in partitions()]
            ids = np.concatenate([ids for ids, _ in found])
            if not len(ids):
                break
            levels = added_level(levels, ids, np.concatenate([count for _, count in found]))
        yield from table_of(levels)
