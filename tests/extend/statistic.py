"""A statistic as a stranger would write it: how many documents have how many tokens."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from pairloom.operators.counts import merge_counts
from pairloom.operators.statistics import Statistic


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes(Statistic):
    """Documents by their length, in tokens, rounded down to a multiple of `step`."""

    name = "sizes"
    schema = pa.schema([("tokens", pa.int64()), ("documents", pa.int64())])

    step: int = 10

    def add(self, batch, counter):
        keys = (batch.length // self.step * self.step).astype(">i8").view(np.uint8)
        counter.add_pieces(keys, 0, np.arange(1, len(batch) + 1) * 8)

    def finish(self, partitions):
        counts = merge_counts(partitions())
        tokens = np.array([int.from_bytes(key, "big") for key in counts.words.to_pylist()], np.int64)
        columns = [pa.array(tokens), pa.array(counts.counts)]
        yield pa.RecordBatch.from_arrays(columns, schema=self.schema)
