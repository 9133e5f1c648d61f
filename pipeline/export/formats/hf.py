"""A folder for Hugging Face's `datasets.load_from_disk`.

It holds the rows, or documents as `id` and `input_ids`, with all their columns, one Arrow stream for each file that is read. Where
these have a loss mask there are `labels`, int32: -100 where nothing is to be predicted, as models there want them.
"""

import json
from typing import Any

import numpy as np
import pyarrow as pa

from pairloom.operators.documents import LOSS_MASK
from pairloom.operators.pack import derive
from pairloom.operators.pack.joined import joined_lengths
from pairloom.operators.schema import INPUT_IDS, is_packed
from pairloom.pipeline.export.formats import Exporter
from pairloom.pipeline.export.formats._tables import cast, portable
from pairloom.pipeline.export.source import Batch, Source
from pairloom.pipeline.export.target import Target, digest

__all__ = ["Hf"]

FLOATS = {"halffloat": "float16", "float": "float32", "double": "float64"}
"""How `datasets` names what Arrow names otherwise."""


class Hf(Exporter):
    """A folder that `datasets.load_from_disk` opens."""

    name = "hf"
    unit = "rows"
    owned = r"data-\d{5,}-of-\d{5,}\.arrow|dataset_info\.json|state\.json"
    columns = True

    def write(self, source: Source, target: Target) -> str:
        """Write Arrow streams, then `dataset_info.json` and `state.json`; returns the dtype.

        The features call lists `Sequence`, which every version of `datasets` reads.
        """
        schema = portable(source.schema)
        masked = LOSS_MASK in schema.names and "labels" not in schema.names
        if masked:
            ids = schema.field(INPUT_IDS).type
            labels = pa.list_(pa.int32(), ids.list_size) if is_packed(source.schema) else pa.list_(pa.int32())
            schema = schema.append(pa.field("labels", labels))
        features = {field.name: _feature(field.type) for field in schema}
        said = json.dumps({"info": {"features": features}})
        metadata = {**(schema.metadata or {}), b"huggingface": said.encode()}
        schema = schema.with_metadata(metadata)
        names = [f"data-{i:05d}-of-{source.files:05d}.arrow" for i in range(source.files)]
        for name, part in zip(names, source.parts(), strict=True):
            with target.data(name) as file, pa.ipc.new_stream(file, schema) as writer:
                for batch in part:
                    table = batch.table
                    if masked:
                        table = table.append_column("labels", _labels(batch, schema.field("labels").type))
                    writer.write_batch(cast(table, schema))
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


def _labels(batch: Batch, kind: pa.DataType) -> pa.Array:
    """The ids, and IGNORED where none is to be predicted: where the mask says so, at a segment's first token, on padding."""
    ids, mask = batch.tokens.astype(np.int64), batch.beside(LOSS_MASK)
    if is_packed(batch.table.schema):
        rows = ids.reshape(len(batch), -1)
        ids = derive.labels(rows, joined_lengths(batch.table), shifted=False).reshape(-1)
    values = pa.array(np.where(mask == 0, derive.IGNORED, ids).astype(np.int32))
    if pa.types.is_fixed_size_list(kind):
        return pa.FixedSizeListArray.from_arrays(values, kind.list_size)
    return pa.ListArray.from_arrays(pa.array(np.cumsum([0, *batch.lengths]).astype(np.int32)), values)


def _feature(kind: pa.DataType) -> dict[str, Any]:
    """How `datasets` names a type."""
    if pa.types.is_fixed_size_list(kind) or pa.types.is_list(kind):
        length = kind.list_size if pa.types.is_fixed_size_list(kind) else -1
        return {"feature": _feature(kind.value_type), "length": length, "_type": "Sequence"}
    return {"dtype": FLOATS.get(str(kind), str(kind)), "_type": "Value"}
