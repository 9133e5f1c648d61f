"""One list of ids a record, and lists beside it."""

from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pairloom.operators.documents import DocumentBatch
from pairloom.operators.given.columns import Beside
from pairloom.operators.given.giver import MISALIGNED, Giver, Ranges, begun, checked_range, rejected
from pairloom.operators.given.lists import Faults, lists_of
from pairloom.operators.schema import INPUT_IDS
from pairloom.operators.vocabulary import Vocabulary

__all__ = ["Plain"]

_RAW = np.dtype(np.uint32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plain(Giver):
    """Ids in the field `tokens`, and in other fields a value for each of them: `columns` are (field, column)."""

    tokens: str
    columns: tuple[tuple[str, Beside], ...] = ()

    @property
    def fields(self) -> tuple[str, ...]:
        """The ids and what is beside them."""
        return (self.tokens, *(field for field, _ in self.columns))

    @property
    def beside(self) -> tuple[Beside, ...]:
        """What is beside them."""
        return tuple(column for _, column in self.columns)

    def identity(self) -> object:
        """The fields and the columns."""
        return {"tokens": self.tokens, "columns": [[field, *one.identity()] for field, one in self.columns]}

    def read(self, batch: DocumentBatch) -> DocumentBatch:
        """See `Giver`."""
        ids, faults = lists_of(batch.fields[self.tokens], _RAW, self.tokens)
        given = {INPUT_IDS: ids}
        for field, one in self.columns:
            found, wrong = lists_of(batch.fields[field], one.column.dtype, field, truth=True)
            _check_aligned(ids, found, (self.tokens, field), wrong)
            faults = wrong | faults
            given[one.column.name] = found
        return begun(batch, given, faults)

    def placed(self, batch: DocumentBatch, vocabulary: Vocabulary) -> DocumentBatch:
        """See `Giver`."""
        return in_range(
            batch, INPUT_IDS, f"field {self.tokens!r}", Ranges(0, len(vocabulary)), "the vocabulary"
        )


def in_range(batch: DocumentBatch, column: str, name: str, ranges: Ranges, of: str) -> DocumentBatch:
    """The documents whose ids are below the size of a range, moved to where it begins; the others are rejected."""
    faults: Faults = {}
    assert ranges.size is not None
    checked_range(batch.given[column], name, ranges.size, of, faults)
    batch = rejected(batch, faults)
    if not ranges.first:
        return batch
    lists = batch.given[column]
    moved = pc.add(lists.values, pa.scalar(ranges.first, lists.values.type))
    return replace(batch, given={**batch.given, column: pa.LargeListArray.from_arrays(lists.offsets, moved)})


def _check_aligned(
    ids: pa.LargeListArray, other: pa.LargeListArray, names: tuple[str, str], faults: Faults
) -> None:
    """Add a fault for each document whose lists differ in length."""
    many, there = (np.diff(lists.offsets.to_numpy()) for lists in (ids, other))
    for row in np.flatnonzero(many != there).tolist():
        detail = f"field {names[0]!r} has {many[row]} tokens and field {names[1]!r} {there[row]} values"
        faults.setdefault(row, (MISALIGNED, detail))
