"""The kernel of merges that are found in one batch and made in it."""

from typing import Any

import numpy as np
import numpy.typing as npt

from pairloom.operators.kernels.jit import inner, kernel
from pairloom.operators.kernels.slots import slot_of

__all__ = ["merge_batch", "warm_up"]


@inner
def _best(
    ids: npt.NDArray[np.int64],
    joins: npt.NDArray[np.bool_],
    lengths: npt.NDArray[np.int64],
    keys: npt.NDArray[np.int64],
    counts: npt.NDArray[np.int64],
) -> int:
    """The pair (left << 32 | right) that occurs most often, of equal ones the smallest; -1 where none occurs twice."""
    keys[:] = -1
    counts[:] = 0
    most, best = 1, np.int64(-1)
    for r in range(len(ids)):
        for i in range(1, lengths[r]):
            if joins[r, i]:
                key = (ids[r, i - 1] << 32) | ids[r, i]
                slot = slot_of(keys, key)
                keys[slot] = key
                counts[slot] += 1
                if counts[slot] > most or (counts[slot] == most and most > 1 and key < best):
                    most, best = counts[slot], key
    return best


@kernel
def merge_batch(
    ids: npt.NDArray[np.int64],
    joins: npt.NDArray[np.bool_],
    lengths: npt.NDArray[np.int64],
    first: int,
    keys: npt.NDArray[np.int64],
    counts: npt.NDArray[np.int64],
    pairs: npt.NDArray[np.int64],
    tokens: npt.NDArray[np.int64],
) -> int:
    """Merge the most frequent pair of all rows, and again, as often as `pairs` [n, 2] has room; how many were merged.

    `ids` [b, n] and `joins`, whether a token may be merged with the one before it, hold `lengths` of each row; they and their
    lengths are changed. A new token is `first` and the number of its merge; `tokens[m]` is how many there are after m merges.
    `keys` and `counts` are room for a table of pairs.
    """
    tokens[0] = lengths.sum()
    for merge in range(len(pairs)):
        best = _best(ids, joins, lengths, keys, counts)
        if best < 0:
            return merge
        left, right = best >> 32, best & 0xFFFFFFFF
        pairs[merge, 0], pairs[merge, 1] = left, right
        for r in range(len(ids)):
            n, i = 0, 0
            while i < lengths[r]:
                both = i + 1 < lengths[r] and joins[r, i + 1] and ids[r, i] == left and ids[r, i + 1] == right
                ids[r, n] = first + merge if both else ids[r, i]
                joins[r, n] = joins[r, i]
                n += 1
                i += 2 if both else 1
            lengths[r] = n
        tokens[merge + 1] = lengths.sum()
    return len(pairs)


def warm_up(rows: Any) -> None:
    """Merge a pair of rows."""
    from pairloom.operators.layouts.dynamic_bpe import DynamicBPE, Tables

    none = np.zeros(8, np.bool_)
    DynamicBPE().built("dynamic_ids", rows, Tables(np.zeros(8, np.uint8), none, 8))
