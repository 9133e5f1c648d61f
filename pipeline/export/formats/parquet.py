"""Parquet files, compressed by zstd, one for each file that is read."""

import pyarrow as pa
import pyarrow.parquet as pq

from pairloom.pipeline.export.formats import Exporter
from pairloom.pipeline.export.formats._tables import cast, portable
from pairloom.pipeline.export.source import Source
from pairloom.pipeline.export.target import Target

__all__ = ["Parquet"]

ROW_GROUP_BYTES = 32 << 20  # of tokens in a row group, and in memory


class Parquet(Exporter):
    """Parquet files with the rows, or with documents as `id` and `input_ids`, and all their columns."""

    name = "parquet"
    unit = "rows"
    owned = r"part-\d{5,}-of-\d{5,}\.parquet"
    columns = True

    def write(self, source: Source, target: Target) -> str:
        """Write Parquet files, compressed by zstd, in row groups of about 32 MiB of tokens; returns the dtype."""
        schema = portable(source.schema)
        for i, part in enumerate(source.parts()):
            with (
                target.data(f"part-{i:05d}-of-{source.files:05d}.parquet") as file,
                pq.ParquetWriter(file, schema, compression="zstd", compression_level=1) as writer,
            ):
                group: list[pa.RecordBatch] = []
                size = 0
                for batch in part:
                    group.append(cast(batch.table, schema))
                    size += batch.tokens.nbytes
                    if size >= ROW_GROUP_BYTES:
                        writer.write_table(pa.Table.from_batches(group), row_group_size=1 << 30)
                        group, size = [], 0
                if group:
                    writer.write_table(pa.Table.from_batches(group), row_group_size=1 << 30)
        return str(source.dtype)
