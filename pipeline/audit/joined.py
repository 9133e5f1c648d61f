"""Rows of joined documents: what goes on from another document is of its group, and what was added is what the recipe says."""

import numpy as np
import pyarrow as pa

from pairloom.operators.errors import CorruptionError
from pairloom.operators.pack.joined import ADDED, GOES_ON
from pairloom.operators.schema import DOCUMENT, INPUT_IDS, JOINED
from pairloom.pipeline.audit.expected import Taken, segments
from pairloom.pipeline.dataset.dataset import Dataset
from pairloom.pipeline.store.files import StoredFile

__all__ = ["check_joined"]


def check_joined(
    dataset: Dataset, stored: StoredFile, first: int, batch: pa.RecordBatch, taken: Taken
) -> int:
    """How many tokens joining has added to rows; raises CorruptionError for those that it cannot have made."""
    how, by = taken.joining, taken.choice.shuffle.by
    uri = dataset.objects.uri(stored.path)
    if how is None or by is None:
        return 0
    if JOINED not in batch.schema.names:
        raise CorruptionError(f"{uri}, row {first}: has no column {JOINED}, and its recipe joins documents")
    row, found = segments(batch)
    flags, group = (batch.column(name).flatten().to_numpy() for name in (JOINED, by))
    document = batch.column(DOCUMENT).flatten().to_numpy()
    on = np.flatnonzero(flags & GOES_ON)
    before = on - 1
    apart = (row[before] != row[on]) | ((group[before] != group[on]) & (document[before] != document[on]))
    if apart.any():
        at = int(row[on[apart][0]])
        raise CorruptionError(
            f"{uri}, row {first + at}: a segment goes on from one that is not of its {by}, or from nothing"
        )
    added = np.flatnonzero(flags & ADDED)
    values = batch.column(INPUT_IDS).flatten().to_numpy()
    for i in added.tolist():
        some = values[found.start[i] : found.start[i] + found.length[i]].tolist()
        if not (_within(some, how.separator) or _within(some, how.append)):
            raise CorruptionError(
                f"{uri}, row {first + int(row[i])}: {some} stands for what joining adds, which is {list(how.separator)} between "
                f"documents and {list(how.append)} behind them"
            )
    return int(found.length[added].sum())


def _within(some: list[int], whole: tuple[int, ...]) -> bool:
    """Whether ids are a part of others: rows may cut what was added."""
    return any(list(whole[i : i + len(some)]) == some for i in range(len(whole) - len(some) + 1))
