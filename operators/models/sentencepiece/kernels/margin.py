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

from pairloom.operators.kernels.floats import load_f64, store_f32
from pairloom.operators.kernels.jit import inner, load_u64
from pairloom.operators.models.unigram.kernels.second import two_best
from pairloom.operators.models.unigram.kernels.ways import BEYOND, NODE, nodes_of, write_ids

__all__ = ["encode_with_limit"]

Int = int | np.int64

_UNIT = 1.001 * 2.0**-24
# Of what is computed here in float64, for words of so few bytes.
_SLACK = 1e-12


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
    the ids). The second is a float32: it is so for all whose absolute is less. `tables` are those of `encode_from`.
    Scores are float32.
    """
    nodes = nodes_of(scratch, length)
    others = nodes + NODE * (length + 1)
    characters = two_best(word, length, tables, nodes, others)
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
