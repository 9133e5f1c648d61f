"""Orders without state: where a document or a row goes is a function of a seed and of what it is.

Documents are ordered by a seeded hash of their id, so that added documents do not move the others. Rows are permuted
by a seeded bijection over [0, n): a balanced Feistel network over the next power of four, walked until it lands inside
(cycle walking; Black and Rogaway, "Ciphers with arbitrary finite domains", 2002).
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pairloom.operators.kernels.hashing import GOLDEN, hash_bytes, hash_text, mixed
from pairloom.operators.selection.kernels import permute
from pairloom.operators.text.arrays import text_of

__all__ = [
    "BLOCK_BITS",
    "document_ids",
    "document_keys",
    "document_numbers",
    "in_validation",
    "input_blocks",
    "permutation",
    "permuted",
]

ROUNDS = 6
# Streams of hashes that must not be correlated: the order, the split and a document's number each have their own.
NUMBER_SEED = hash_bytes(b"pairloom: document number")
SPLIT_SEED = hash_bytes(b"pairloom: validation split")
ORDER_SEED = hash_bytes(b"pairloom: document order")
ROW_SEED = hash_bytes(b"pairloom: row order")
BLOCK_SEED = hash_bytes(b"pairloom: input blocks")
BLOCK_BITS = (
    16  # an input's documents are taken 65,536 at a time, so that no group is as large as the largest input
)


def document_ids(given: pa.Array, uris: pa.Array, rows: npt.NDArray[np.int64]) -> pa.LargeStringArray:
    """The id of each document: the one its record gave, otherwise `<uri>#<row>`, the row counted in the whole file."""
    derived = pc.binary_join_element_wise(
        uris, pa.array(rows).cast(pa.large_string()), pa.scalar("#", pa.large_string())
    )
    return pc.coalesce(given, derived)


def document_numbers(ids: pa.Array) -> npt.NDArray[np.int64]:
    """A number for each document id, for use in rows: the upper 63 bits of a hash of the id, so never negative."""
    return (hash_text(text_of(ids), NUMBER_SEED) >> np.uint64(1)).astype(np.int64)


def document_keys(ids: pa.Array, seed: int) -> npt.NDArray[np.uint64]:
    """Where each document stands in the shuffled order of `seed`: uint64, uniform; ascending keys are the order."""
    return hash_text(text_of(ids), ORDER_SEED ^ _mix(seed))


def in_validation(ids: pa.Array, share: float) -> npt.NDArray[np.bool_]:
    """Which documents belong to the validation split: a fixed function of the id alone.

    A document that is in the validation split at one share is in it at every larger share.
    """
    threshold = int(share * 2.0**32)
    return (hash_text(text_of(ids), SPLIT_SEED) >> np.uint64(32)).astype(np.int64) < threshold


def input_blocks(
    uris: pa.Array, inputs: npt.NDArray[np.integer[Any]], rows: npt.NDArray[np.int64]
) -> npt.NDArray[np.uint64]:
    """A hash of the block of its input that each document stands in: uint64, uniform.

    Document `i` is record `rows[i]` of `uris[inputs[i]]`; a block is 65,536 consecutive records of one input.
    """
    first = hash_text(text_of(uris), BLOCK_SEED)[inputs]
    return mixed(first + (rows >> BLOCK_BITS).astype(np.uint64) * GOLDEN)


def permutation(length: int, seed: int) -> npt.NDArray[np.int64]:
    """A seeded bijection over [0, length): `out[i]` is where `i` goes; int64.

    >>> sorted(permutation(5, seed=1).tolist())
    [0, 1, 2, 3, 4]
    """
    return permuted(np.arange(length), length, seed)


def permuted(indices: npt.NDArray[np.int64], length: int, seed: int) -> npt.NDArray[np.int64]:
    """Where `permutation(length, seed)` sends the given indices, without making it whole."""
    if len(indices) and not 0 <= indices.min() <= indices.max() < length:
        raise ValueError(f"indices from {indices.min()} to {indices.max()} are not within [0, {length})")
    bits = 1
    while 1 << (2 * bits) < length:
        bits += 1
    keys = np.array([hash_bytes(bytes([r]), ROW_SEED ^ _mix(seed)) for r in range(ROUNDS)], np.uint64)
    out = np.empty(len(indices), np.int64)
    permute(np.ascontiguousarray(indices, np.int64), length, bits, keys, out)
    return out


def _mix(seed: int) -> int:
    return hash_bytes((seed & (1 << 64) - 1).to_bytes(8, "little"))
