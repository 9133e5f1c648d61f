"""The tokens of documents, wherever in memory they lie: chunks of a column are never put together, nor moved to be sorted.

What is copied is copied once, from where it was read to where it is wanted.
"""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators.kernels.hashing import hash_bytes, mix64, xxh64
from pairloom.operators.kernels.jit import address, copy_bytes, kernel

__all__ = ["Documents", "fingerprints"]

# Two hashes of a document's tokens that have nothing to do with each other.
CONTENT_SEED = np.uint64(hash_bytes(b"pairloom: document content"))
SECOND_SEED = np.uint64(hash_bytes(b"pairloom: document content, again"))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Documents:
    """Documents in some order: document `i` is `length[i]` tokens of `dtype` from the address `start[i]` on.

    `start` and `length` are int64. `column` is what the addresses point into, kept alive by being kept here.
    """

    column: pa.LargeListArray | pa.ChunkedArray
    dtype: np.dtype[np.unsignedinteger]
    start: npt.NDArray[np.int64]
    length: npt.NDArray[np.int64]

    @staticmethod
    def of(column: pa.LargeListArray | pa.ChunkedArray) -> "Documents":
        """The documents of a column of large lists of uint16 or uint32, in the order of the column."""
        starts, lengths = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
        dtype = np.dtype(column.type.value_type.to_pandas_dtype())
        for array in column.chunks if isinstance(column, pa.ChunkedArray) else [column]:
            values = array.values.to_numpy(zero_copy_only=True)
            offsets = array.offsets.to_numpy(zero_copy_only=True)
            starts.append(values.ctypes.data + offsets[:-1] * dtype.itemsize)
            lengths.append(np.diff(offsets))
        return Documents(
            column=column, dtype=dtype, start=np.concatenate(starts), length=np.concatenate(lengths)
        )

    def __len__(self) -> int:
        return len(self.start)

    @property
    def tokens(self) -> int:
        """Tokens of all documents."""
        return int(self.length.sum())

    def take(self, order: npt.NDArray[np.int64]) -> "Documents":
        """The documents `order`, in that order; no token is moved."""
        return replace(self, start=self.start[order], length=self.length[order])

    def gathered(self) -> pa.LargeListArray:
        """The documents as one column, copied together in their order."""
        offsets = np.zeros(len(self) + 1, np.int64)
        np.cumsum(self.length, out=offsets[1:])
        values = np.empty(offsets[-1], self.dtype)
        _copy(self.start, self.length * self.dtype.itemsize, values.view(np.uint8))
        return pa.LargeListArray.from_arrays(pa.array(offsets), pa.array(values))


def fingerprints(
    documents: Documents, keys: npt.NDArray[np.uint64], numbers: npt.NDArray[np.int64]
) -> npt.NDArray[np.uint64]:
    """What each document is, in three words: uint64[n, 3].

    The first is a hash of the tokens alone. The others are 128 bits of (key, number, tokens): added up modulo 2^64, each
    by itself, they stand for a multiset of documents, whatever the order and whatever the parts that it came in.
    """
    out = np.empty((len(documents), 3), np.uint64)
    size = documents.length * documents.dtype.itemsize
    # Arrays over Arrow's memory cannot be written to, which is another type to a kernel: copies make it one.
    keys, named = np.array(keys), np.array(numbers).view(np.uint64)
    _fingerprint(documents.start, size, keys, named, CONTENT_SEED, SECOND_SEED, out)
    return out


@kernel
def _copy(start: npt.NDArray[np.int64], size: npt.NDArray[np.int64], out: npt.NDArray[np.uint8]) -> None:
    target = address(out)
    for i in range(len(start)):
        copy_bytes(start[i], target, size[i])
        target += size[i]


@kernel
def _fingerprint(
    start: npt.NDArray[np.int64],
    size: npt.NDArray[np.int64],
    keys: npt.NDArray[np.uint64],
    numbers: npt.NDArray[np.uint64],
    content_seed: np.uint64,
    second_seed: np.uint64,
    out: npt.NDArray[np.uint64],
) -> None:
    for i in range(len(start)):
        content = xxh64(start[i], size[i], content_seed)
        second = xxh64(start[i], size[i], second_seed)
        out[i, 0] = content
        out[i, 1] = mix64(mix64(content ^ keys[i]) ^ numbers[i])
        out[i, 2] = mix64(mix64(second ^ keys[i]) ^ numbers[i])
