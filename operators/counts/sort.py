"""The words of a hash table as arrays, ascending by bytes."""

import numpy as np
import numpy.typing as npt

from pairloom.operators.counts.kernels.sort import list_words, order_ties, write_words

__all__ = ["sorted_words"]


def sorted_words(
    table: npt.NDArray[np.uint64], arena: npt.NDArray[np.uint8], used: int
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The words of a table as (data uint8, offsets int64[used + 1], counts int64[used]), strictly ascending."""
    slots = np.empty(used, np.int64)
    heads = np.empty(used, np.uint64)
    total = int(list_words(table, arena, slots, heads))
    order = np.argsort(heads)
    slots = slots[order]
    heads = heads[order]
    order_ties(table, arena, heads, slots, np.empty(used, np.int64))
    data = np.empty(total + 16, np.uint8)
    offsets = np.empty(used + 1, np.int64)
    counts = np.empty(used, np.int64)
    write_words(table, arena, slots, data, offsets, counts)
    return data[:total], offsets, counts
