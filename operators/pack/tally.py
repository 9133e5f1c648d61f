"""A tally of tokens that does not depend on their order: equal tallies mean equal multisets, but for one chance in 2^64.

Each token of a document counts as a 64-bit hash of (document number, place in the document, id); the hashes are added up
modulo 2^64, in buckets by document. Token shards and packed rows hold the same tokens in different orders, so that their
tallies prove, in one pass over each and in constant memory, that nothing was lost, doubled or changed. Further columns are
added to the same tally, each by a hash of its own: one of documents counts once for each token of a segment.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from pairloom.operators.kernels.hashing import hash_bytes
from pairloom.operators.pack.kernels.tally import add_segments, add_values
from pairloom.operators.schema import INPUT_IDS, Column
from pairloom.operators.tokens import TokenBatch

__all__ = ["tally_documents", "tally_tokens", "tally_values"]


def tally_tokens(
    tally: npt.NDArray[np.uint64],
    values: npt.NDArray[Any],
    starts: npt.NDArray[np.int64],
    lengths: npt.NDArray[np.int64],
    documents: npt.NDArray[np.int64],
    offsets: npt.NDArray[np.int64],
    name: str = INPUT_IDS,
) -> None:
    """Add segments of a column of tokens to a tally (uint64, a power of two of buckets) in place.

    Segment `s` is `values[starts[s]:starts[s] + lengths[s]]`: what there is for the tokens of `documents[s]` from its token
    `offsets[s]` on. Raises ValueError for a segment that lies outside of `values`.
    """
    if len(starts) and (starts.min() < 0 or lengths.min() < 0 or (starts + lengths).max() > len(values)):
        raise ValueError(f"a segment lies outside of {len(values)} tokens")
    _check(tally)
    values = np.ascontiguousarray(values)
    start = values.ctypes.data + starts * values.itemsize
    add_segments(tally, start, values.itemsize, lengths, documents, offsets, _seed(name))


def tally_values(
    tally: npt.NDArray[np.uint64],
    values: npt.NDArray[Any],
    lengths: npt.NDArray[np.int64],
    documents: npt.NDArray[np.int64],
    name: str,
) -> None:
    """Add segments' values of a column of documents to a tally in place, once for each of their tokens."""
    _check(tally)
    bits = np.ascontiguousarray(values).view(f"u{values.itemsize}").astype(np.uint64)
    add_values(tally, bits, lengths, documents, _seed(name))


def tally_documents(
    tally: npt.NDArray[np.uint64],
    batch: TokenBatch,
    kept: npt.NDArray[np.int64],
    columns: Iterable[Column],
) -> None:
    """Add the first `kept` tokens of each document to a tally in place, with these of its columns.

    Raises ValueError where that is more than a document has.
    """
    _check(tally)
    if (kept > batch.length).any():
        raise ValueError("more tokens of a document are kept than it has")
    offsets = np.zeros(len(batch), np.int64)
    for column in columns:
        if column.of == "document":
            values = batch.documents[column.name].astype(column.dtype, copy=False)
            tally_values(tally, values, kept, batch.number, column.name)
        else:
            tokens = batch.columns[column.name]
            add_segments(
                tally, tokens.start, tokens.dtype.itemsize, kept, batch.number, offsets, _seed(column.name)
            )


def _check(tally: npt.NDArray[np.uint64]) -> None:
    if len(tally) & (len(tally) - 1) or not len(tally):
        raise ValueError(f"a tally has a power of two of buckets, not {len(tally)}")


def _seed(name: str) -> np.uint64:
    return np.uint64(0 if name == INPUT_IDS else hash_bytes(name.encode()))
