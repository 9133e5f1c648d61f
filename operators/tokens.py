"""The tokens of documents, wherever in memory they lie: chunks of a column are never put together, nor moved to be sorted.

What is copied is copied once, from where it was read to where it is wanted.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators.kernels.hashing import GOLDEN, hash_bytes
from pairloom.operators.kernels.tokens import copy_documents, fingerprint_column, fingerprint_documents
from pairloom.operators.schema import COPY, DOCUMENT, INPUT_IDS, Column, columns_of

__all__ = ["Ragged", "TokenBatch"]

# Two hashes of a document's tokens that have nothing to do with each other.
CONTENT_SEED = np.uint64(hash_bytes(b"pairloom: document content"))
SECOND_SEED = np.uint64(hash_bytes(b"pairloom: document content, again"))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ragged:
    """One column of tokens: the values of document `i` have `dtype` and lie from the address `start[i]` on.

    `start` is int64. `keep` is what the addresses point into, kept alive by being kept here.
    """

    dtype: np.dtype[Any]
    start: npt.NDArray[np.int64]
    keep: object

    @staticmethod
    def of(column: pa.LargeListArray | pa.ChunkedArray) -> tuple["Ragged", npt.NDArray[np.int64]]:
        """A column of large lists, where it lies, and the length of each list."""
        starts, lengths = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
        dtype = np.dtype(column.type.value_type.to_pandas_dtype())
        for array in column.chunks if isinstance(column, pa.ChunkedArray) else [column]:
            values = array.values.to_numpy(zero_copy_only=True)
            offsets = array.offsets.to_numpy(zero_copy_only=True)
            starts.append(values.ctypes.data + offsets[:-1] * dtype.itemsize)
            lengths.append(np.diff(offsets))
        return Ragged(dtype=dtype, start=np.concatenate(starts), keep=column), np.concatenate(lengths)

    @staticmethod
    def flat(values: npt.NDArray[Any], length: npt.NDArray[np.int64]) -> "Ragged":
        """Values of all documents, one after another; raises ValueError for more or fewer than `length` adds up to."""
        values = np.ascontiguousarray(values)
        if len(values) != int(length.sum()):
            raise ValueError(f"there are {len(values)} values for {int(length.sum())} tokens")
        start = values.ctypes.data + (np.cumsum(length) - length) * values.itemsize
        return Ragged(dtype=values.dtype, start=start, keep=values)

    def take(self, order: npt.NDArray[np.int64]) -> "Ragged":
        """The documents `order`, in that order."""
        return replace(self, start=self.start[order])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TokenBatch:
    """Documents of tokens, in some order.

    `length` (int64[n]) are their tokens, `number` (int64[n]) the numbers that they have everywhere, `copy` (int32[n])
    which copy of its document each is: 0, but where a mixture takes some several times. `columns` has what there is for
    each token, `input_ids` among them: documents have `length` values in every one. `documents` has what there is for
    each document, one array each. Raises ValueError where these do not fit.

    >>> batch = TokenBatch.from_lists({"input_ids": [np.array([7, 8], np.uint16), np.array([9], np.uint16)]})
    >>> len(batch), batch.tokens, batch.take(np.array([1, 0])).gathered("input_ids").to_pylist()
    (2, 3, [[9], [7, 8]])
    """

    length: npt.NDArray[np.int64]
    number: npt.NDArray[np.int64]
    copy: npt.NDArray[np.int32]
    columns: Mapping[str, Ragged]
    documents: Mapping[str, npt.NDArray[Any]]

    def __post_init__(self) -> None:
        if INPUT_IDS not in self.columns:
            raise ValueError(f"documents need a column {INPUT_IDS}, not only {', '.join(self.columns)}")
        sizes = {"number": len(self.number), "copy": len(self.copy)}
        sizes |= {name: len(column.start) for name, column in self.columns.items()}
        sizes |= {name: len(column) for name, column in self.documents.items()}
        if wrong := {name: size for name, size in sizes.items() if size != len(self.length)}:
            raise ValueError(f"{len(self.length)} documents, but {wrong}")
        object.__setattr__(self, "columns", MappingProxyType(dict(self.columns)))
        object.__setattr__(self, "documents", MappingProxyType(dict(self.documents)))

    @staticmethod
    def of(
        columns: Mapping[str, pa.LargeListArray | pa.ChunkedArray],
        *,
        number: npt.NDArray[np.int64] | None = None,
        copy: npt.NDArray[np.int32] | None = None,
        documents: Mapping[str, npt.NDArray[Any]] = MappingProxyType({}),
    ) -> "TokenBatch":
        """The documents of columns of large lists, in their order, where they lie.

        Without numbers they are numbered from 0 on. Raises ValueError where a column has other lengths than another.
        """
        found = {name: Ragged.of(column) for name, column in columns.items()}
        length = next((lengths for _, lengths in found.values()), np.zeros(0, np.int64))
        for name, (_, other) in found.items():
            if not np.array_equal(length, other):
                raise ValueError(f"column {name} has other lengths than {next(iter(found))}")
        return TokenBatch(
            length=length,
            number=np.arange(len(length)) if number is None else number,
            copy=np.zeros(len(length), np.int32) if copy is None else copy,
            columns={name: column for name, (column, _) in found.items()},
            documents=documents,
        )

    @staticmethod
    def of_table(
        table: pa.Table | pa.RecordBatch, number: npt.NDArray[np.int64] | None = None
    ) -> "TokenBatch":
        """The documents of a stored file, or of a part of one, with all columns that its schema speaks of."""
        columns, names = columns_of(table.schema), table.schema.names
        if number is None and DOCUMENT in names:
            number = table.column(DOCUMENT).to_numpy()
        return TokenBatch.of(
            {column.name: table.column(column.name) for column in columns if column.of == "token"},
            number=number,
            copy=table.column(COPY).to_numpy() if COPY in names else None,
            documents={c.name: table.column(c.name).to_numpy() for c in columns if c.of == "document"},
        )

    @staticmethod
    def from_lists(
        columns: Mapping[str, Sequence[npt.NDArray[Any]]],
        *,
        number: npt.NDArray[np.int64] | None = None,
        copy: npt.NDArray[np.int32] | None = None,
        documents: Mapping[str, npt.NDArray[Any]] = MappingProxyType({}),
    ) -> "TokenBatch":
        """Documents of arrays, one for each document and column; they are copied. `of` says the rest."""
        lists = {}
        for name, arrays in columns.items():
            offsets = np.cumsum([0, *map(len, arrays)], dtype=np.int64)
            values = np.concatenate(arrays) if len(arrays) else np.zeros(0, np.uint16)
            lists[name] = pa.LargeListArray.from_arrays(pa.array(offsets), pa.array(values))
        return TokenBatch.of(lists, number=number, copy=copy, documents=documents)

    def __len__(self) -> int:
        return len(self.length)

    @property
    def tokens(self) -> int:
        """Tokens of all documents."""
        return int(self.length.sum())

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of ids."""
        return self.columns[INPUT_IDS].dtype

    def take(self, order: npt.NDArray[np.int64]) -> "TokenBatch":
        """The documents `order`, in that order; no token is moved."""
        return TokenBatch(
            length=self.length[order],
            number=self.number[order],
            copy=self.copy[order],
            columns={name: column.take(order) for name, column in self.columns.items()},
            documents={name: column[order] for name, column in self.documents.items()},
        )

    def cut(
        self,
        document: npt.NDArray[np.int64],
        offset: npt.NDArray[np.int64],
        length: npt.NDArray[np.int64],
    ) -> "TokenBatch":
        """Pieces as documents of their own: `length` tokens of document `document` from its token `offset` on.

        Raises ValueError for a piece that lies outside of its document.
        """
        if len(document) and (
            offset.min() < 0 or length.min() < 0 or (offset + length > self.length[document]).any()
        ):
            raise ValueError("a piece lies outside of its document")
        whole = self.take(document)
        columns = {
            name: replace(column, start=column.start + offset * column.dtype.itemsize)
            for name, column in whole.columns.items()
        }
        return replace(whole, length=length, columns=columns)

    def with_tokens(
        self, length: npt.NDArray[np.int64], columns: Mapping[str, npt.NDArray[Any]]
    ) -> "TokenBatch":
        """The same documents with other tokens: the values of all of them one after another, in every column.

        >>> batch = TokenBatch.from_lists({"input_ids": [np.array([7, 8], np.uint16)]})
        >>> batch.with_tokens(np.array([1]), {"input_ids": np.array([9], np.uint16)}).gathered("input_ids").to_pylist()
        [[9]]
        """
        return replace(
            self,
            length=length,
            columns={name: Ragged.flat(values, length) for name, values in columns.items()},
        )

    def with_columns(self, columns: Mapping[str, npt.NDArray[Any]]) -> "TokenBatch":
        """The same documents with further columns of tokens: the values of all documents one after another."""
        further = {name: Ragged.flat(values, self.length) for name, values in columns.items()}
        return replace(self, columns={**self.columns, **further})

    def with_copies(self, copy: npt.NDArray[np.int64]) -> "TokenBatch":
        """The same documents, each as this copy of its own."""
        return replace(self, copy=copy.astype(np.int32))

    def with_documents(self, columns: Mapping[str, npt.NDArray[Any]]) -> "TokenBatch":
        """The same documents with further values for each."""
        return replace(self, documents={**self.documents, **columns})

    def flat(self, name: str) -> npt.NDArray[Any]:
        """The values of a column of tokens, copied together, document after document."""
        column = self.columns[name]
        values = np.empty(self.tokens, column.dtype)
        copy_documents(column.start, self.length * column.dtype.itemsize, values.view(np.uint8))
        return values

    def gathered(self, name: str) -> pa.LargeListArray:
        """A column of tokens as a column of large lists, copied together in the order of the documents."""
        offsets = np.zeros(len(self) + 1, np.int64)
        np.cumsum(self.length, out=offsets[1:])
        return pa.LargeListArray.from_arrays(pa.array(offsets), pa.array(self.flat(name)))

    def array(self, column: Column) -> pa.Array:
        """A column for a file, whatever it has values for."""
        if column.of == "document":
            return pa.array(self.documents[column.name].astype(column.dtype, copy=False))
        return self.gathered(column.name)

    def fingerprints(
        self, key: npt.NDArray[np.uint64], columns: Iterable[Column] = ()
    ) -> npt.NDArray[np.uint64]:
        """What each document is, in three words: uint64[n, 3].

        The first is a hash of `input_ids` alone. The others are 128 bits of (key, number, copy, all columns): added up
        modulo 2^64, each by itself, they stand for a multiset of documents, whatever the order and whatever the parts that
        it came in. `columns` say what the columns are in files; what they do not speak of is as it is here, padded by 0.
        """
        out = np.empty((len(self), 3), np.uint64)
        # Arrays over Arrow's memory cannot be written to, which is another type to a kernel: copies make it one.
        key, number = np.array(key), np.array(self.number).view(np.uint64)
        number ^= self.copy.astype(np.uint64) * GOLDEN
        ids = self.columns[INPUT_IDS]
        fingerprint_documents(
            ids.start, self.length * ids.dtype.itemsize, key, number, CONTENT_SEED, SECOND_SEED, out
        )
        said = {column.name: column for column in columns}
        for name in sorted({*self.columns, *self.documents} - {INPUT_IDS}):
            start, size, column, _keep = self._bytes_of(name, said.get(name))
            seed = f"pairloom: column {json.dumps(column.identity())}".encode()
            seeds = (np.uint64(hash_bytes(seed + again)) for again in (b"", b", again"))
            fingerprint_column(start, size, next(seeds), next(seeds), out)
        return out

    def _bytes_of(
        self, name: str, said: Column | None
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], Column, object]:
        """Where the bytes of a column are, how many each document has, and what must be kept while they are read."""
        if name in self.columns:
            tokens = self.columns[name]
            column = said or Column(name=name, dtype=tokens.dtype)
            return tokens.start, self.length * tokens.dtype.itemsize, column, tokens.keep
        values = self.documents[name]
        column = said or Column(name=name, dtype=values.dtype, of="document")
        values = np.ascontiguousarray(values, column.dtype)
        size = np.full(len(self), values.itemsize, np.int64)
        return values.ctypes.data + np.arange(len(self)) * values.itemsize, size, column, values
