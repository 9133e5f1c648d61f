"""Documents that are nearly the same: shingles, MinHash signatures, bands, and what hangs together.

    text or tokens ──▶ shingles: a hash of each run of words ──▶ signature: the least of each hash function ──▶ a key a band

Two documents of which a share s of the shingles is the same agree in a row of a signature with chance s, so that `bands` bands
of `rows` rows each share one with chance 1 - (1 - s^rows)^bands. (Broder, On the resemblance and containment of documents,
1997; Leskovec, Rajaraman and Ullman, Mining of Massive Datasets, chapter 3.)
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pairloom.operators.kernels.hashing import GOLDEN, mixed
from pairloom.operators.near.kernels.components import join_edges
from pairloom.operators.near.kernels.minhash import band_keys, share_of_pairs, sign
from pairloom.operators.near.kernels.shingles import distinct_shingles, shingle_tokens, shingle_words
from pairloom.operators.text.arrays import text_of
from pairloom.operators.text.pretokenize.classes import classes

__all__ = ["Hashes", "Shingles", "components", "jaccard", "token_shingles", "word_shingles"]


AT_ONCE = 1 << 22
"""Numbers of signatures that are in memory at a time, or those of one document."""


class Shingles(NamedTuple):
    """The shingles of documents: those of document `i` are `hashes[lists[i]:lists[i + 1]]`, at least one."""

    hashes: npt.NDArray[np.uint64]
    lists: npt.NDArray[np.int64]

    def distinct(self) -> "Shingles":
        """Each shingle of a document once, ascending."""
        hashes, lists = self.hashes.copy(), np.zeros_like(self.lists)
        distinct_shingles(hashes, self.lists, lists)
        return Shingles(hashes[: lists[-1]], lists)


def word_shingles(texts: pa.LargeStringArray, size: int) -> Shingles:
    """The runs of `size` words of texts. A text of fewer words is one shingle, and one without words is itself.

    Words are letters, marks and digits that follow one another, in small letters; an ideograph or kana is one by itself.

    >>> found = word_shingles(pa.array(["One two, THREE", "one two three"], pa.large_string()), 2)
    >>> found.lists.tolist(), bool((found.hashes[:2] == found.hashes[2:]).all())
    ([0, 2, 4], True)
    """
    text, known = text_of(pc.utf8_lower(texts)), classes("segmented")
    words = np.empty(len(text.data) // 2 + len(text) + 1, np.uint64)
    lists = np.zeros(len(text) + 1, np.int64)
    shingle_words(text.data, text.offsets, known.block_of, known.blocks, size, words, lists)
    return Shingles(words[: lists[-1]], lists)


def token_shingles(values: npt.NDArray[np.uint32], offsets: npt.NDArray[np.int64], size: int) -> Shingles:
    """The runs of `size` ids of documents; one of fewer is one shingle."""
    hashes = np.empty(len(values) + len(offsets), np.uint64)
    lists = np.zeros(len(offsets), np.int64)
    shingle_tokens(values, offsets, size, hashes, lists)
    return Shingles(hashes[: lists[-1]], lists)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hashes:
    """The hash functions of signatures: `bands` times `rows` of them, of 32 bits, chosen by `seed`.

    >>> shingles = word_shingles(pa.array(["a b c", "A, b, c!", "d"], pa.large_string()), 3)
    >>> keys = Hashes(bands=2, rows=4).keys(shingles)
    >>> keys.shape, bool((keys[0] == keys[1]).all()), bool((keys[0] == keys[2]).any())
    ((3, 2), True, False)
    """

    bands: int = 14
    rows: int = 8
    seed: int = 0

    def signatures(self, shingles: Shingles) -> npt.NDArray[np.uint32]:
        """The signature of each document: uint32[n, bands * rows]."""
        wanted = self.bands * self.rows
        with np.errstate(over="ignore"):
            drawn = mixed(np.uint64(self.seed) + np.arange(1, 2 * wanted + 1, dtype=np.uint64) * GOLDEN)
        factors = (drawn[:wanted] >> np.uint64(32)).astype(np.uint32) | np.uint32(1)
        added = (drawn[wanted:] >> np.uint64(32)).astype(np.uint32)
        out = np.empty((len(shingles.lists) - 1, wanted), np.uint32)
        sign(shingles.hashes, shingles.lists, factors, added, out)
        return out

    def keys(self, shingles: Shingles, whole: bool = False) -> npt.NDArray[np.uint64]:
        """The key of each band of each document: uint64[n, bands]. Keys of two bands are never compared.

        With `whole` there is one more of each document, by which only those agree that have all their shingles in common: among
        many that are as good as equal, bands do not tell these from the others.
        """
        hashes, lists = shingles
        out = np.empty((len(lists) - 1, self.bands), np.uint64)
        few = max(1, AT_ONCE // (self.bands * self.rows))
        for low in range(0, len(out), few):
            some = Shingles(hashes, lists[low : low + few + 1])
            band_keys(self.signatures(some), self.rows, out[low : low + few])
        if not whole:
            return out
        sums = np.add.reduceat(hashes, lists[:-1]) if len(out) else out[:, 0]
        return np.column_stack([out, mixed(sums)])


def jaccard(
    left: Shingles,
    right: Shingles,
    pairs: tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]],
) -> npt.NDArray[np.float64]:
    """What share of the shingles of two documents is in both, for pairs of a document of `left` and one of `right`.

    Shingles are distinct and ascend, see `Shingles.distinct`.

    >>> found = word_shingles(pa.array(["a b c", "b c d"], pa.large_string()), 1).distinct()
    >>> jaccard(found, found, (np.array([0]), np.array([1]))).tolist()
    [0.5]
    """
    out = np.empty(len(pairs[0]), np.float64)
    share_of_pairs(left.hashes, left.lists, right.hashes, right.lists, *pairs, out)
    return out


def components(
    one: npt.NDArray[np.int64], other: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """All ends of edges, ascending, and the least end that each hangs together with.

    >>> [part.tolist() for part in components(np.array([5, 9, 2]), np.array([7, 7, 3]))]
    [[2, 3, 5, 7, 9], [2, 2, 5, 5, 5]]
    """
    ends, place = np.unique(np.concatenate([one, other]), return_inverse=True)
    least = np.arange(len(ends))
    join_edges(np.ascontiguousarray(place[: len(one)]), np.ascontiguousarray(place[len(one) :]), least)
    return ends, ends[least]
