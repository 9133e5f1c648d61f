"""Records of a format whose fields are plain columns, out of what its reader reads anyway."""

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from pairloom.pipeline.inputs.readers import Reader
from pairloom.pipeline.inputs.shaping.columns import Column, resolved
from pairloom.pipeline.inputs.shaping.records import Records, shown, wanted_paths
from pairloom.pipeline.inputs.slices import Fields, Limits, Slice

__all__ = ["plain_records"]


def plain_records(
    reader: Reader, piece: Slice, fields: Fields, limits: Limits, *, empty_is_null: bool = False
) -> Iterator[Records]:
    """The wanted fields of the records that the reader can read; an empty text is a missing one where nothing else can be."""
    paths = wanted_paths(fields)
    names = tuple(dict.fromkeys(path[0] for path in paths))
    for batch in reader.read(piece, Fields(text=names[0], extra=names[1:]), limits):
        top: dict[str, pa.Array] = {names[0]: batch.content, **batch.fields}
        if empty_is_null:
            top = {
                name: pc.if_else(pc.equal(one, ""), pa.scalar(None, one.type), one)
                for name, one in top.items()
            }
        found = {path: resolved(path, top[path[0]], fields.list_separator, piece.file.uri) for path in paths}
        rows = batch.row.to_numpy()
        yield Records(
            columns={path: Column(path, values) for path, values in found.items()},
            rows=rows,
            place=lambda i, rows=rows: f"row {rows[i]}",  # type: ignore[misc]
            excerpt=lambda i, top=top: shown(top, i),  # type: ignore[misc]
            rejected=batch.rejected,
            stored=batch.bytes_read,
        )
