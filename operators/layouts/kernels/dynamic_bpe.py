"""The kernel of merges that are found in one batch and made in it."""

from typing import Any

import numpy as np
import numpy.typing as npt

from pairloom.operators.kernels.jit import inner, kernel
from pairloom.operators.kernels.slots import slot_of

__all__ = ["ANY", "BLANK", "BLANKS", "LED", "LINE", "MIXED", "PLAIN", "merge_batch", "warm_up"]

# What a token is, by where it has blanks: of no matter, none, only the first of several bytes, one alone, one end of a line,
# several alone, and elsewhere.
ANY, PLAIN, LED, BLANK, LINE, BLANKS, MIXED = (np.uint8(kind) for kind in range(7))


@inner
def _joined(left: np.uint8, right: np.uint8) -> np.uint8:
    """The kind of a token made of two, MIXED where it must not be made."""
    if left == ANY:
        return ANY
    if right == PLAIN:
        if left == PLAIN:
            return PLAIN
        return LED if LED <= left <= LINE else MIXED
    blank = BLANK <= left <= BLANKS and BLANK <= right <= BLANKS
    return BLANKS if blank and not (left == LINE and right == LINE) else MIXED


@inner
def _best(
    ids: npt.NDArray[np.int64],
    joins: npt.NDArray[np.bool_],
    lengths: npt.NDArray[np.int64],
    keys: npt.NDArray[np.int64],
    counts: npt.NDArray[np.int64],
    kinds: npt.NDArray[np.uint8],
    least: int,
) -> int:
    """The pair (left << 32 | right) that occurs most often, of equal ones the smallest; -1 where none occurs `least` times."""
    keys[:] = -1
    counts[:] = 0
    most, best = least - 1, np.int64(-1)
    for r in range(len(ids)):
        for i in range(1, lengths[r]):
            if joins[r, i] and _joined(kinds[ids[r, i - 1]], kinds[ids[r, i]]) != MIXED:
                key = (ids[r, i - 1] << 32) | ids[r, i]
                slot = slot_of(keys, key)
                keys[slot] = key
                counts[slot] += 1
                if counts[slot] > most or (counts[slot] == most and best >= 0 and key < best):
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
    kinds: npt.NDArray[np.uint8],
    least: int,
    pairs: npt.NDArray[np.int64],
    tokens: npt.NDArray[np.int64],
) -> int:
    """Merge the most frequent pair of all rows, and again, as often as `pairs` [n, 2] has room; how many were merged.

    `ids` [b, n] and `joins`, whether a token may be merged with the one before it, hold `lengths` of each row; they and their
    lengths are changed. A new token is `first` and the number of its merge; `tokens[m]` is how many there are after m merges.
    `keys` and `counts` are room for a table of pairs. A pair must occur `least` times; `kinds` is what each token is by its
    blanks, which says what must not be merged, with room for the new ones.
    """
    tokens[0] = lengths.sum()
    for merge in range(len(pairs)):
        best = _best(ids, joins, lengths, keys, counts, kinds, least)
        if best < 0:
            return merge
        left, right = best >> 32, best & 0xFFFFFFFF
        pairs[merge, 0], pairs[merge, 1] = left, right
        kinds[first + merge] = _joined(kinds[left], kinds[right])
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
    from pairloom.operators.text.pretokenize import Pretokenizer
    from pairloom.operators.vocabulary.tokens import TokenTable

    none = np.zeros(8, np.bool_)
    table = TokenTable.of([b"a"] * 8)
    cut = Pretokenizer(scheme="whitespace")
    kinds = np.full(8, PLAIN)
    tables = Tables(none, none, none, none, kinds, table.data, table.offsets, cut)
    DynamicBPE().built("dynamic_ids", rows, tables)
