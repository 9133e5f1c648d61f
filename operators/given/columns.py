"""What stands beside ids of documents: columns that some sources give, and what they hold where none is given."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators.schema import INPUT_IDS, Column

__all__ = ["Beside", "filled", "surrounded"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """A column of tokens that documents of some sources bring.

    `elsewhere` is its value for the tokens that are put around documents, and for all tokens of documents of other sources;
    None where it has ids, as `input_ids` has.
    """

    column: Column
    elsewhere: float | None = 0

    def identity(self) -> list[object]:
        """Everything that decides what files hold of it."""
        return [*self.column.identity(), self.elsewhere]


def filled(ids: pa.LargeListArray, columns: Sequence[Beside]) -> dict[str, pa.LargeListArray]:
    """The columns of documents that bring none of them.

    >>> mask = Beside(column=Column(name="loss_mask", dtype=np.dtype(np.uint8)), elsewhere=1)
    >>> filled(pa.array([[7, 8], [9]], pa.large_list(pa.uint16())), [mask])["loss_mask"].to_pylist()
    [[1, 1], [1]]
    """
    out = {}
    for beside in columns:
        column = beside.column
        values = (
            ids.values.to_numpy() if beside.elsewhere is None else np.full(len(ids.values), beside.elsewhere)
        )
        out[column.name] = _lists(ids.offsets, values.astype(column.dtype))
    return out


def surrounded(
    given: Mapping[str, pa.LargeListArray],
    columns: Sequence[Beside],
    dtype: np.dtype[Any],
    prepend: Sequence[int] = (),
    append: Sequence[int] = (),
) -> dict[str, pa.LargeListArray]:
    """Documents of given tokens with the ids `prepend` before and `append` after each, and their columns, those not given too.

    >>> given = {"input_ids": pa.array([[7, 8]], pa.large_list(pa.uint32()))}
    >>> surrounded(given, (), np.dtype(np.uint16), append=[1])["input_ids"].to_pylist()
    [[7, 8, 1]]
    """
    around = np.array([*prepend, *append], np.int64)
    ids = _around(given[INPUT_IDS], dtype, around, len(prepend))
    out = {INPUT_IDS: ids}
    for beside in columns:
        name, kind = beside.column.name, beside.column.dtype
        if name in given:
            value = around if beside.elsewhere is None else np.full(len(around), beside.elsewhere)
            out[name] = _around(given[name], kind, value, len(prepend))
        else:
            out |= filled(ids, [beside])
    return out


def _around(
    lists: pa.LargeListArray, dtype: np.dtype[Any], around: npt.NDArray[Any], before: int
) -> pa.LargeListArray:
    """The lists with the same values around each."""
    offsets = lists.offsets.to_numpy()
    values = np.ascontiguousarray(lists.values.to_numpy()[offsets[0] : offsets[-1]].astype(dtype, copy=False))
    offsets, size = offsets - offsets[0], dtype.itemsize
    if not len(around):
        return _lists(pa.array(offsets), values)
    from pairloom.operators.kernels.tokens import copy_documents

    edges = np.ascontiguousarray(around.astype(dtype))
    count = len(offsets) - 1
    start, sizes = np.empty((2, count, 3), np.int64)
    start[:, 0], sizes[:, 0] = edges.ctypes.data, before * size
    start[:, 1], sizes[:, 1] = values.ctypes.data + offsets[:-1] * size, np.diff(offsets) * size
    start[:, 2], sizes[:, 2] = edges.ctypes.data + before * size, (len(edges) - before) * size
    out = np.empty(len(values) + count * len(edges), dtype)
    copy_documents(start.reshape(-1), sizes.reshape(-1), out.view(np.uint8))
    return _lists(pa.array(offsets + np.arange(count + 1) * len(edges)), out)


def _lists(offsets: pa.Array, values: npt.NDArray[Any]) -> pa.LargeListArray:
    return pa.LargeListArray.from_arrays(offsets, pa.array(values))
