"""Kernels of BPE-dropout: words merged again from their bytes, with merges left out by draws."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from pairloom.operators.kernels.hashing import GOLDEN, mix64
from pairloom.operators.kernels.jit import inner, kernel

__all__ = ["EMPTY", "LONGEST", "Merges", "lay_merges", "merge_words", "warm_up"]

EMPTY = np.uint64(0xFFFFFFFFFFFFFFFF)
"""A slot without a pair."""
LONGEST = 1024
"""Bytes of the longest word that is cut anew: what is done to one grows with the square of its length."""

_NONE = 1 << 62


class Merges(NamedTuple):
    """The merges by their pairs, left << 32 | right, in an open-addressed table of a power of two `slots` (uint64).

    `rank` (int64) and `product` (uint32) are those of the pair in the slot; `bytes` (int64[256]) are the ids of bytes, -1
    for one that has none.
    """

    slots: npt.NDArray[np.uint64]
    rank: npt.NDArray[np.int64]
    product: npt.NDArray[np.uint32]
    bytes: npt.NDArray[np.int64]


@kernel
def lay_merges(
    keys: npt.NDArray[np.uint64],
    rank: npt.NDArray[np.int64],
    product: npt.NDArray[np.uint32],
    slots: npt.NDArray[np.uint64],
    rank_of: npt.NDArray[np.int64],
    product_of: npt.NDArray[np.uint32],
) -> None:
    """Put pairs, all of them different, into an empty table."""
    mask = np.uint64(len(slots) - 1)
    for i in range(len(keys)):
        slot = mix64(keys[i]) & mask
        while slots[slot] != EMPTY:
            slot = (slot + np.uint64(1)) & mask
        slots[slot], rank_of[slot], product_of[slot] = keys[i], rank[i], product[i]


@inner
def _slot(left: np.uint32, right: np.uint32, merges: Merges) -> int:
    """The slot of a pair, or -1 where it is none that is merged."""
    key = np.uint64(left) << np.uint64(32) | np.uint64(right)
    mask = np.uint64(len(merges.slots) - 1)
    slot = mix64(key) & mask
    while merges.slots[slot] != EMPTY:
        if merges.slots[slot] == key:
            return np.int64(slot)
        slot = (slot + np.uint64(1)) & mask
    return -1


@inner
def _merged(
    n: int,
    stream: np.uint64,
    share: np.uint64,
    merges: Merges,
    pieces: npt.NDArray[np.uint32],
    sizes: npt.NDArray[np.int64],
    slots: npt.NDArray[np.int64],
) -> int:
    """Merge the first `n` of `pieces`, of `sizes` bytes, as long as a merge is left; how many there are then.

    In step `s` the merge of the pieces `i` and `i + 1` of a word of `n` bytes is left out by draw `s * n + i`.
    """
    bytes_ = np.uint64(n)
    for i in range(n - 1):
        slots[i] = _slot(pieces[i], pieces[i + 1], merges)
    step = np.uint64(0)
    while n > 1:
        best, lowest = -1, _NONE
        for i in range(n - 1):
            if slots[i] >= 0 and merges.rank[slots[i]] < lowest:
                draw = stream + (step * bytes_ + np.uint64(i + 1)) * GOLDEN
                if mix64(draw) >> np.uint64(11) >= share:
                    best, lowest = i, merges.rank[slots[i]]
        if best < 0:
            break
        pieces[best] = merges.product[slots[best]]
        sizes[best] += sizes[best + 1]
        n -= 1
        for i in range(best + 1, n):
            pieces[i], sizes[i], slots[i - 1] = pieces[i + 1], sizes[i + 1], slots[i]
        if best:
            slots[best - 1] = _slot(pieces[best - 1], pieces[best], merges)
        if best < n - 1:
            slots[best] = _slot(pieces[best], pieces[best + 1], merges)
        step += np.uint64(1)
    return n


@kernel
def merge_words(
    ids: npt.NDArray[np.uint32],
    length: npt.NDArray[np.int64],
    streams: npt.NDArray[np.uint64],
    lengths: npt.NDArray[np.int64],
    stays: npt.NDArray[np.bool_],
    data: npt.NDArray[np.uint8],
    ends: npt.NDArray[np.int64],
    merges: Merges,
    share: np.uint64,
    out: npt.NDArray[np.uint32],
    origin: npt.NDArray[np.int64],
    made: npt.NDArray[np.int64],
) -> int:
    """Write documents, `length[d]` of `ids` each, with words merged anew; the tokens written.

    `lengths` are the bytes of each token, 0 where it stays. `ends` are those of the words of `data`, which is the text of
    the other tokens. A word that tokens do not fill, that is longer than LONGEST or has a byte without a token stays. A word's
    draws are those of the stream of its document and of its number there. `origin` is which of `ids` a token begins in,
    `made[d]` how many document `d` has.
    """
    pieces, sizes, slots = (
        np.empty(LONGEST, np.uint32),
        np.empty(LONGEST, np.int64),
        np.empty(LONGEST, np.int64),
    )
    first, used, at, w = 0, 0, 0, 0
    for d in range(len(length)):
        stop, before, number = first + length[d], used, np.uint64(0)
        i = first
        while i < stop:
            if stays[ids[i]] or lengths[ids[i]] == 0:
                out[used], origin[used] = ids[i], i
                used += 1
                i += 1
                continue
            # The tokens of a word, or of as many words as end where a token does.
            begin, token_end, j = at, at + lengths[ids[i]], i + 1
            word_end, words = ends[w], 1
            while token_end != word_end:
                if token_end < word_end:
                    token_end += lengths[ids[j]]
                    j += 1
                else:
                    w += 1
                    words += 1
                    word_end = ends[w]
            w += 1
            n = word_end - begin
            able = words == 1 and n <= LONGEST
            if able:
                for k in range(n):
                    able &= merges.bytes[data[begin + k]] >= 0
            if able:
                for k in range(n):
                    pieces[k], sizes[k] = merges.bytes[data[begin + k]], 1
                stream = mix64(streams[d] + (number + np.uint64(1)) * GOLDEN)
                n = _merged(n, stream, share, merges, pieces, sizes, slots)
                place, place_end, token = begin, begin + lengths[ids[i]], i
                for k in range(n):
                    while place >= place_end:
                        token += 1
                        place_end += lengths[ids[token]]
                    out[used], origin[used] = pieces[k], token
                    used += 1
                    place += sizes[k]
            else:
                for k in range(i, j):
                    out[used], origin[used] = ids[k], k
                    used += 1
            number += np.uint64(1)
            i, at = j, word_end
        made[d] = used - before
        first = stop
    return used


def warm_up(batch: Any) -> None:
    """Lay a merge out, and cut a word of a byte; nobody may write to texts."""
    from pairloom.operators.text.arrays import frozen

    slots, ranks, ids, one = (
        np.full(4, EMPTY),
        np.zeros(4, np.int64),
        np.zeros(4, np.uint32),
        np.ones(1, np.int64),
    )
    lay_merges(np.ones(1, np.uint64), one, np.zeros(1, np.uint32), slots, ranks, ids)
    merges, stays = (
        Merges(slots=slots, rank=ranks, product=ids, bytes=np.zeros(256, np.int64)),
        np.zeros(4, np.bool_),
    )
    streams, data, ends = np.zeros(1, np.uint64), frozen(np.zeros(1, np.uint8)), np.ones(1, np.int64)
    merge_words(
        ids[:1], one, streams, ranks + 1, stays, data, ends, merges, streams[0], ids.copy(), ranks, one.copy()
    )
