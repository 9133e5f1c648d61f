"""In how many documents tokens occur, and how much that a token occurs says of a document.

idf = ln(documents of the corpus / documents with the token)
"""

import json
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

LARGEST = 0xFFFFFFFF
# Kinds of keys: a token wherever it occurs, a token once for each document that has it, a document.
_TOKEN, _ONCE, _DOCUMENT = 1, 2, 3


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentFrequency(Statistic):
    """How often each token occurs, and in how many documents.

    The table has `token` (uint32), `count` and `documents` (int64) and `idf` (float64), the logarithm of the documents of the
    corpus over those with the token. Rows are by token; tokens that do not occur have none. The ids of `leave_out` (of stop words,
    of punctuation) are as if they were not there, and so are documents that have nothing else, so that none of them changes
    what is said of others; the schema's metadata has them.

    Raises ValueError for ids that are below 0 or that no id of 32 bits can be.
    """

    name: ClassVar[str] = "document_frequency"

    leave_out: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if wrong := [one for one in self.leave_out if not 0 <= one <= LARGEST]:
            raise ValueError(f"leave_out must be ids of tokens, from 0 to {LARGEST:,}, not {wrong[0]}")

    @property
    def schema(self) -> pa.Schema:
        """The columns of the table."""
        fields = [
            ("token", pa.uint32()),
            ("count", pa.int64()),
            ("documents", pa.int64()),
            ("idf", pa.float64()),
        ]
        metadata = {"leave_out": json.dumps(sorted(set(self.leave_out)))} if self.leave_out else None
        return pa.schema([pa.field(name, kind, nullable=False) for name, kind in fields], metadata=metadata)

    def add(self, batch: TokenBatch, counter: KeyCounter) -> None:
        """Count the tokens of each document, all of them and each once."""
        values = batch.flat(INPUT_IDS).astype(np.uint64)
        document = np.repeat(np.arange(len(batch), dtype=np.uint64), batch.length)
        many = len(batch)
        if self.leave_out:
            kept = ~np.isin(values, np.array(self.leave_out, np.uint64))
            values, document = values[kept], document[kept]
            many = len(np.unique(document))
        add_keys(counter, _TOKEN, values[:, None])
        once = np.unique(document << np.uint64(32) | values) & np.uint64(LARGEST)
        add_keys(counter, _ONCE, once[:, None])
        add_keys(counter, _DOCUMENT, np.zeros((many, 1), np.uint64))

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
