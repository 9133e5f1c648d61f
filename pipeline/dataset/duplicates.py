"""Which documents were left out as duplicates, and which was kept for each."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.pipeline.stages.tokenize.shards import PlacedShard, placed_shards
from pairloom.pipeline.store.files import open_arrow
from pairloom.pipeline.store.manifest import Manifest
from pairloom.pipeline.store.objects import Objects

__all__ = ["duplicates_of"]

NAME = pa.dictionary(pa.int32(), pa.large_string())


class _Places:
    """Where the records of the corpus stand in their files."""

    def __init__(self, shards: Iterator[PlacedShard]) -> None:
        first, row, uris, sources = [], [], [], []
        for shard in shards:
            for piece in shard.slices:
                first.append(piece.first_record)
                row.append(piece.first_row)
                uris.append(piece.uri)
                sources.append(shard.source)
        self._first, self._row = np.array(first, np.int64), np.array(row, np.int64)
        self._uri, self._source = (pa.array(names, pa.large_string()).cast(NAME) for names in (uris, sources))

    def columns(self, record: npt.NDArray[np.int64]) -> list[pa.Array]:
        """The source, the file and the row in it of each."""
        place = np.searchsorted(self._first, record, side="right") - 1
        rows = self._row[place] + record - self._first[place]
        return [self._source.take(pa.array(place)), self._uri.take(pa.array(place)), pa.array(rows)]


def duplicates_of(objects: Objects, manifest: Manifest) -> pa.Table:
    """The documents that were left out, in the order of the corpus: source, uri, row, and the same of the one that was kept.

    Rows count from 0. Exact duplicates do not say which was kept: the first that has the same tokens.
    """
    places = _Places(placed_shards(objects, manifest.stage("tokenize")))
    record, kept = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    selected = manifest.stages.get("select")
    for stored in () if selected is None else selected.files:
        with open_arrow(objects, stored) as reader:
            table = reader.read_all()
        record.append(table.column("ordinal").to_numpy())
        if "kept" in table.schema.names:
            kept.append(table.column("kept").to_numpy())
    left_out = np.concatenate(record)
    order = np.argsort(left_out, kind="stable")
    columns = dict(zip(("source", "uri", "row"), places.columns(left_out[order]), strict=True))
    others = np.concatenate(kept)
    if len(others) == len(left_out):
        names = ("kept_source", "kept_uri", "kept_row")
        columns |= dict(zip(names, places.columns(others[order]), strict=True))
    return pa.table(columns)
