"""Packed rows as they were before row steps: undone, and proved by applying the steps once more.

stored rows ── undo ──▶ rows of documents' tokens ── apply ──▶ the stored rows again
"""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pairloom.operators.errors import CorruptionError
from pairloom.operators.schema import ROW_SEED, file_facts
from pairloom.pipeline.dataset.dataset import Dataset
from pairloom.pipeline.steps import RowSteps
from pairloom.pipeline.store.files import StoredFile, read_batches

__all__ = ["plain_rows"]


def plain_rows(dataset: Dataset, steps: RowSteps) -> Iterator[tuple[StoredFile, int, pa.RecordBatch]]:
    """Every record batch of packed rows without what row steps made of it, with its file and its first row's number there.

    Raises CorruptionError for rows that are not what the steps make of these.
    """
    for stored in dataset.manifest.stage("pack").files:
        first = 0
        for batch in read_batches(dataset.objects, stored):
            yield stored, first, _plain(dataset, stored, first, batch, steps) if steps.steps else batch
            first += batch.num_rows


def _plain(
    dataset: Dataset, stored: StoredFile, first: int, batch: pa.RecordBatch, steps: RowSteps
) -> pa.RecordBatch:
    uri, names = dataset.objects.uri(stored.path), ", ".join(step.name for step in steps.steps)
    seed = file_facts(batch.schema).get(ROW_SEED)
    columns = [column.name for step in steps.steps for column in step.columns]
    if seed is None or (missing := [name for name in columns if name not in batch.schema.names]):
        lacks = "the seed" if seed is None else f"the column {', '.join(missing)}"
        raise CorruptionError(f"{uri}, row {first}: has not {lacks} that the row steps {names} leave")
    plain = steps.undo(batch)
    again = steps.apply(plain, seed, 0, first)
    if not all(_equal(*pair) for pair in zip(again.columns, batch.columns, strict=True)):
        same = np.ones(len(batch), np.bool_)
        for name in batch.schema.names:
            mine, theirs = (rows.column(name).to_pylist() for rows in (batch, again))
            same &= [a == b for a, b in zip(mine, theirs, strict=True)]
        at = first + int(np.flatnonzero(~same)[0])
        raise CorruptionError(f"{uri}, row {at}: is not what the row steps {names} make of its tokens")
    return plain


def _equal(one: pa.Array, other: pa.Array) -> bool:
    """Whether two columns of lists have the same values, where a float that is no number is one of them."""
    if one.equals(other):
        return True
    if not pa.types.is_floating(one.type.value_type) or one.type != other.type:
        return False
    if not pc.list_value_length(one).equals(pc.list_value_length(other)):
        return False
    values, others = (column.flatten().to_numpy(zero_copy_only=False) for column in (one, other))
    return np.array_equal(values, others, equal_nan=True)
