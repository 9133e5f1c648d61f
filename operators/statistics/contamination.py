"""Which items of evaluations are in which documents."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import pyarrow as pa

from pairloom.operators.statistics import FirstRow, Partitions, TextStatistic

if TYPE_CHECKING:
    from pairloom.operators.counts import KeyCounter
    from pairloom.operators.documents import DocumentBatch, DocumentStep

__all__ = ["Contamination"]

ROWS = 1 << 16
_KEPT = ("eval", "item", "words", "action", "text")


@dataclass(frozen=True, slots=True, kw_only=True)
class Contamination(TextStatistic):
    """Which items of evaluations share runs of words with which documents, as the steps `decontaminate` find them.

    It is made of every recipe that has such a step, whatever its action. The table has `source` (string), `eval`, the name of the
    list, `item`, its place there from 0 on, `text`, what the item begins with, `words`, how many it has, `document`, the id of the
    document (or file and row), `uri` and `row`, where that is, `overlap` (int64), how many of its words are in runs that the item
    has too, and `action`. Of a run that several items of a list have, the first is named. Rows are by source, then by eval, item,
    uri and row.
    """

    name: ClassVar[str] = "contamination"

    per: str | None = "source"

    def __post_init__(self) -> None:
        if self.per != "source":
            raise ValueError("per must be left out: contamination is told apart by source")

    @property
    def title(self) -> str:
        """Its name: it is always per source."""
        return self.name

    @property
    def reads_ids(self) -> bool:
        """Documents are named."""
        return True

    @property
    def schema(self) -> pa.Schema:
        """The columns of the table."""
        text, number = pa.string(), pa.int64()
        fields = [("eval", text), ("item", number), ("text", text), ("words", number), ("document", text)]
        fields += [("uri", text), ("row", number), ("overlap", number), ("action", text)]
        return pa.schema([pa.field(name, kind, nullable=False) for name, kind in fields])

    def add_text(self, batch: "DocumentBatch", counter: "KeyCounter") -> None:
        """Nothing is counted of what steps have left."""

    def watch(self, step: "DocumentStep", batch: "DocumentBatch", start: int, counter: "KeyCounter") -> None:
        """Count the words of each hit."""
        import numpy as np

        from pairloom.operators.counts import WordCounts

        found: dict[bytes, int] = {}
        for hit in step.hits(batch):
            name = None if batch.id is None else batch.id[hit.document].as_py()
            where = [batch.uri, start, batch.row[hit.document].as_py(), name]
            key = json.dumps([hit.list, hit.item, hit.words, hit.action, hit.text, *where])
            found[b"\1" + key.encode()] = hit.overlap
        keys = sorted(found)
        counter.add_counts(
            WordCounts(
                words=pa.array(keys, pa.large_binary()),
                counts=np.array([found[key] for key in keys], np.int64),
            )
        )

    def finish(self, partitions: Partitions, first_row: FirstRow | None = None) -> Iterator[pa.RecordBatch]:
        """The table; reads the partitions once. `first_row` says where a slice of a file begins."""
        rows = []
        for counts in partitions():
            for key, overlap in zip(counts.words.to_pylist(), counts.counts.tolist(), strict=True):
                *kept, uri, start, row, name = json.loads(key[1:])
                row += 0 if first_row is None else first_row(uri, start)
                about = dict(zip(_KEPT, kept, strict=True))
                named = f"{uri}#{row}" if name is None else name
                rows.append({**about, "document": named, "uri": uri, "row": row, "overlap": overlap})
        rows.sort(key=lambda row: (row["eval"], row["item"], row["uri"], row["row"], row["action"]))
        for begin in range(0, len(rows), ROWS):
            yield pa.RecordBatch.from_pylist(rows[begin : begin + ROWS], schema=self.schema)

    def facts(self, table: pa.Table) -> Mapping[str, int]:
        """By source and evaluation, as JSON: the documents that have something of it, and how many of its items."""
        found: dict[tuple[str, str, str], set[object]] = {}
        for row in table.select(["source", "eval", "item", "uri", "row"]).to_pylist():
            where = row["source"], row["eval"]
            found.setdefault((*where, "documents"), set()).add((row["uri"], row["row"]))
            found.setdefault((*where, "items"), set()).add(row["item"])
        return {json.dumps(key): len(some) for key, some in sorted(found.items())}
