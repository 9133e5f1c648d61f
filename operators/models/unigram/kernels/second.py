"""The best two ways to spell a word, and whether the sum before it could decide between them.

`two_best` finds both in one pass. What comes before a part of a word, as a sum S of float64, decides nothing where the gap g
between the sums of the two is great enough. As `margin.py` of SentencePiece shows for float32, with n characters, scores of no
more than m each, and u = 2^-53, it is where

    g > 2 n u (|S| + n m) (1 + u)^n

A word has fewer than 2^32 characters before and within the part, so that |S| + n m < 2^32 m: g > 2 n m 2^-20 is enough, as
2^-20 is more than 2^32 u (1 + u)^n by half. What is rounded in computing g itself is far below the difference.
"""

from typing import Any

import numpy as np

from pairloom.operators.kernels.floats import load_f64, store_f64
from pairloom.operators.kernels.jit import inner, load_u64, store_u64
from pairloom.operators.models.bpe.kernels.trie import ROOT, child
from pairloom.operators.models.unigram.kernels.ways import (
    MOST,
    NODE,
    PENALTY,
    SCORES,
    TRIE,
    UNKNOWN,
    nodes_of,
    write_ids,
)
from pairloom.operators.text.normalize.kernels.quick import character

__all__ = ["encode_surely", "two_best"]

Int = int | np.int64

_NONE = -np.inf
_ENOUGH = 2.0**-19


@inner
def _offer(nodes: Int, others: Int, at: Int, end: Int, score: float, piece: Int) -> None:
    """A piece from one place to another: the best two ways to the latter, of all that end so."""
    node = nodes + NODE * end
    total = score + load_f64(nodes + NODE * at)
    other = score + load_f64(others + 8 * at)
    second = load_f64(others + 8 * end)
    if load_u64(node + 8) == np.uint64(0) or total > load_f64(node):
        if load_u64(node + 8) != np.uint64(0):
            second = max(second, load_f64(node))
        store_f64(node, total)
        store_u64(node + 8, np.uint64(at + 1))
        store_u64(node + 16, np.uint64(piece))
    else:
        second = max(second, total)
    store_f64(others + 8 * end, max(second, other))


@inner
def two_best(word: Int, length: Int, tables: Any, nodes: Int, others: Int) -> Any:
    """Find the best two ways to every place of a word; how many characters it has."""
    slots, scores, unknown = tables[TRIE], tables[SCORES], tables[UNKNOWN]
    penalty = load_f64(tables[PENALTY])
    for i in range(length + 1):
        store_f64(nodes + NODE * i, 0.0)
        store_u64(nodes + NODE * i + 8, np.uint64(0))
        store_f64(others + 8 * i, _NONE)
    stop = word + length
    at = np.int64(0)
    characters = np.int64(0)
    while at < length:
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
                _offer(nodes, others, at, end, load_f64(scores + (piece << 3)), piece)
                single |= end - at == size
            if base == 0:
                break
        if not single:
            _offer(nodes, others, at, at + size, penalty, unknown)
        at += size
        characters += 1
    return characters


@inner
def encode_surely(word: Int, length: Int, tables: Any, scratch: Int) -> Any:
    """Write the ids of the best way to spell a part of a word; (how many, whether it is the best whatever is before)."""
    nodes = nodes_of(scratch, length)
    others = nodes + NODE * (length + 1)
    characters = two_best(word, length, tables, nodes, others)
    count = write_ids(word, length, tables, scratch)
    gap = load_f64(nodes + NODE * length) - load_f64(others + 8 * length)
    return count, gap > np.float64(characters) * load_f64(tables[MOST]) * _ENOUGH
