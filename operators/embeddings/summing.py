"""The new rows of a tensor from its old ones, a block at a time, so that memory does not depend on how large it is."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from pairloom.operators.embeddings.floats import as_float32, as_stored
from pairloom.operators.embeddings.rows import ORIGINS, RowMap

__all__ = ["blocks", "mean_row", "new_rows"]

BLOCK_BYTES = 64 << 20  # of the old rows that are summed at a time, as float32


def mean_row(old: npt.NDArray[Any], kind: str, tokens: int) -> npt.NDArray[np.float64]:
    """The mean of the first `tokens` rows of a stored tensor [rows, width]."""
    step = max(1, BLOCK_BYTES // (4 * max(1, old.shape[1])))
    total = np.zeros(old.shape[1], np.float64)
    for start in range(0, tokens, step):
        total += as_float32(old[start : min(start + step, tokens)], kind).sum(axis=0, dtype=np.float64)
    return total / max(1, tokens)


def blocks(rows: RowMap, width: int) -> Iterator[tuple[int, int]]:
    """From which row to which, so that the old rows of a block are no more than `BLOCK_BYTES`, unless one row needs more."""
    most = max(1, BLOCK_BYTES // (4 * max(1, width)))
    start = 0
    while start < len(rows):
        end = int(np.searchsorted(rows.offsets, rows.offsets[start] + most, side="right")) - 1
        end = min(max(end, start + 1), start + most, len(rows))
        yield start, end
        start = end


def new_rows(
    old: npt.NDArray[Any], kind: str, rows: RowMap, everything: npt.NDArray[Any], start: int, end: int
) -> npt.NDArray[Any]:
    """Rows `start` to `end` as they are stored; `everything` is the mean of all old rows.

    >>> old = np.array([[1.0], [3.0]], np.float32)
    >>> rows = RowMap(old_tokens=2, origin=np.array([0, 2, 3], np.uint8), offsets=np.array([0, 1, 3, 3]),
    ...               ids=np.array([1, 0, 1]), weights=np.array([1, 0.5, 0.5], np.float32))
    >>> new_rows(old, "F32", rows, np.array([2.0]), 0, 3).tolist()
    [[3.0], [2.0], [2.0]]
    """
    out = np.empty((end - start, old.shape[1]), old.dtype)
    origin = rows.origin[start:end]
    firsts, lengths = rows.offsets[start:end], np.diff(rows.offsets[start : end + 1])
    copied = np.isin(origin, [ORIGINS.index("same"), ORIGINS.index("role")])
    out[copied] = old[rows.ids[firsts[copied]]]
    out[~copied & (lengths == 0)] = as_stored(everything.astype(np.float64)[None], kind)
    made = np.flatnonzero(~copied & (lengths > 0))
    if len(made):
        places = np.concatenate([np.arange(firsts[i], firsts[i] + lengths[i]) for i in made])
        parts = as_float32(old[rows.ids[places]], kind) * rows.weights[places, None]
        begins = np.concatenate([[0], np.cumsum(lengths[made])[:-1]])
        out[made] = as_stored(np.add.reduceat(parts, begins, axis=0), kind)
    return out
