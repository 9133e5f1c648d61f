"""Documents that one record gives: the completions of a prompt, of which none is of use without the others."""

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from pairloom.operators.documents._batch import DocumentBatch

__all__ = ["GROUPS", "groups_of", "incomplete", "leads", "named", "numbered"]

GROUPS = pa.struct([("record", pa.int64()), ("member", pa.int32()), ("size", pa.int32())])
"""Of a document: the row of its record within the slice, its place among what that gives, and how many that is."""


def groups_of(
    records: npt.NDArray[np.int64], sizes: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int64], pa.StructArray]:
    """Which of the records each document is of, where record `i` gives `sizes[i]`, and the groups.

    >>> owner, groups = groups_of(np.array([4, 7]), np.array([2, 1]))
    >>> owner.tolist(), groups.to_pylist()[1]
    ([0, 0, 1], {'record': 4, 'member': 1, 'size': 2})
    """
    owner = np.repeat(np.arange(len(sizes)), sizes)
    member = np.arange(len(owner)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    columns = (records[owner], member.astype(np.int32), sizes[owner].astype(np.int32))
    groups = pa.StructArray.from_arrays([pa.array(one) for one in columns], fields=list(GROUPS))
    return owner, groups


def leads(groups: pa.StructArray) -> npt.NDArray[np.int64]:
    """For each document the place of the first of its group that is there."""
    record = _field(groups, "record")
    return np.searchsorted(record, record, side="left")


def incomplete(batch: "DocumentBatch") -> npt.NDArray[np.bool_]:
    """Which documents have lost another one of their group."""
    if batch.groups is None:
        return np.zeros(len(batch), np.bool_)
    record = _field(batch.groups, "record")
    there = np.searchsorted(record, record, side="right") - leads(batch.groups)
    lost: npt.NDArray[np.bool_] = there < _field(batch.groups, "size")
    return lost


def numbered(batch: "DocumentBatch", extra: int) -> tuple["DocumentBatch", int]:
    """A batch whose documents count as rows, where so far in the slice there were `extra` more of them than records.

    With that it says how many more there are behind it.
    """
    if batch.groups is None:
        return batch, extra
    record = batch.row.to_numpy()
    before = np.cumsum(np.diff(record, prepend=record[:1]) != 0)  # records before that of each document
    row = record + extra + np.arange(len(record)) - before
    whole, first = np.unique(record, return_index=True)
    more = np.append(first, len(record)) - np.arange(len(whole) + 1)  # documents beyond one for each record
    letters = tuple(
        letter._replace(row=letter.row + extra + int(more[np.searchsorted(whole, letter.row)]))
        for letter in batch.rejected
    )
    refused = {
        int(new): batch.refused[int(old)]
        for old, new in zip(record, row, strict=True)
        if int(old) in batch.refused
    }
    moved = replace(batch, row=pa.array(row, pa.int64()), rejected=letters, refused=refused)
    return moved, extra + int(more[-1])


def named(batch: "DocumentBatch") -> "DocumentBatch":
    """A batch whose documents have ids of their own: that of their record, and their place among what it gives."""
    if batch.groups is None or batch.id is None:
        return batch
    member = pc.struct_field(batch.groups, "member").cast(pa.large_string())
    ids = pc.binary_join_element_wise(batch.id, member, pa.scalar("/", pa.large_string()))
    return replace(batch, id=ids)


def _field(groups: pa.StructArray, name: str) -> npt.NDArray[np.int64]:
    values: npt.NDArray[np.int64] = pc.struct_field(groups, name).to_numpy(zero_copy_only=False)
    return values
