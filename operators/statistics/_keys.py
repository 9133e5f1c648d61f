"""Token ids as keys, and back: unsigned, big-endian, four bytes each, so that keys ascend as ids do."""

from typing import Any

import numpy as np
import numpy.typing as npt

from pairloom.operators.counts import KeyCounter, WordCounts
from pairloom.operators.text.arrays import text_of

__all__ = ["BLOCK", "add_keys", "following", "ids_of"]

ID = np.dtype(">u4")
BLOCK = 1 << 20
"""Positions whose keys are laid out at a time."""


def add_keys(counter: KeyCounter, kind: int, ids: npt.NDArray[Any]) -> None:
    """Count a key for each row of `ids` (integers[m, n]): a byte that says the kind, and the row.

    >>> counter = KeyCounter()
    >>> add_keys(counter, 1, np.array([[7, 8], [7, 8]]))
    >>> ids_of(counter.finish(), 1, 2)[0].tolist(), counter.finish().counts.tolist()
    ([[7, 8]], [2])
    """
    for start in range(0, len(ids), BLOCK):
        here = np.ascontiguousarray(ids[start : start + BLOCK], ID)
        keys = np.empty((len(here), 1 + 4 * here.shape[1]), np.uint8)
        keys[:, 0] = kind
        keys[:, 1:] = here.view(np.uint8).reshape(len(here), -1)
        counter.add_pieces(keys.reshape(-1), 0, np.arange(1, len(here) + 1) * keys.shape[1])


def ids_of(counts: WordCounts, kind: int, n: int) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.int64]]:
    """The rows of `n` ids that keys of a kind stand for, uint32[m, n], ascending, and their counts."""
    text = text_of(counts.words)
    low, high = np.searchsorted(text.data[text.offsets[:-1]], [kind, kind + 1])
    keys = text.data[text.offsets[low] : text.offsets[high]].reshape(-1, 1 + 4 * n)[:, 1:]
    return np.ascontiguousarray(keys).view(ID).astype(np.uint32).reshape(-1, n), counts.counts[low:high]


def following(length: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """How many tokens of its document each token has from itself on, of documents one after another.

    >>> following(np.array([3, 1])).tolist()
    [3, 2, 1, 1]
    """
    ends = np.cumsum(length)
    return np.repeat(ends, length) - np.arange(int(length.sum()))
