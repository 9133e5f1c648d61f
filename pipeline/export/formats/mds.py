"""MDS: the shards of MosaicML's `streaming` and their `index.json`, as llm-foundry's `StreamingTextDataset` reads them.

A shard, little-endian: samples u32, their edges u32[samples + 1] counted from the start of the file, the configuration as
JSON, then the samples. A sample is the sizes (u32) of its columns that vary, then the columns in the order of their names:

    rows        segment_lengths: ndarray:int32, tokens: ndarray:uint16:<seq_len>, source: ndarray:uint16
    documents   id: str, tokens: ndarray:uint16, source: uint16

Further columns of tokens are as `tokens`, those of documents as `source`. Ids that do not fit uint16 are int32, which every
torch knows. A shard is put together in memory, 64 MiB of it, which is also what `streaming` itself makes.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from pairloom.operators.errors import CapacityError
from pairloom.operators.schema import ID, INPUT_IDS, SEGMENT_LENGTHS, Column
from pairloom.pipeline.export.formats import Exporter
from pairloom.pipeline.export.source import Batch, Source
from pairloom.pipeline.export.target import Target

__all__ = ["Mds", "write_mds"]

SHARD_BYTES = 1 << 26
LARGEST = 2**32 - 1


class Mds(Exporter):
    """The shards of MosaicML's `streaming`."""

    name = "mds"
    unit = "rows"
    owned = r"shard\.\d{5,}\.mds|index\.json"
    columns = True

    def write(self, source: Source, target: Target) -> str:
        """The shards, then their index."""
        return write_mds(source, target)


class _Shards:
    """Collects samples, and writes a shard when the next sample would not fit."""

    def __init__(
        self, target: Target, columns: dict[str, str], fixed: dict[str, int], shard_bytes: int
    ) -> None:
        self._target = target
        self._limit = shard_bytes
        self._config = {
            "column_encodings": [columns[name] for name in sorted(columns)],
            "column_names": sorted(columns),
            "column_sizes": [fixed.get(name) for name in sorted(columns)],
            "compression": None,
            "format": "mds",
            "hashes": ["sha256"],
            "size_limit": shard_bytes,
            "version": 2,
        }
        self._head = json.dumps(self._config, sort_keys=True).encode()
        self._samples: list[bytes] = []
        self._bytes = 8 + len(self._head)
        self.shards: list[dict[str, Any]] = []

    def add(self, sample: bytes) -> None:
        """Append a sample."""
        size = 4 + len(sample)
        if self._samples and self._bytes + size > self._limit:
            self.flush()
        self._samples.append(sample)
        self._bytes += size

    def flush(self) -> None:
        """Write what is there as a shard."""
        if not self._samples:
            return
        if self._bytes > LARGEST:
            raise CapacityError(
                f"a document of {len(self._samples[0])} bytes does not fit an MDS shard (4 GiB)"
            )
        sizes = np.fromiter(map(len, self._samples), np.int64, len(self._samples))
        first = 4 + 4 * (len(sizes) + 1) + len(self._head)
        edges = first + np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)])
        name = f"shard.{len(self.shards):05d}.mds"
        with self._target.data(name) as file:
            file.write(np.array([len(sizes)], "<u4").data)
            file.write(edges.astype("<u4").data)
            file.write(self._head)
            file.write(b"".join(self._samples))
        raw = {"basename": name, "bytes": file.bytes, "hashes": {"sha256": file.sha256}}
        self.shards.append({**self._config, "samples": len(sizes), "raw_data": raw, "zip_data": None})
        self._samples = []
        self._bytes = 8 + len(self._head)


class _Field(NamedTuple):
    """A column of MDS: its name and encoding, the bytes of a value if all have as many, and the values of a batch."""

    name: str
    encoding: str
    size: int | None
    encoded: Callable[[Batch], Iterator[bytes]]


def write_mds(source: Source, target: Target, shard_bytes: int = SHARD_BYTES) -> str:
    """Write shards of at most `shard_bytes`, then `index.json`; returns the dtype."""
    dtype = np.dtype(np.uint16) if source.dtype == np.uint16 else np.dtype(np.int32)
    fields = sorted(_fields(source, dtype))
    shards = _Shards(
        target,
        {field.name: field.encoding for field in fields},
        {field.name: field.size for field in fields if field.size is not None},
        shard_bytes,
    )
    vary = [field.size is None for field in fields]
    for part in source.parts():
        for batch in part:
            for values in zip(*(field.encoded(batch) for field in fields), strict=True):
                sizes = (
                    len(v).to_bytes(4, "little") for v, varies in zip(values, vary, strict=True) if varies
                )
                shards.add(b"".join((*sizes, *values)))
    shards.flush()
    with target.index("index.json") as file:
        file.write(json.dumps({"shards": shards.shards, "version": 2}, sort_keys=True).encode())
    return str(dtype)


def _fields(source: Source, dtype: np.dtype[Any]) -> Iterator[_Field]:
    """What a sample has."""
    rows = source.unit == "rows"
    yield _tokens(source, "tokens", INPUT_IDS, dtype)
    if rows:
        yield _lists(SEGMENT_LENGTHS, np.dtype(np.int32))
    else:
        yield _Field(ID, "str", None, lambda batch: (v.encode() for v in batch.table.column(ID).to_pylist()))
    for column in source.columns:
        if column.of != "document":
            yield _tokens(source, column.name, column.name, column.dtype)
        elif rows:
            yield _lists(column.name, column.dtype)
        else:
            yield _values(column)


def _tokens(source: Source, name: str, column: str, dtype: np.dtype[Any]) -> _Field:
    """A value for each token, or values of the row, as many in every row."""
    if source.unit != "rows":
        return _lists(name, dtype, column)
    seq_len = source.schema.field(column).type.list_size

    def encoded(batch: Batch) -> Iterator[bytes]:
        return (row.astype(dtype, copy=False).tobytes() for row in batch.arrays(column))

    return _Field(name, f"ndarray:{dtype}:{seq_len}", seq_len * dtype.itemsize, encoded)


def _lists(name: str, dtype: np.dtype[Any], column: str | None = None) -> _Field:
    """A list of any length."""

    def encoded(batch: Batch) -> Iterator[bytes]:
        return (_array(values.astype(dtype, copy=False)) for values in batch.arrays(column or name))

    return _Field(name, f"ndarray:{dtype}", None, encoded)


def _values(column: Column) -> _Field:
    """One value."""

    def encoded(batch: Batch) -> Iterator[bytes]:
        values = batch.table.column(column.name).to_numpy(zero_copy_only=False)
        return (value.tobytes() for value in values.astype(column.dtype))

    return _Field(column.name, str(column.dtype), column.dtype.itemsize, encoded)


def _array(values: npt.NDArray[Any]) -> bytes:
    """An array of one dimension whose length varies: a byte for how the length is written, the length, the values."""
    width = next(i for i in range(4) if len(values) < 1 << (8 << i))
    return bytes([1 << 2 | width]) + len(values).to_bytes(1 << width, "little") + values.tobytes()
