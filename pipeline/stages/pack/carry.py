"""Leftovers: what fills no row of its partition is packed with what fills none of the others.

    partition ─▶ rows that are full enough ─▶ its packed file
             └─▶ the segments of the others ─▶ its leftover file ─▶ carry task ─▶ the last packed file of the split

So a split has as few rows with much padding as if it had been packed in one piece, and a partition that has not changed
keeps its files.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators.pack import Documents, PackPlan
from pairloom.pipeline.flow.attempt import Attempt, UnitTask
from pairloom.pipeline.stages.pack.rows import RowSettings, write_rows
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
        return 300_000_000 + 2 * sum(file.bytes for file in self.leftovers)

    def work(self, attempt: Attempt, shared: Any) -> None:
        """Read, plan, write."""
        tables = []
        for stored in self.leftovers:
            with open_arrow(attempt.objects, stored) as reader:
                tables.append(reader.read_all())
        table = pa.concat_tables(tables)
        pieces = Documents.of(table.column("tokens"))
        number, offset = (table.column(name).to_numpy() for name in ("document", "offset"))
        (plan,) = self.settings.plans(pieces.length, "split")
        plan = self.settings.shuffled(plan, f"{self.split} carry {self.number}")
        write_rows(attempt, plan, pieces, number, offset, self.settings, self.split)
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
    attempt: Attempt, plan: PackPlan, documents: Documents, numbers: npt.NDArray[np.int64]
) -> None:
    """Write the segments of a plan as pieces: of which document, from which of its tokens on, and the tokens."""
    pieces = Documents(
        column=documents.column,
        dtype=documents.dtype,
        start=documents.start[plan.document] + plan.offset * documents.dtype.itemsize,
        length=plan.length.astype(np.int64),
    )
    columns = [pa.array(numbers[plan.document]), pa.array(plan.offset), pieces.gathered()]
    names = ("document", "offset", "tokens")
    schema = pa.schema([pa.field(n, c.type, nullable=False) for n, c in zip(names, columns, strict=True)])
    with attempt.arrow("leftover", schema) as writer:
        writer.write(pa.RecordBatch.from_arrays(columns, schema=schema))
        writer.facts.update(tokens=plan.tokens)
