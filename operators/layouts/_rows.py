"""Packed rows as the arrays that kernels take, and columns of rows from the arrays that they give."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators.layouts import row_streams
from pairloom.operators.layouts.kernels.draws import IGNORED, Rows
from pairloom.operators.pack.joined import joined_lengths
from pairloom.operators.schema import INPUT_IDS, Column, row_field

__all__ = [
    "LABELS",
    "given_rows",
    "ids_of",
    "matrix_of",
    "segment_edges",
    "unmasked",
    "with_columns",
    "with_ids",
]

LABELS = Column(
    name="labels",
    dtype=np.dtype(np.int32),
    pad=int(IGNORED),
    of="token",
    doc="the token that was here where it is to be predicted, -100 where nothing is",
)


def matrix_of(rows: pa.RecordBatch, name: str) -> npt.NDArray[Any]:
    """A column with as many values in every row, as [rows, values]; a view that cannot be written to."""
    column = rows.column(name)
    values: npt.NDArray[Any] = column.flatten().to_numpy().reshape(len(rows), column.type.list_size)
    return values


def ids_of(rows: pa.RecordBatch) -> npt.NDArray[Any]:
    """`input_ids` as [rows, seq_len], copied."""
    return matrix_of(rows, INPUT_IDS).copy()


def segment_edges(rows: pa.RecordBatch) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The lengths of all segments, and from which to which of them those of each row are."""
    lengths = joined_lengths(rows)
    edges = np.zeros(len(rows) + 1, np.int64)
    np.cumsum(lengths.value_lengths().to_numpy(zero_copy_only=False), out=edges[1:])
    return edges, lengths.flatten().to_numpy().astype(np.int64)


def given_rows(rows: pa.RecordBatch, seed: int, epoch: int, first_row: int) -> Rows:
    """Rows as kernels take them, each with the stream of its randomness."""
    edges, lengths = segment_edges(rows)
    streams = row_streams(seed, epoch, first_row, len(rows))
    return Rows(ids=ids_of(rows), edges=edges, lengths=lengths, streams=streams)


def with_ids(rows: pa.RecordBatch, ids: npt.NDArray[Any]) -> pa.RecordBatch:
    """The same rows with other ids."""
    place = rows.schema.get_field_index(INPUT_IDS)
    field = rows.schema.field(place)
    made = pa.FixedSizeListArray.from_arrays(pa.array(ids.reshape(-1)), ids.shape[1]).cast(field.type)
    return rows.set_column(place, field, made)


def with_columns(
    rows: pa.RecordBatch, columns: Sequence[Column], values: Sequence[npt.NDArray[Any]]
) -> pa.RecordBatch:
    """The same rows with further columns: an array [rows, values] for each."""
    for column, array in zip(columns, values, strict=True):
        field = row_field(column, array.shape[1])
        flat = pa.array(np.ascontiguousarray(array).reshape(-1))
        made = pa.FixedSizeListArray.from_arrays(flat, array.shape[1])
        rows = rows.append_column(field, made.cast(field.type))
    return rows


def unmasked(rows: pa.RecordBatch, columns: Sequence[Column]) -> pa.RecordBatch:
    """The rows with each of their `labels` in its place, without the columns of a step."""
    ids, labels = ids_of(rows), matrix_of(rows, LABELS.name)
    found = np.where(labels != IGNORED, labels, ids).astype(ids.dtype)
    return with_ids(rows.drop_columns([column.name for column in columns]), found)
