"""The n-grams of one length, and of all lengths as a table."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators.errors import CapacityError, DataError

__all__ = ["Level", "added_level", "counted", "levels_of", "table_of", "table_schema"]

ROWS = 1 << 16
MOST = 1 << 32  # n-grams of a length

Ids = npt.NDArray[np.uint32]
Counts = npt.NDArray[np.int64]


class Level(NamedTuple):
    """The n-grams of a length, ascending by ids: places of what is before their last token, that token, how often, `left`."""

    parent: npt.NDArray[np.int64]
    token: Ids
    times: Counts
    left: Counts

    @property
    def keys(self) -> npt.NDArray[np.uint64]:
        """The parent and the token as one number, ascending."""
        return (self.parent.astype(np.uint64) << np.uint64(32)) | self.token.astype(np.uint64)


def added_level(levels: list[Level], ids: Ids, count: Counts) -> list[Level]:
    """Levels with the n-grams (uint32[m, n], in any order) of the next length; those before have what is left of them.

    >>> first = added_level([], np.array([[7], [5]], np.uint32), np.array([1, 2]))
    >>> both = added_level(first, np.array([[7, 5], [5, 7]], np.uint32), np.array([1, 1]))
    >>> both[0].token.tolist(), both[0].left.tolist(), both[1].parent.tolist(), both[1].token.tolist()
    ([5, 7], [1, 1], [0, 1], [7, 5])
    """
    order = np.lexsort([*reversed(ids.T)])
    ids, count = ids[order], count[order]
    if len(ids) >= MOST:
        raise CapacityError(
            f"there are {len(ids):,} n-grams of {ids.shape[1]} tokens, more than {MOST:,}: ask for a lower order"
        )
    made = Level(
        _places(levels, ids[:, :-1]), np.ascontiguousarray(ids[:, -1]), count, np.zeros(len(ids), np.int64)
    )
    if not levels:
        return [made]
    after = _places(levels, ids[:, 1:])
    left = np.bincount(after, minlength=len(levels[-1].token)).astype(np.int64)
    return [*levels[:-1], levels[-1]._replace(left=left), made]


def counted(documents: Sequence[Sequence[int]], order: int) -> list[Level]:
    """The levels of documents in memory: their n-grams of 1 to `order` tokens.

    >>> [level.times.tolist() for level in counted([[0, 1, 0, 1]], order=2)]
    [[2, 2], [2, 1]]
    """
    levels: list[Level] = []
    for n in range(1, order + 1):
        windows = [
            np.lib.stride_tricks.sliding_window_view(np.array(one, np.uint32), n)
            for one in documents
            if len(one) >= n
        ]
        if not windows:
            break
        levels = added_level(levels, *np.unique(np.concatenate(windows), axis=0, return_counts=True))
    return levels


def table_schema() -> pa.Schema:
    """The columns of a table."""
    kinds = {
        "n": pa.uint8(),
        "parent": pa.uint32(),
        "token": pa.uint32(),
        "count": pa.int64(),
        "left": pa.int64(),
    }
    return pa.schema([pa.field(name, kind, nullable=False) for name, kind in kinds.items()])


def table_of(levels: Iterable[Level]) -> Iterator[pa.RecordBatch]:
    """The rows of a table."""
    for n, level in enumerate(levels, 1):
        for start in range(0, len(level.token), ROWS):
            part = slice(start, start + ROWS)
            size = len(level.token[part])
            columns = [
                np.full(size, n, np.uint8),
                level.parent[part].astype(np.uint32),
                *(one[part] for one in level[1:]),
            ]
            yield pa.RecordBatch.from_arrays([pa.array(one) for one in columns], schema=table_schema())


def levels_of(table: pa.Table) -> list[Level]:
    """The levels of a table; raises DataError for one that is none."""
    missing = [name for name in table_schema().names if name not in table.column_names]
    if missing:
        raise DataError(
            f"it has no column {', '.join(missing)}: a language model is what the statistic `language_model` makes"
        )
    try:
        columns = table.select(table_schema().names).cast(table_schema())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, ValueError) as error:
        raise DataError(f"its columns are no whole numbers: {error}") from error
    n, parent, token, count, left = (column.to_numpy() for column in columns.columns)
    if not len(n):
        raise DataError("it has no n-grams: its corpus had no tokens")
    edges = np.searchsorted(n, np.arange(1, int(n.max()) + 2))
    if (np.diff(n.astype(np.int64)) < 0).any() or edges[0] or (np.diff(edges) == 0).any():
        raise DataError("its rows are not by length, or a length is missing")
    levels: list[Level] = []
    before = 1
    for first, end in zip(edges[:-1], edges[1:], strict=True):
        level = Level(parent[first:end].astype(np.int64), token[first:end], count[first:end], left[first:end])
        keys, least = level.keys, (int(level.times.min()), int(level.left.min()))
        if (
            int(level.parent.max()) >= before
            or (keys[1:] <= keys[:-1]).any()
            or least < (1, 0)
            or least[1] < 0
        ):
            raise DataError(f"its n-grams of {len(levels) + 1} tokens are damaged: make the table anew")
        levels.append(level)
        before = end - first
    return levels


def _places(levels: list[Level], ids: Ids) -> npt.NDArray[np.int64]:
    """Where n-grams (uint32[m, n]) are among those of their length, which has them all; 0 for n = 0."""
    found = np.zeros(len(ids), np.int64)
    for level, column in zip(levels, ids.T, strict=False):
        wanted = (found.astype(np.uint64) << np.uint64(32)) | column.astype(np.uint64)
        found = np.searchsorted(level.keys, wanted)
    return found
