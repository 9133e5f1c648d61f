"""Which characters a corpus is written in."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import pyarrow as pa

from pairloom.operators.statistics import FirstRow, Partitions, TextStatistic

if TYPE_CHECKING:
    from pairloom.operators.counts import KeyCounter
    from pairloom.operators.documents import DocumentBatch

__all__ = ["Characters"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Characters(TextStatistic):
    """How often each character of Unicode occurs in the texts.

    The table has `code_point` (uint32), `character` (string), `category` and `script` as Unicode 16 has them (strings, null where
    it has none), and `count` (int64). Rows are by falling count, then by code point.
    """

    name: ClassVar[str] = "characters"

    @property
    def schema(self) -> pa.Schema:
        """The columns of the table."""
        return pa.schema(
            [
                pa.field("code_point", pa.uint32(), nullable=False),
                pa.field("character", pa.string(), nullable=False),
                pa.field("category", pa.string()),
                pa.field("script", pa.string()),
                pa.field("count", pa.int64(), nullable=False),
            ]
        )

    def add_text(self, batch: "DocumentBatch", counter: "KeyCounter") -> None:
        """Count the code points of texts."""
        import numpy as np

        from pairloom.operators.counts import WordCounts
        from pairloom.operators.statistics._texts import code_points

        counts = np.bincount(code_points(batch.content)[0])
        there = np.flatnonzero(counts)
        keys = np.empty((len(there), 5), np.uint8)
        keys[:, 0] = 1
        keys[:, 1:] = there.astype(">u4").view(np.uint8).reshape(-1, 4)
        offsets = np.arange(len(there) + 1, dtype=np.int64) * 5
        words = pa.LargeBinaryArray.from_buffers(
            pa.large_binary(), len(there), [None, pa.py_buffer(offsets), pa.py_buffer(keys.reshape(-1))]
        )
        counter.add_counts(WordCounts(words=words, counts=counts[there]))

    def finish(self, partitions: Partitions, first_row: FirstRow | None = None) -> Iterator[pa.RecordBatch]:
        """The table; reads the partitions once."""
        import numpy as np

        from pairloom.operators.statistics._keys import ids_of
        from pairloom.operators.text.pretokenize.patterns.properties import categories_of, scripts_of

        found = [ids_of(counts, 1, 1) for counts in partitions()]
        points = np.concatenate([np.zeros((0, 1), np.uint32), *(ids for ids, _ in found)])[:, 0]
        counts = np.concatenate([np.zeros(0, np.int64), *(count for _, count in found)])
        order = np.lexsort((points, -counts))
        points, counts = points[order], counts[order]
        if len(points):
            characters = [chr(point).encode("utf-8", "replace").decode() for point in points.tolist()]
            columns = [points.copy(), characters, categories_of(points), scripts_of(points), counts]
            arrays = [pa.array(one, field.type) for one, field in zip(columns, self.schema, strict=True)]
            yield pa.RecordBatch.from_arrays(arrays, schema=self.schema)
