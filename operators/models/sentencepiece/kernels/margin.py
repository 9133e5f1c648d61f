"""By how much the best way to spell a word is better than any other, and up to which sum before it that is enough.

SentencePiece adds the scores of the pieces of a whole text in float32, from its beginning, so that what comes before a word may
decide between two ways to spell it. Where no piece goes over the end of a word, every way through the text passes there, and all
that a word is told of the text is the sum S before it. Let

- m be a bound of the true sum of the first pieces of any way to spell the word, whatever their number,
- n the most pieces that a way has, which is the number of characters, and b those of the best way,
- g the true gap between the sum of the best way and that of the next.

Adding is rounding the true sum, which is off by no more than u = 2^-24 of it (nothing where the result is subnormal). The sum that
is computed for the best way is therefore no less than its true one less b u (|S| + m)(1 + u)^b, and that of any other way no more
than its true one and n u (|S| + m)(1 + u)^n. Rounding is monotone, so that of the sums which are kept at each place, the last is
the greatest of the sums that are computed for all ways, and the way that is found is one of those that have it. With

    g > (b + n) u (|S| + m) (1 + u)^n

only the best way has it, in whatever order ways are looked at: the ids of the word are those of the best way, and the sum behind
the word is S with the scores of its pieces added one after another. As (1 + u)^n is below 1.001 for the words in question, this is
so for all |S| below a limit, which has to be so low, too, that no sum within the word is `BEYOND`. A way that has unknown
characters has fewer ids than scores, or more, so that its scores are remembered as well.
"""

from typing import Any

import numpy as np

from pairloom.operators.kernels.floats import load_f64, store_f32, store_f64
from pairloom.operators.kernels.jit import inner, load_u8, load_u64, store_u64
from pairloom.operators.models.bpe.kernels.trie import ROOT
from pairloom.operators.models.unigram.kernels import BEYOND, NODE, nodes_of, write_ids
from pairloom.operators.text.normalize.kernels.quick import character

__all__ = ["encode_with_limit"]

Int = int | np.int64

_NONE = -np.inf
_UNIT = 1.001 * 2.0**-24
# Of what is computed here in float64, for words of so few bytes.
_SLACK = 1e-12


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
def _forward(word: Int, length: Int, tables: Any, nodes: Int, others: Int) -> Any:
    """Find the best two ways to every place of a word; how many characters it has."""
    slots, scores, unknown = tables[0], tables[1], tables[2]
    penalty = load_f64(tables[5])
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
            byte = np.int64(load_u8(word + end))
            slot = load_u64(slots + ((base ^ byte) << 3))
            if np.int64(slot & np.uint64(511)) != byte + 1:
                break
            end += 1
            piece = np.int64(slot >> np.uint64(33)) - 1
            if piece >= 0:
                _offer(nodes, others, at, end, load_f64(scores + (piece << 3)), piece)
                single |= end - at == size
            base = np.int64(slot >> np.uint64(9)) & 0xFFFFFF
            if base == 0:
                break
        if not single:
            _offer(nodes, others, at, at + size, penalty, unknown)
        at += size
        characters += 1
    return characters


@inner
def _write_scores(nodes: Int, length: Int, tables: Any, into: Int) -> None:
    """Write the scores of the best way, the last one before an address."""
    end = np.int64(length)
    while end > 0:
        node = nodes + NODE * end
        piece = np.int64(load_u64(node + 16))
        into -= 4
        score = load_f64(tables[5]) if piece == tables[2] else load_f64(tables[1] + (piece << 3))
        store_f32(into, np.float32(score))
        end = np.int64(load_u64(node + 8)) - 1


@inner
def encode_with_limit(word: Int, length: Int, tables: Any, scratch: Int) -> Any:
    """Write the ids of the best way to spell a word, and its scores.

    Returns (how many ids, for which sums before the word it is the one, how many scores, their address or 0 where they are those of
    the ids). The second is a float32: it is so for all whose absolute is less. `tables` are those of `encode_word` of a Unigram,
    and the address of the greatest absolute of a score (float64) behind them. Scores are float32.
    """
    nodes = nodes_of(scratch, length)
    others = nodes + NODE * (length + 1)
    characters = _forward(word, length, tables, nodes, others)
    count = write_ids(word, length, tables, scratch)
    gap = load_f64(nodes + NODE * length) - load_f64(others + 8 * length)
    pieces = np.int64(0)
    known = True
    end = np.int64(length)
    while end > 0:
        node = nodes + NODE * end
        known &= np.int64(load_u64(node + 16)) != tables[2]
        end = np.int64(load_u64(node + 8)) - 1
        pieces += 1
    if not known:
        _write_scores(nodes, length, tables, others + 4 * pieces)
    most = np.float64(characters) * load_f64(tables[7])
    limit = min((gap - _SLACK * most) / (np.float64(pieces + characters) * _UNIT), BEYOND) - 1.001 * most
    if not limit > 0.0:
        return count, np.float32(-1.0), pieces, np.int64(0)
    return count, np.float32(limit * (1.0 - 1e-6)), pieces, np.int64(0) if known else others
