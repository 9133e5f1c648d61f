"""How long documents are, in tokens."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa

from pairloom.operators.counts import KeyCounter
from pairloom.operators.statistics import Partitions, Statistic
from pairloom.operators.statistics._keys import add_keys, ids_of
from pairloom.operators.tokens import TokenBatch

__all__ = ["Lengths"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lengths(Statistic):
    """How many documents have how many tokens, with what a recipe puts around them.

    The table has `length` (uint64), `documents` (int64) and `tokens` (int64), length times documents; rows are by length.
    """

    name: ClassVar[str] = "lengths"

    @property
    def schema(self) -> pa.Schema:
        """The columns of the table."""
        fields = [("length", pa.uint64()), ("documents", pa.int64()), ("tokens", pa.int64())]
        return pa.schema([pa.field(name, kind, nullable=False) for name, kind in fields])

    def add(self, batch: TokenBatch, counter: KeyCounter) -> None:
        """Count the length of each document."""
        length = batch.length.astype(np.uint64)
        halves = np.stack([length >> np.uint64(32), length & np.uint64(0xFFFFFFFF)], 1)
        add_keys(counter, 1, halves)

    def finish(self, partitions: Partitions) -> Iterator[pa.RecordBatch]:
        """The table; reads the partitions once."""
        found = [ids_of(counts, 1, 2) for counts in partitions()]
        ids = np.concatenate([np.zeros((0, 2), np.uint32), *(ids for ids, _ in found)]).astype(np.uint64)
        documents = np.concatenate([np.zeros(0, np.int64), *(count for _, count in found)])
        length = ids[:, 0] << np.uint64(32) | ids[:, 1]
        order = np.argsort(length)
        length, documents = length[order], documents[order]
        if len(length):
            columns = [length, documents, length.astype(np.int64) * documents]
            yield pa.RecordBatch.from_arrays([pa.array(column) for column in columns], schema=self.schema)
