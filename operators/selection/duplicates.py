"""Exact duplicates: a digest of every document, then the later ones of those with equal digests.

The digest is the first half of SHA-256 over a document's token ids. Among n documents two that differ agree with a
chance of n^2 / 2^129, 10^-19 for 10^10 documents, and nobody can craft two that do with less than 2^64 attempts; the
fast hashes that order documents (XXH64) give no such promise.
"""

import hashlib

import numpy as np
import numpy.typing as npt
import pyarrow as pa

__all__ = ["digest_parts", "digests", "later_duplicates"]


def digests(tokens: pa.LargeListArray) -> npt.NDArray[np.uint64]:
    """The digest of each document of a LargeList column of token ids, as uint64[n, 2], high half first.

    >>> same = digests(pa.array([[1, 2], [1, 2], [2, 1]], pa.large_list(pa.uint16())))
    >>> (same[0] == same[1]).all(), (same[0] == same[2]).all()
    (np.True_, np.False_)
    """
    values = np.ascontiguousarray(tokens.values.to_numpy())
    data = values.view(np.uint8).data
    edges = (tokens.offsets.to_numpy() * values.itemsize).tolist()
    sha256 = hashlib.sha256
    made = b"".join([sha256(data[a:b]).digest()[:16] for a, b in zip(edges, edges[1:], strict=False)])
    return np.frombuffer(made, ">u8").astype(np.uint64).reshape(-1, 2)


def digest_parts(digest: npt.NDArray[np.uint64], parts: int) -> npt.NDArray[np.int64]:
    """Which of `parts` partitions (fewer than 2^32) each digest belongs to: ranges of equal width; int64."""
    return ((digest[:, 0] >> np.uint64(32)) * np.uint64(parts) >> np.uint64(32)).astype(np.int64)


def later_duplicates(digest: npt.NDArray[np.uint64], ordinal: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Which documents have the digest of another with a smaller ordinal. `digest` is uint64[n, 2]; ordinals are distinct.

    >>> later_duplicates(np.array([[7, 1], [7, 2], [7, 1]], np.uint64), np.array([5, 3, 4])).tolist()
    [True, False, False]
    """
    later = np.zeros(len(ordinal), np.bool_)
    order = np.argsort(digest[:, 0])
    high = digest[order, 0]
    tied = np.zeros(len(order), np.bool_)  # only these need their other half compared
    np.equal(high[1:], high[:-1], out=tied[1:])
    tied[:-1] |= tied[1:]
    some = order[tied]
    some = some[np.lexsort((ordinal[some], digest[some, 1], digest[some, 0]))]
    later[some[1:]] = (digest[some[1:]] == digest[some[:-1]]).all(axis=1)
    return later
