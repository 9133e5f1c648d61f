"""How long texts are, in bytes, characters, words and lines."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import pyarrow as pa

from pairloom.operators.statistics import FirstRow, Partitions, TextStatistic

if TYPE_CHECKING:
    from pairloom.operators.counts import KeyCounter
    from pairloom.operators.documents import DocumentBatch

__all__ = ["TextLengths"]

MEASURES = ("bytes", "characters", "words", "lines")


@dataclass(frozen=True, slots=True, kw_only=True)
class TextLengths(TextStatistic):
    """How many documents have how many bytes of UTF-8, characters, words and lines.

    The table has `of` (string: bytes, characters, words or lines), `length` (uint64), `documents` and `total` (int64), length times
    documents. Words are what is between white space; a text has a line more than newlines. Rows are by `of` in this order, then
    by length.
    """

    name: ClassVar[str] = "text_lengths"

    @property
    def schema(self) -> pa.Schema:
        """The columns of the table."""
        fields = [
            ("of", pa.string()),
            ("length", pa.uint64()),
            ("documents", pa.int64()),
            ("total", pa.int64()),
        ]
        return pa.schema([pa.field(name, kind, nullable=False) for name, kind in fields])

    def add_text(self, batch: "DocumentBatch", counter: "KeyCounter") -> None:
        """Measure each text."""
        import numpy as np
        import pyarrow.compute as pc

        from pairloom.operators.statistics._keys import add_keys

        texts = batch.content
        words = pc.count_substring_regex(texts, r"[^\s\v\p{Z}\x{1c}-\x{1f}\x{85}]+")
        found = (
            pc.binary_length(texts),
            pc.utf8_length(texts),
            words,
            pc.add(pc.count_substring(texts, "\n"), 1),
        )
        for kind, lengths in enumerate(found, start=1):
            length = np.asarray(lengths.to_numpy(zero_copy_only=False), np.uint64)
            add_keys(counter, kind, np.stack([length >> np.uint64(32), length & np.uint64(0xFFFFFFFF)], 1))

    def finish(self, partitions: Partitions, first_row: FirstRow | None = None) -> Iterator[pa.RecordBatch]:
        """The table; reads the partitions once for each measure."""
        import numpy as np

        from pairloom.operators.statistics._keys import ids_of

        for kind, of in enumerate(MEASURES, start=1):
            found = [ids_of(counts, kind, 2) for counts in partitions()]
            ids = np.concatenate([np.zeros((0, 2), np.uint32), *(one for one, _ in found)]).astype(np.uint64)
            documents = np.concatenate([np.zeros(0, np.int64), *(count for _, count in found)])
            length = ids[:, 0] << np.uint64(32) | ids[:, 1]
            order = np.argsort(length)
            length, documents = length[order], documents[order]
            if len(length):
                columns = [
                    pa.array([of] * len(length), pa.string()),
                    pa.array(length),
                    pa.array(documents),
                    pa.array(length.astype(np.int64) * documents),
                ]
                yield pa.RecordBatch.from_arrays(columns, schema=self.schema)
