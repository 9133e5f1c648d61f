"""Tables of statistics over documents that are cut into units, and keys that are spread over partitions."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from hypothesis import strategies as st

from pairloom.operators.counts import KeyCounter, WordCounts, merge_counts
from pairloom.operators.statistics import Statistic
from pairloom.operators.tokens import TokenBatch

DOCUMENTS = st.lists(st.lists(st.sampled_from([0, 1, 2, 300, 70_000]), max_size=12), max_size=8)


def counted(statistic: Statistic, documents: Sequence[Sequence[int]]) -> WordCounts:
    """The keys of a unit, in two batches."""
    counter = KeyCounter()
    for part in (documents[::2], documents[1::2]):
        lists = [np.array(document, np.uint32) for document in part]
        statistic.add(TokenBatch.from_lists({"input_ids": lists}), counter)
    return counter.finish()


def table(statistic: Statistic, units: Sequence[Sequence[Sequence[int]]], parts: int) -> pa.Table:
    """The table of some units."""
    spread = [counted(statistic, unit).partition(parts) for unit in units]
    merged = [merge_counts(unit[part] for unit in spread) for part in range(parts)]
    return pa.Table.from_batches(list(statistic.finish(lambda: iter(merged))), schema=statistic.schema)


def rows(found: pa.Table) -> list[tuple]:
    """Rows as tuples."""
    return list(zip(*(column.to_pylist() for column in found.columns), strict=True))
