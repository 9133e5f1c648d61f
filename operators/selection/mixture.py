"""Mixtures: how often each document is taken, in exact rational arithmetic.

    shares asked for, tokens there are ──▶ epochs of each source (a Fraction) ──▶ copies of each document (0, 1, 2 ...)

A source at 2.3 epochs has each of its documents twice, and three in ten of them a third time. Which those are is a
function of the document's id and the mixture's seed: a document that is chosen at 0.3 is chosen at 0.4 too, and neither
other documents nor how the corpus is cut has a say. No float decides a byte.
"""

import math
from fractions import Fraction

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators.kernels.hashing import GOLDEN, hash_bytes, hash_text, mixed
from pairloom.operators.text.arrays import text_of

__all__ = ["copy_keys", "document_copies", "expanded", "partition_edges"]

COPY_SEED = hash_bytes(b"pairloom: copies of documents")


def document_copies(ids: pa.Array, epochs: Fraction, seed: int) -> npt.NDArray[np.int64]:
    """How often each document of a source is taken: the whole epochs, and once more for `frac(epochs)` of them; int64.

    A document is taken once more if the hash of its id, of 64 bits, is below `frac(epochs)` of 2^64.
    """
    whole = math.floor(epochs)
    copies = np.full(len(ids), whole, np.int64)
    threshold = math.ceil((epochs - whole) * 2**64)
    if threshold == 2**64:
        copies += 1
    elif threshold:
        stream = COPY_SEED ^ hash_bytes(seed.to_bytes(8, "little"))
        copies += hash_text(text_of(ids), stream) < np.uint64(threshold)
    return copies


def expanded(copies: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The document of each copy and the copy's number, from 0; both int64, in the order of the documents.

    >>> [column.tolist() for column in expanded(np.array([2, 0, 1]))]
    [[0, 0, 2], [0, 1, 0]]
    """
    index = np.repeat(np.arange(len(copies)), copies)
    return index, np.arange(len(index)) - np.repeat(np.cumsum(copies) - copies, copies)


def copy_keys(keys: npt.NDArray[np.uint64], copy: npt.NDArray[np.int64]) -> npt.NDArray[np.uint64]:
    """The place of each copy in the shuffled order: the first keeps its document's key, later ones have their own; uint64.

    For each copy number it is a bijection of the keys: `copy` steps of splitmix64.
    """
    return np.where(copy > 0, mixed(keys + copy.astype(np.uint64) * GOLDEN), keys)


def partition_edges(
    base: Fraction, width: Fraction, length: int, size: int, parts: int
) -> tuple[int, npt.NDArray[np.int64]]:
    """Cut a pass over a source where partitions end: the partition that it begins in, and the edges after it (int64).

    Partitions hold `size` tokens of the mixture; the last of the `parts` holds all the rest. The pass begins `base` tokens
    into the mixture and is expected to take `width` of them; its source is `length` tokens long. What stands at token `r`
    of the source stands in the mixture at `base + width * r / length`, and so in the first partition plus the number of
    edges that are at most `r`.
    """
    first, last = (min(parts - 1, math.floor(place / size)) for place in (base, base + width))
    edges = [math.ceil((part * size - base) * length / width) for part in range(first + 1, last + 1)]
    return first, np.array(edges, np.int64)
