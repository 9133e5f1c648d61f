"""Documents of many small inputs, encoded together: encoding has costs of its own for each call, however short the texts.

    slice ──▶ batch ─┐                                       ┌─▶ record batch ─┐
    slice ──▶ batch ─┼─▶ all texts ── encoded ── all lists ──┼─▶ record batch ─┼─▶ shard
    slice ──▶ batch ─┘                                       └─▶ record batch ─┘

Nothing that is made depends on who was encoded with whom: a shard has the record batches of each slice, and its receipt their
ledgers and coverages, as if each had been encoded by itself.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators.documents import DocumentBatch
from pairloom.operators.encode.columns import list_array

__all__ = ["cut_lists", "edges_of", "gathered"]

SMALL = 1 << 16  # bytes of text of a batch that others are encoded with
GATHERED = 1 << 20  # bytes of text that are encoded together


def gathered(
    batches: Iterable[DocumentBatch], fits: Callable[[DocumentBatch], bool]
) -> Iterator[list[DocumentBatch]]:
    """The same batches in groups: small ones that `fits` says yes of with their neighbours, every other one by itself.

    One that is by itself is handed out before another is asked for.
    """
    held: list[DocumentBatch] = []
    size = 0
    for batch in batches:
        more = batch.bytes
        small = more < SMALL and fits(batch)
        if held and (not small or size + more > GATHERED):
            yield held
            held, size = [], 0
        if small:
            held.append(batch)
            size += more
        else:
            yield [batch]
    if held:
        yield held


def edges_of(batches: list[DocumentBatch]) -> npt.NDArray[np.int64]:
    """The first document of each batch among those of all, and how many documents there are."""
    return np.cumsum([0, *map(len, batches)], dtype=np.int64)


def cut_lists(lists: pa.LargeListArray, edges: npt.NDArray[np.int64]) -> list[pa.LargeListArray]:
    """The lists between `edges`, as arrays that hold no bytes but theirs: what lies behind an array is stored with it.

    >>> both = pa.array([[1], [2, 3], [4]], pa.large_list(pa.uint16()))
    >>> [part.to_pylist() for part in cut_lists(both, np.array([0, 1, 3]))]
    [[[1]], [[2, 3], [4]]]
    """
    if len(edges) == 2:
        return [lists]
    offsets, values = lists.offsets.to_numpy(), lists.values.to_numpy()
    bounds = offsets[edges].tolist()
    return [
        list_array(values[start:stop], offsets[first : last + 1] - start, None)
        for (first, last), (start, stop) in zip(pairwise(edges.tolist()), pairwise(bounds), strict=True)
    ]
