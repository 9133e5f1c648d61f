"""MDS: the shards of MosaicML's `streaming` and their `index.json`, as llm-foundry's `StreamingTextDataset` reads them.

A shard, little-endian: samples u32, their edges u32[samples + 1] counted from the start of the file, the configuration as
JSON, then the samples. A sample is the sizes (u32) of its columns that vary, then the columns in the order of their names:

    rows        segment_lengths: ndarray:int32, tokens: ndarray:uint16:<seq_len>
    documents   id: str, tokens: ndarray:uint16

Ids that do not fit uint16 are int32, which every torch knows. A shard is put together in memory, 64 MiB of it, which is also
what `streaming` itself makes.
"""

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from pairloom.operators.errors import CapacityError
from pairloom.pipeline.export.source import Batch, Source
from pairloom.pipeline.export.target import Target

__all__ = ["write_mds"]

SHARD_BYTES = 1 << 26
LARGEST = 2**32 - 1


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
        raw = {"basename": name, "bytes": file.bytes, "hashes": {"sha256": file.hash.hexdigest()}}
        self.shards.append({**self._config, "samples": len(sizes), "raw_data": raw, "zip_data": None})
        self._samples = []
        self._bytes = 8 + len(self._head)


def write_mds(source: Source, target: Target, shard_bytes: int = SHARD_BYTES) -> str:
    """Write shards of at most `shard_bytes`, then `index.json`; returns the dtype."""
    dtype = np.dtype(np.uint16) if source.dtype == np.uint16 else np.dtype(np.int32)
    columns, fixed = {"tokens": f"ndarray:{dtype}"}, {}
    if source.unit == "rows":
        seq_len = source.schema.field("input_ids").type.list_size
        columns = {"segment_lengths": "ndarray:int32", "tokens": f"ndarray:{dtype}:{seq_len}"}
        fixed["tokens"] = seq_len * dtype.itemsize
    else:
        columns["id"] = "str"
    shards = _Shards(target, columns, fixed, shard_bytes)
    for part in source.parts():
        for batch in part:
            for sample in (_rows if source.unit == "rows" else _documents)(batch, dtype):
                shards.add(sample)
    shards.flush()
    with target.index("index.json") as file:
        file.write(json.dumps({"shards": shards.shards, "version": 2}, sort_keys=True).encode())
    return str(dtype)


def _rows(batch: Batch, dtype: np.dtype[Any]) -> Iterator[bytes]:
    tokens = batch.tokens.astype(dtype, copy=False).reshape(len(batch), -1)
    lists = batch.table.column("segment_lengths")
    lengths = lists.flatten().to_numpy().astype("<i4", copy=False)
    counts = lists.value_lengths().to_numpy().tolist()
    at = 0
    for row, count in zip(tokens, counts, strict=True):
        segments = _array(lengths[at : at + count])
        at += count
        yield len(segments).to_bytes(4, "little") + segments + row.tobytes()


def _documents(batch: Batch, dtype: np.dtype[Any]) -> Iterator[bytes]:
    tokens = batch.tokens.astype(dtype, copy=False)
    at = 0
    for name, length in zip(batch.table.column("id").to_pylist(), batch.lengths.tolist(), strict=True):
        identity, values = name.encode(), _array(tokens[at : at + length])
        at += length
        yield len(identity).to_bytes(4, "little") + len(values).to_bytes(4, "little") + identity + values


def _array(values: npt.NDArray[Any]) -> bytes:
    """An array of one dimension whose length varies: a byte for how the length is written, the length, the values."""
    width = next(i for i in range(4) if len(values) < 1 << (8 << i))
    return bytes([1 << 2 | width]) + len(values).to_bytes(1 << width, "little") + values.tobytes()
