"""The loop that turns words of a Unigram, or parts of words, into ids.

Text is cut into parts where no piece goes over (`text/front/spaces.py`). Whoever encodes a part needs the sum of the scores
before it in its word, where that may decide between two ways to spell it (`second.py`): such a part is not remembered, and the sum
is made anew from where it was last known, or from where the word begins. So each byte is gone through once more at most.
"""

from typing import Any

import numpy as np

from pairloom.operators.encode.kernels.block import block_by
from pairloom.operators.encode.kernels.state import (
    CUT,
    CUTS_AT,
    LONGEST_STORED,
    SCRATCH_AT,
    SUM,
    SUM_AT,
)
from pairloom.operators.kernels.floats import load_f64, store_f64
from pairloom.operators.kernels.jit import address, inner, kernel, load_u8, load_u64
from pairloom.operators.models.bpe.kernels.trie import ROOT, child
from pairloom.operators.models.unigram.kernels.second import encode_surely
from pairloom.operators.models.unigram.kernels.ways import (
    PENALTY,
    REACH,
    SCORES,
    SPACED,
    TRIE,
    encode_from,
)
from pairloom.operators.text.normalize.kernels.quick import character

__all__ = ["encode_block"]

Int = int | np.int64

_SPACE = 32


@inner
def _sum_behind(word: Int, length: Int, tables: Any, ring: Int, total: float) -> Any:
    """The sum of the best way behind `length` bytes that no piece goes over the end of; `total` is that before them.

    `ring` is room for `REACH` sums, float64.
    """
    slots, scores, mask = tables[TRIE], tables[SCORES], tables[REACH] - 1
    penalty = load_f64(tables[PENALTY])
    for i in range(mask + 1):
        store_f64(ring + (i << 3), -np.inf)
    store_f64(ring, total)
    at = np.int64(0)
    while at < length:
        place = ring + ((at & mask) << 3)
        here = load_f64(place)
        store_f64(place, -np.inf)
        size = max(np.int64(1), np.int64(character(word + at, word + length)) & 7)
        single = False
        base = np.int64(ROOT)
        end = at
        while end < length:
            there, piece, base = child(slots, base, word + end)
            if not there:
                break
            end += 1
            if piece >= 0:
                place = ring + ((end & mask) << 3)
                store_f64(place, max(load_f64(place), load_f64(scores + (piece << 3)) + here))
                single |= end - at == size
            if base == 0:
                break
        at += size
        if not single:
            place = ring + ((at & mask) << 3)
            store_f64(place, max(load_f64(place), penalty + here))
    return load_f64(ring + ((at & mask) << 3))


@inner
def _sum_before(state: Any, data: Int, start: Int, tables: Any) -> Any:
    """The sum before a part of a word."""
    # Offsets of segments begin one before their ends.
    begin = data + np.int64(load_u64(state[CUTS_AT] + (state[CUT] << 3) - 8))
    known, spaced = state[SUM_AT], tables[SPACED] != 0
    at = start
    while at > begin and at != known and not (spaced and load_u8(at) == _SPACE):
        at -= 1
    total = 0.0
    if at == known and at > begin and not (spaced and load_u8(at) == _SPACE):
        total = load_f64(address(state) + 8 * SUM)
    if at == start:
        return total
    return _sum_behind(at, start - at, tables, state[SCRATCH_AT], total)


@inner
def encode_part(state: Any, data: Int, start: Int, length: Int, tables: Any) -> Any:
    """Encode a part of a word: see `block_by`.

    `tables` are those of `ways.py`.
    """
    scratch = state[SCRATCH_AT]
    if tables[SPACED] != 0 and load_u8(start) == _SPACE:
        return encode_from(start, length, tables, scratch, 0.0)[0], np.int64(0)
    if length <= LONGEST_STORED:
        count, sure = encode_surely(start, length, tables, scratch)
        if sure:
            return count, np.int64(0)
    count, total = encode_from(start, length, tables, scratch, _sum_before(state, data, start, tables))
    state[SUM_AT] = start + length
    store_f64(address(state) + 8 * SUM, total)
    return count, np.int64(-1)


_encode_block = block_by(encode_part, carries=True)


@kernel
def encode_block(data: int, size: int, at: int, total: int, tables: Any, joins: Any, state: Any) -> Any:
    """See `block_by`."""
    return _encode_block(data, size, at, total, tables, joins, state)
