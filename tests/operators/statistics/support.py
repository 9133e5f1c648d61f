"""Tables of statistics over documents that are cut into units, and keys that are spread over partitions."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from hypothesis import strategies as st

from pairloom.operators.counts import WordCounts, merge_counts
from pairloom.operators.counts.sifting import among
from pairloom.operators.documents import DocumentBatch
from pairloom.operators.statistics import Statistic, TextStatistic
from pairloom.operators.tokens import TokenBatch

DOCUMENTS = st.lists(st.lists(st.sampled_from([0, 1, 2, 300, 70_000]), max_size=12), max_size=8)
TEXTS = st.lists(
    st.text(st.sampled_from("ab \t\n\n\u00a0\u03b1\u65e5\U0001f600.1"), min_size=1, max_size=24), max_size=8
)


def counted(statistic: Statistic, documents: Sequence[Sequence[int]]) -> WordCounts:
    """The keys of a unit, in two batches."""
    return _counted(statistic, documents, sifted=True)


def _counted(statistic: Statistic, documents: Sequence, *, sifted: bool) -> WordCounts:
    counters = statistic.counters()
    for part in (documents[::2], documents[1::2]):
        if isinstance(statistic, TextStatistic):
            for texts, counter in counters.parts(DocumentBatch.of(list(part)), None):
                statistic.add_text(texts, counter)
        else:
            lists = [np.array(document, np.uint32) for document in part]
            batch = TokenBatch.from_lists({"input_ids": lists})
            for tokens, counter in counters.parts(batch, None):
                statistic.add(tokens, counter)
    return counters.finish(sifted=sifted)


def table(statistic: Statistic, units: Sequence[Sequence], parts: int) -> pa.Table:
    """The table of some units; where it leaves out what is rare, of a second pass over what units have kept of the first."""
    merged = _merged([_counted(statistic, unit, sifted=True).partition(parts) for unit in units], parts)
    if statistic.share:
        again = [_counted(statistic, unit, sifted=False).partition(parts) for unit in units]
        spread = [[among(*both) for both in zip(unit, merged, strict=True)] for unit in again]
        merged = _merged(spread, parts)
    return pa.Table.from_batches(list(statistic.finish(lambda: iter(merged))), schema=statistic.schema)


def _merged(spread: Sequence[Sequence[WordCounts]], parts: int) -> list[WordCounts]:
    return [merge_counts(unit[part] for unit in spread) for part in range(parts)]


def rows(found: pa.Table) -> list[tuple]:
    """Rows as tuples."""
    return list(zip(*(column.to_pylist() for column in found.columns), strict=True))
