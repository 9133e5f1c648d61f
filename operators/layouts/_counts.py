"""Counts of tokens and n-grams from a file, for steps that go by how often something occurs.

The file is a table in Arrow's file format or Parquet, as `Dataset.statistic("ngrams")` gives and its root holds: a column
`ngram` (lists of ids), or `id`, and a column `count`.
"""

import hashlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

__all__ = ["Counted", "file_hash", "read_counts", "token_shares"]


class Counted(NamedTuple):
    """N-grams in the order of their file: number `i` is ids[offsets[i]:offsets[i + 1]], and occurs `counts[i]` times."""

    offsets: npt.NDArray[np.int64]
    ids: npt.NDArray[np.uint32]
    counts: npt.NDArray[np.int64]


def file_hash(path: str) -> str:
    """What a file holds, for a step's identity; nothing for one that is not there, which `read_counts` says."""
    file = Path(path)
    return hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else ""


def read_counts(key: str, path: str) -> Counted:
    """The n-grams of a file; raises ValueError, which begins with the key that names it, where it is none such."""
    if not Path(path).is_file():
        raise ValueError(f"{key} must be a file with a table of n-grams, and there is no {path}")
    try:
        table = _table(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise ValueError(
            f"{key} must be a table in Arrow's file format or Parquet, not {path}: {error}"
        ) from error
    names = [name for name in ("ngram", "id") if name in table.column_names]
    if not names or "count" not in table.column_names:
        raise ValueError(
            f"{key} must be a table with the columns ngram (or id) and count, and {path} has {', '.join(table.column_names)}"
        )
    column = table.column(names[0]).combine_chunks()
    lists = names[0] == "ngram"
    try:
        count = table.column("count").cast(pa.int64()).to_numpy()
        ids = (column.flatten() if lists else column).cast(pa.uint32()).to_numpy(zero_copy_only=False)
        lengths = column.value_lengths().to_numpy(zero_copy_only=False) if lists else np.ones(len(column))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, AttributeError) as error:
        raise ValueError(
            f"{key} must have lists of ids and whole counts, and {path} has others: {error}"
        ) from error
    offsets = np.zeros(len(count) + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    return Counted(offsets=offsets, ids=ids.copy(), counts=count.copy())


def token_shares(key: str, path: str, tokens: int) -> npt.NDArray[np.float64]:
    """The share of each of so many ids among what is counted: of n-grams, by their first tokens, of the shortest length."""
    counted = read_counts(key, path)
    lengths = np.diff(counted.offsets)
    shortest = lengths == lengths[lengths > 0].min(initial=1 << 62)
    first = counted.ids[counted.offsets[:-1][shortest]]
    if len(first) == 0 or int(first.max()) >= tokens:
        raise ValueError(
            f"{key} must count tokens of this vocabulary, which has {tokens}: {path} counts others"
        )
    weights = np.bincount(first, counted.counts[shortest].astype(np.float64), tokens)
    if not weights.sum() > 0 or weights.min() < 0:
        raise ValueError(f"{key} must have counts above 0: {path} has none")
    shares: npt.NDArray[np.float64] = weights / weights.sum()
    return shares


def _table(path: str) -> pa.Table:
    with Path(path).open("rb") as file:
        parquet = file.read(4) == b"PAR1"
    if parquet:
        return pq.read_table(path)
    with pa.OSFile(path) as source:
        return pa.ipc.open_file(source).read_all()
