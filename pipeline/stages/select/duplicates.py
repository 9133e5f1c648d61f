"""duplicates: of the documents with one digest, the first in the corpus is kept; the others are listed.

Each task takes one partition of the digests of all shards. Its file lists the places in the corpus of the documents that
are left out, ascending, in one record batch for every `span` records of the corpus, so that whoever reads a shard finds
those of the shard without the others. No byte of it depends on how the corpus was cut into units.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators.selection.duplicates import later_duplicates
from pairloom.pipeline.flow.attempt import Attempt, UnitTask
from pairloom.pipeline.notes import note
from pairloom.pipeline.stages.select.cost import compare_memory
from pairloom.pipeline.stages.select.survey import split_counts
from pairloom.pipeline.store.files import StoredFile, open_arrow
from pairloom.pipeline.store.objects import Objects
from pairloom.pipeline.store.receipts import Ledger

__all__ = ["DUPLICATES", "DuplicatesTask", "left_out_facts", "read_duplicates", "write_spans"]

DUPLICATES = pa.schema([pa.field("ordinal", pa.int64(), nullable=False)])


@dataclass(frozen=True, slots=True, kw_only=True)
class DuplicatesTask(UnitTask):
    """Find the duplicates of one partition; the tasks share the list of the shards' digests.

    `sources` are the names of the sources, and up to which record of the corpus each goes.
    """

    part: int
    parts: int
    digests: str  # the fingerprint of all files of digests
    sources: tuple[tuple[str, int], ...]
    span: int
    expected_documents: int
    step = "select"

    def identity(self) -> object:
        """Everything that decides the bytes."""
        return {
            "part": [self.part, self.parts],
            "digests": self.digests,
            "sources": self.sources,
            "span": self.span,
        }

    @property
    def label(self) -> str:
        """The partition."""
        return f"partition {self.part}"

    def need(self) -> int:
        """The partition's digests as read and as sorted."""
        return compare_memory(self.expected_documents)

    def work(self, attempt: Attempt, shared: tuple[StoredFile, ...]) -> None:
        """Read, compare, list."""
        batches = []
        for number, stored in enumerate(shared):
            note(number, len(shared))
            with open_arrow(attempt.objects, stored) as reader:
                batches.append(reader.get_batch(self.part))
        table = pa.Table.from_batches(batches).combine_chunks()
        ordinal, length, held_out = (
            table.column(name).to_numpy() for name in ("ordinal", "tokens", "validation")
        )
        digest = np.column_stack([table.column("high").to_numpy(), table.column("low").to_numpy()])
        later = later_duplicates(digest, ordinal)
        left_out = np.sort(ordinal[later])
        write_spans(attempt, DUPLICATES, [left_out], self.sources[-1][1], self.span)
        dropped = int(length[later].sum())
        attempt.ledger = Ledger(
            documents_in=len(ordinal),
            documents_out=len(ordinal) - len(left_out),
            tokens=int(length.sum()) - dropped,
            deduplicated=len(left_out),
            deduplicated_tokens=dropped,
        )
        attempt.facts = left_out_facts(self.sources, ordinal[later], length[later], held_out[later])


def write_spans(
    attempt: Attempt, schema: pa.Schema, columns: Sequence[npt.NDArray[np.int64]], records: int, span: int
) -> None:
    """Write a file of duplicates, the first column of which are their places in the corpus, ascending: a batch a span."""
    spans = max(1, -(-records // span))
    edges = np.searchsorted(columns[0], np.arange(spans + 1) * span)
    with attempt.arrow("duplicates", schema) as writer:
        for a, b in zip(edges[:-1], edges[1:], strict=True):
            writer.write(
                pa.RecordBatch.from_arrays([pa.array(column[a:b]) for column in columns], schema=schema)
            )


def left_out_facts(
    sources: Sequence[tuple[str, int]],
    ordinal: npt.NDArray[np.int64],
    length: npt.NDArray[np.int64],
    held_out: npt.NDArray[np.bool_],
) -> dict[str, int]:
    """What is left out of each source, as `<source>/<split>_<documents or tokens>`; `sources` end at these records."""
    ends = np.array([end for _, end in sources], np.int64)
    of = np.searchsorted(ends, ordinal, side="right")
    facts: dict[str, int] = {}
    for number, (name, _) in enumerate(sources):
        mine = of == number
        if mine.any():
            counts = split_counts(length[mine], held_out[mine])
            facts |= {f"{name}/{what}": count for what, count in counts.items()}
    return facts


def read_duplicates(
    objects: Objects, files: Sequence[StoredFile], span: int, first: int, end: int
) -> npt.NDArray[np.int64]:
    """The places of the duplicates among the records [`first`, `end`) of the corpus, ascending; int64."""
    found = [np.zeros(0, np.int64)]
    for stored in files if first < end else ():
        with open_arrow(objects, stored) as reader:
            for number in range(first // span, (end - 1) // span + 1):
                ordinal = reader.get_batch(number).column("ordinal").to_numpy()
                low, high = np.searchsorted(ordinal, [first, end])
                found.append(ordinal[low:high].copy())
    return np.sort(np.concatenate(found))
