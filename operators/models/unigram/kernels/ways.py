"""The pieces of a word whose scores have the greatest sum, for the words of an encoder.

Sums are of float64, from the left, and of two that are equal the one that was found first stays, at each place from the piece that
begins first: so is it in `tokenizers`, whose ids these are. SentencePiece (0.2.3) has sums of float32, begins them anew at a place
where one is beyond 100,000, and looks for no piece that what is unknown in a row may be.
"""

from typing import Any

import numpy as np

from pairloom.operators.kernels.floats import load_f64, store_f64
from pairloom.operators.kernels.jit import (
    inner,
    load_u8,
    load_u32,
    load_u64,
    signed,
    store_u32,
    store_u64,
)
from pairloom.operators.models.bpe.kernels.trie import ROOT, child
from pairloom.operators.text.normalize.kernels.quick import character

__all__ = [
    "BEYOND",
    "MOST",
    "NODE",
    "PENALTY",
    "REACH",
    "SCORES",
    "SPACED",
    "TRIE",
    "UNKNOWN",
    "encode_from",
    "nodes_of",
    "write_ids",
]

Int = int | np.int64

# What `tables` hold.
(
    TRIE,  # address of the trie of pieces
    SCORES,  # that of their scores, float64, by id
    UNKNOWN,  # the id of what is unknown
    BYTE_IDS,  # address of the ids of bytes, uint32[256]
    FALLS_BACK,  # whether what is unknown becomes these
    PENALTY,  # address of the score of an unknown character
    NARROW,  # whether sums are SentencePiece's
    MOST,  # address of the greatest absolute of a score
    SPACED,  # whether words begin with each space
    REACH,  # a power of two above the bytes of any piece
) = range(10)

# Bytes of what is known of a place of a word: the greatest sum of what ends there, where its last piece begins + 1 (0: nothing
# ends there), and that piece's id.
NODE = 24

BEYOND = 100_000.0
"""Sums of float32 go no further: what is known of later places is told from the one where one did, whose sum is 0 then."""


@inner
def _exact(slots: Int, text: Int, stop: Int) -> Any:
    """The piece that a text is, or -1."""
    base = np.int64(ROOT)
    found = np.int64(-1)
    while text < stop:
        if base == 0:
            return np.int64(-1)
        there, found, base = child(slots, base, text)
        if not there:
            return np.int64(-1)
        text += 1
    return found


@inner
def _offer(node: Int, total: float, begins: Int, piece: Int, narrow: bool) -> None:
    """A piece that ends at a place, with the sum up to there, which `narrow` makes a float32."""
    if narrow:
        total = np.float64(np.float32(total))
    if load_u64(node + 8) == np.uint64(0) or total > load_f64(node):
        store_f64(node, total)
        store_u64(node + 8, np.uint64(begins + 1))
        store_u64(node + 16, np.uint64(piece))


@inner
def _begin_anew(nodes: Int, at: Int, frontier: Int, total: float) -> None:
    """Take a sum from those of a place and of all later ones that something ends at."""
    for i in range(at, frontier + 1):
        node = nodes + NODE * i
        if i == at or load_u64(node + 8) != np.uint64(0):
            store_f64(node, np.float64(np.float32(load_f64(node) - total)))


@inner
def _forward(word: Int, length: Int, tables: Any, nodes: Int, total: float) -> None:
    slots, scores, unknown = tables[TRIE], tables[SCORES], tables[UNKNOWN]
    penalty, narrow = load_f64(tables[PENALTY]), tables[NARROW] != 0
    for i in range(length + 1):
        store_f64(nodes + NODE * i, 0.0)
        store_u64(nodes + NODE * i + 8, np.uint64(0))
    store_f64(nodes, total)
    stop = word + length
    at = np.int64(0)
    frontier = np.int64(0)
    while at < length:
        here = load_f64(nodes + NODE * at)
        if narrow and abs(here) > BEYOND:
            _begin_anew(nodes, at, frontier, here)
            here = 0.0
        size = max(np.int64(1), np.int64(character(word + at, stop)) & 7)
        single = False
        base = np.int64(ROOT)
        end = at
        while end < length:
            there, piece, base = child(slots, base, word + end)
            if not there:
                break
            end += 1
            if piece >= 0:
                _offer(nodes + NODE * end, load_f64(scores + (piece << 3)) + here, at, piece, narrow)
                frontier = max(frontier, end)
                single |= end - at == size
            if base == 0:
                break
        if not single:
            _offer(nodes + NODE * (at + size), penalty + here, at, unknown, narrow)
            frontier = max(frontier, at + size)
        at += size


@inner
def _unknown_run(word: Int, begin: Int, end: Int, tables: Any, out: Int) -> Any:
    """Write what stands for text that no piece spells, its last id first; the new end of the output."""
    slots, unknown = tables[TRIE], tables[UNKNOWN]
    byte_ids, falls_back = tables[BYTE_IDS], tables[FALLS_BACK] != 0
    piece = np.int64(-1) if tables[NARROW] != 0 else _exact(slots, word + begin, word + end)
    if piece >= 0:
        store_u32(out, np.uint32(piece))
        return out + 4
    if falls_back:
        for i in range(end - 1, begin - 1, -1):
            store_u32(out, load_u32(byte_ids + (np.int64(load_u8(word + i)) << 2)))
            out += 4
        return out
    store_u32(out, np.uint32(unknown))
    return out + 4


@inner
def nodes_of(scratch: Int, length: Int) -> Any:
    """Where what is known of the places of a word is, behind its ids."""
    return scratch + ((4 * length + 15) & ~7)


@inner
def write_ids(word: Int, length: Int, tables: Any, scratch: Int) -> Any:
    """Write the ids of the way that the nodes of a word have found; how many these are."""
    unknown = tables[UNKNOWN]
    nodes = nodes_of(scratch, length)
    end = signed(length)
    run = np.int64(-1)  # where the unknown text that is open ends
    out = scratch
    while end > 0:
        node = nodes + NODE * end
        piece = np.int64(load_u64(node + 16))
        if piece == unknown:
            run = max(run, end)
        else:
            if run >= 0:
                out = _unknown_run(word, end, run, tables, out)
                run = np.int64(-1)
            store_u32(out, np.uint32(piece))
            out += 4
        end = np.int64(load_u64(node + 8)) - 1
    if run >= 0:
        out = _unknown_run(word, np.int64(0), run, tables, out)
    count = (out - scratch) >> 2
    for i in range(count >> 1):
        left, right = scratch + (i << 2), out - 4 - (i << 2)
        kept = load_u32(left)
        store_u32(left, load_u32(right))
        store_u32(right, kept)
    return count


@inner
def encode_from(word: Int, length: Int, tables: Any, scratch: Int, total: float) -> Any:
    """Encode the `length` bytes at address `word`, of a text whose sum is `total` before them; (how many ids, the sum behind).

    `tables` begin with `TRIE` to `MOST`.
    """
    nodes = nodes_of(scratch, length)
    _forward(word, length, tables, nodes, total)
    return write_ids(word, length, tables, scratch), load_f64(nodes + NODE * length)
