"""In how many documents tokens occur, and how much that a token occurs says of a document.

idf = ln(documents of the corpus / documents with the token)
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa

from pairloom.operators.counts import KeyCounter
from pairloom.operators.schema import INPUT_IDS
from pairloom.operators.statistics import Partitions, Statistic
from pairloom.operators.statistics._keys import add_keys, ids_of
from pairloom.operators.tokens import TokenBatch

__all__ = ["DocumentFrequency"]

# Kinds of keys: a token wherever it occurs, a token once for each document that has it, a document.
_TOKEN, _ONCE, _DOCUMENT = 1, 2, 3


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentFrequency(Statistic):
    """How often each token occurs, and in how many documents.

    The table has `token` (uint32), `count` and `documents` (int64) and `idf` (float64), the logarithm of the documents of the
    corpus over those with the token. Rows are by token; tokens that do not occur have none.
    """

    name: ClassVar[str] = "document_frequency"

    @property
    def schema(self) -> pa.Schema:
        """The columns of the table."""
        fields = [
            ("token", pa.uint32()),
            ("count", pa.int64()),
            ("documents", pa.int64()),
            ("idf", pa.float64()),
        ]
        return pa.schema([pa.field(name, kind, nullable=False) for name, kind in fields])

    def add(self, batch: TokenBatch, counter: KeyCounter) -> None:
        """Count the tokens of each document, all of them and each once."""
        values = batch.flat(INPUT_IDS).astype(np.uint64)
        add_keys(counter, _TOKEN, values[:, None])
        document = np.repeat(np.arange(len(batch), dtype=np.uint64), batch.length)
        once = np.unique(document << np.uint64(32) | values) & np.uint64(0xFFFFFFFF)
        add_keys(counter, _ONCE, once[:, None])
        add_keys(counter, _DOCUMENT, np.zeros((len(batch), 1), np.uint64))

    def finish(self, partitions: Partitions) -> Iterator[pa.RecordBatch]:
        """The table; reads the partitions once."""
        count, documents, corpus = (np.zeros(0, np.int64) for _ in range(3))
        for counts in partitions():
            count = _summed(count, *ids_of(counts, _TOKEN, 1))
            documents = _summed(documents, *ids_of(counts, _ONCE, 1))
            corpus = _summed(corpus, *ids_of(counts, _DOCUMENT, 1))
        there = np.flatnonzero(documents)
        if len(there):
            columns = [
                there.astype(np.uint32),
                count[there],
                documents[there],
                np.log(corpus[0] / documents[there]),
            ]
            yield pa.RecordBatch.from_arrays([pa.array(column) for column in columns], schema=self.schema)


def _summed(sums: np.ndarray, ids: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Sums by id, with more of them."""
    if len(ids) and int(ids.max()) >= len(sums):
        sums = np.concatenate([sums, np.zeros(int(ids.max()) + 1 - len(sums), np.int64)])
    sums[ids[:, 0]] += counts
    return sums
