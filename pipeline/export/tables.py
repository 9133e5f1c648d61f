"""Tables: a folder for Hugging Face's `datasets.load_from_disk`, and Parquet files.

Both hold the rows, or documents as `id` and `input_ids`, with all their columns, one file for each file that is read.
"""

import json
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pairloom.pipeline.export.source import Source
from pairloom.pipeline.export.target import Target, digest

__all__ = ["write_hf", "write_parquet"]

FLOATS = {"halffloat": "float16", "float": "float32", "double": "float64"}
"""How `datasets` names what Arrow names otherwise."""
ROW_GROUP_BYTES = 32 << 20  # of tokens in a row group of Parquet, and in memory


def write_hf(source: Source, target: Target) -> str:
    """Write Arrow streams, then `dataset_info.json` and `state.json`; returns the dtype.

    The features call lists `Sequence`, which every version of `datasets` reads.
    """
    schema = _portable(source.schema)
    features = {field.name: _feature(field.type) for field in schema}
    said = json.dumps({"info": {"features": features}})
    metadata = {**(schema.metadata or {}), b"huggingface": said.encode()}
    schema = schema.with_metadata(metadata)
    names = [f"data-{i:05d}-of-{source.files:05d}.arrow" for i in range(source.files)]
    for name, part in zip(names, source.parts(), strict=True):
        with target.data(name) as file, pa.ipc.new_stream(file, schema) as writer:
            for batch in part:
                writer.write_batch(_cast(batch.table, schema))
    state: dict[str, Any] = {
        "_data_files": [{"filename": name} for name in names],
        "_fingerprint": digest(target.identity),
        "_format_columns": None,
        "_format_kwargs": {},
        "_format_type": None,
        "_output_all_columns": False,
        "_split": source.split,
    }
    info = {"citation": "", "description": "", "features": features, "homepage": "", "license": ""}
    for name, content in (("dataset_info.json", info), ("state.json", state)):
        with target.index(name) as file:
            file.write(json.dumps(content, indent=2).encode())
    return str(source.dtype)


def write_parquet(source: Source, target: Target) -> str:
    """Write Parquet files, compressed by zstd, in row groups of about 32 MiB of tokens; returns the dtype."""
    schema = _portable(source.schema)
    for i, part in enumerate(source.parts()):
        with (
            target.data(f"part-{i:05d}-of-{source.files:05d}.parquet") as file,
            pq.ParquetWriter(file, schema, compression="zstd", compression_level=1) as writer,
        ):
            group: list[pa.RecordBatch] = []
            size = 0
            for batch in part:
                group.append(_cast(batch.table, schema))
                size += batch.tokens.nbytes
                if size >= ROW_GROUP_BYTES:
                    writer.write_table(pa.Table.from_batches(group), row_group_size=1 << 30)
                    group, size = [], 0
            if group:
                writer.write_table(pa.Table.from_batches(group), row_group_size=1 << 30)
    return str(source.dtype)


def _portable(schema: pa.Schema) -> pa.Schema:
    """The schema with offsets of 32 bits, which everybody reads, and without `not null`, which few expect."""

    def narrow(kind: pa.DataType) -> pa.DataType:
        if pa.types.is_large_list(kind):
            return pa.list_(kind.value_field)
        return pa.string() if pa.types.is_large_string(kind) else kind

    fields = [pa.field(field.name, narrow(field.type), metadata=field.metadata) for field in schema]
    return pa.schema(fields, metadata=schema.metadata)


def _cast(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    arrays = [column.cast(field.type) for column, field in zip(batch.columns, schema, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _feature(kind: pa.DataType) -> dict[str, Any]:
    """How `datasets` names a type."""
    if pa.types.is_fixed_size_list(kind) or pa.types.is_list(kind):
        length = kind.list_size if pa.types.is_fixed_size_list(kind) else -1
        return {"feature": _feature(kind.value_type), "length": length, "_type": "Sequence"}
    return {"dtype": FLOATS.get(str(kind), str(kind)), "_type": "Value"}
