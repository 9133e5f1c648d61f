"""How much of a corpus is lines and paragraphs that are there already."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import pyarrow as pa

from pairloom.operators.statistics import FirstRow, Partitions, TextStatistic

if TYPE_CHECKING:
    from pairloom.operators.counts import KeyCounter
    from pairloom.operators.documents import DocumentBatch

__all__ = ["Repetition"]

KINDS = ("line", "paragraph")


@dataclass(frozen=True, slots=True, kw_only=True)
class Repetition(TextStatistic):
    """How many lines and paragraphs there are, how many different ones, and how much is there more than once.

    Lines and paragraphs are those of `duplicates`. The table has `of` (line or paragraph), `count`, `distinct`, `repeated` (those
    that occur more than once), `copies` (all occurrences but the first of each), `bytes`, and `copied` (int64 each), the bytes
    of the copies. It has a row for each.
    """

    name: ClassVar[str] = "repetition"

    @property
    def schema(self) -> pa.Schema:
        """The columns of the table."""
        names = ("count", "distinct", "repeated", "copies", "bytes", "copied")
        numbers = [pa.field(name, pa.int64(), nullable=False) for name in names]
        return pa.schema([pa.field("of", pa.string(), nullable=False), *numbers])

    def add_text(self, batch: "DocumentBatch", counter: "KeyCounter") -> None:
        """Count the lines and the paragraphs of texts, by hash and length."""
        import numpy as np

        from pairloom.operators.statistics._keys import add_keys
        from pairloom.operators.statistics._texts import pieces_of

        for kind, of in enumerate(KINDS, start=1):
            pieces = pieces_of(batch.content, of)
            halves = pieces.hashes.astype(">u8").view(">u4").reshape(-1, 4)
            length = pieces.bytes.astype(">u8").view(">u4").reshape(-1, 2)
            add_keys(counter, kind, np.concatenate([halves, length], 1))

    def finish(self, partitions: Partitions, first_row: FirstRow | None = None) -> Iterator[pa.RecordBatch]:
        """The table; reads the partitions once."""
        import numpy as np

        from pairloom.operators.statistics._keys import ids_of

        sums = np.zeros((len(KINDS), 6), object)
        for counts in partitions():
            for kind in range(len(KINDS)):
                ids, count = ids_of(counts, kind + 1, 6)
                size = ids[:, 4].astype(np.int64) << 32 | ids[:, 5]
                copies = count - 1
                found = (count, np.ones_like(count), copies > 0, copies, size * count, size * copies)
                sums[kind] += [int(one.sum()) for one in found]
        rows = [(of, *sums[kind]) for kind, of in enumerate(KINDS) if sums[kind][0]]
        if rows:
            columns = zip(*rows, strict=True)
            arrays = [pa.array(one, field.type) for one, field in zip(columns, self.schema, strict=True)]
            yield pa.RecordBatch.from_arrays(arrays, schema=self.schema)
