"""Leftovers: what fills no row of its partition is packed with what fills none of the others.

    partition ─▶ rows that are full enough ─▶ its packed file
             └─▶ the segments of the others ─▶ its leftover file ─▶ carry task ─▶ the last packed file of the split

So a split has as few rows with much padding as if it had been packed in one piece, and a partition that has not changed
keeps its files.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from pairloom.operators.pack import PackPlan
from pairloom.operators.schema import OFFSET, SOURCES, Column, columns_of, file_facts, leftover_schema
from pairloom.operators.tokens import TokenBatch
from pairloom.pipeline.flow.attempt import Attempt, UnitTask
from pairloom.pipeline.stages.pack.cost import carry_memory
from pairloom.pipeline.stages.pack.rows import RowSettings, write_rows
from pairloom.pipeline.steps import RowSteps
from pairloom.pipeline.store.files import StoredFile, open_arrow

__all__ = ["CarryTask", "carry_tasks", "write_leftover"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CarryTask(UnitTask):
    """Pack the leftovers of some partitions of a split, in their order."""

    split: str
    number: int
    leftovers: tuple[StoredFile, ...]
    settings: RowSettings
    step = "pack"

    def identity(self) -> object:
        """Everything that decides the bytes."""
        return {
            "carry": [self.split, self.number],
            "leftovers": [file.sha256 for file in self.leftovers],
            "rows": self.settings.identity(),
        }

    @property
    def label(self) -> str:
        """The split."""
        return f"leftovers {self.number} of {self.split}"

    def need(self) -> int:
        """The leftovers, and a batch of rows."""
        return carry_memory(sum(file.bytes for file in self.leftovers))

    def work(self, attempt: Attempt, shared: RowSteps) -> None:
        """Read, plan, write."""
        tables, sources = [], ()
        for stored in self.leftovers:
            with open_arrow(attempt.objects, stored) as reader:
                tables.append(reader.read_all())
            # Each names its sources up to the last that it has: the longest list has all of them.
            sources = max(sources, tuple(file_facts(reader.schema)[SOURCES]), key=len)
        table = pa.concat_tables(tables)
        pieces, columns = TokenBatch.of_table(table), columns_of(table.schema)
        (plan,) = self.settings.plans(pieces.length, "split")
        where, first = f"{self.split} carry {self.number}", table.column(OFFSET).to_numpy()
        write_rows(
            attempt, plan, pieces, columns, self.settings, self.split, sources, shared, where, first=first
        )
        attempt.facts = {
            "splits": plan.splits,
            "repeated_tokens": plan.repeated_tokens,
            "carried_tokens": pieces.tokens,
        }


def carry_tasks(
    root: str, split: str, leftovers: Sequence[StoredFile], settings: RowSettings, file_tokens: int
) -> list[CarryTask]:
    """The tasks for the leftovers of a split: one, unless that is more than a packed file."""
    ends = np.cumsum([file.facts["tokens"] for file in leftovers], dtype=np.int64)
    group = (ends - 1) // max(file_tokens, settings.seq_len)
    return [
        CarryTask(
            root=root,
            split=split,
            number=number,
            leftovers=tuple(leftovers[i] for i in np.flatnonzero(group == value).tolist()),
            settings=settings,
        )
        for number, value in enumerate(np.unique(group))
    ]


def write_leftover(
    attempt: Attempt, plan: PackPlan, documents: TokenBatch, columns: Sequence[Column], sources: Sequence[str]
) -> None:
    """Write the segments of a plan as pieces: of which document, from which of its tokens on, and what there is of it."""
    pieces = documents.cut(plan.document, plan.offset, plan.length.astype(np.int64))
    schema = leftover_schema(columns, {SOURCES: list(sources)})
    arrays = [pa.array(pieces.number), pa.array(plan.offset)]
    arrays += [pieces.array(column) for column in columns_of(schema)]
    cast = [array.cast(field.type) for array, field in zip(arrays, schema, strict=True)]
    with attempt.arrow("leftover", schema) as writer:
        writer.write(pa.RecordBatch.from_arrays(cast, schema=schema))
        writer.facts.update(tokens=plan.tokens)
