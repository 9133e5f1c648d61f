"""One list of ids a record, and lists beside it."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pairloom.operators.documents import DocumentBatch
from pairloom.operators.given.columns import Beside, surrounded
from pairloom.operators.given.giver import MISALIGNED, Giver, begun, checked_range, rejected
from pairloom.operators.given.lists import Faults, lists_of
from pairloom.operators.given.modality import Modality
from pairloom.operators.given.parts import MODALITY
from pairloom.operators.schema import INPUT_IDS

if TYPE_CHECKING:
    from pairloom.operators.encode import Tokenizer

__all__ = ["Plain"]

_RAW = np.dtype(np.uint32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plain(Giver):
    """Ids in the field `tokens`, and in other fields a value for each of them, or one for all: `columns` are (field, column).

    Ids are those of the vocabulary, or from 0 on those of the range that it has for `modality`, with what begins and ends it
    around them.
    """

    tokens: str
    columns: tuple[tuple[str, Beside], ...] = ()
    modality: Modality | None = None

    @property
    def fields(self) -> tuple[str, ...]:
        """The ids and what is beside them."""
        return (self.tokens, *(field for field, _ in self.columns))

    @property
    def beside(self) -> tuple[Beside, ...]:
        """What is beside them."""
        own = tuple(column for _, column in self.columns)
        return own if self.modality is None else (Beside(column=MODALITY, elsewhere=0.0), *own)

    @property
    def of_any_id(self) -> bool:
        """Unless they are of a modality."""
        return self.modality is None

    @property
    def special_tokens(self) -> tuple[str, ...]:
        """Those of the modality."""
        return () if self.modality is None else self.modality.special_tokens

    def identity(self) -> object:
        """The fields and the columns."""
        columns = [[field, *one.identity()] for field, one in self.columns]
        of = {} if self.modality is None else {"modality": self.modality.identity()}
        return {"tokens": self.tokens, "columns": columns, **of}

    def read(self, batch: DocumentBatch) -> DocumentBatch:
        """See `Giver`."""
        ids, faults = lists_of(batch.fields[self.tokens], _RAW, self.tokens)
        given = {INPUT_IDS: ids}
        for field, one in self.columns:
            values = batch.fields[field]
            if pa.types.is_integer(values.type) or pa.types.is_floating(values.type):
                values = _repeated(values, ids)
            found, wrong = lists_of(values, one.column.dtype, field, truth=True)
            _check_aligned(ids, found, (self.tokens, field), wrong)
            faults = wrong | faults
            given[one.column.name] = found
        return begun(batch, given, faults)

    def placed(self, batch: DocumentBatch, tokenizer: "Tokenizer", policy: str) -> DocumentBatch:
        """See `Giver`."""
        faults: Faults = {}
        name, size = f"field {self.tokens!r}", len(tokenizer.vocabulary)
        if self.modality is None:
            checked_range(batch.given[INPUT_IDS], name, size, "the vocabulary", faults)
            return rejected(batch, faults)
        place = self.modality.found(tokenizer.vocabulary)
        checked_range(batch.given[INPUT_IDS], name, place.size, self.modality.name, faults)
        batch = rejected(batch, faults)
        lists = batch.given[INPUT_IDS]
        moved = pc.add(lists.values, pa.scalar(place.first, lists.values.type))
        given = {**batch.given, INPUT_IDS: pa.LargeListArray.from_arrays(lists.offsets, moved)}
        many = pa.array(np.full(len(moved), place.number, np.uint8))
        given[MODALITY.name] = pa.LargeListArray.from_arrays(lists.offsets, many)
        return replace(batch, given=surrounded(given, self.beside, _RAW, place.begin, place.end))


def _repeated(values: pa.Array, ids: pa.LargeListArray) -> pa.LargeListArray:
    """A number of each record as the value of all of its tokens."""
    many = np.diff(ids.offsets.to_numpy())
    each = values.take(pa.array(np.repeat(np.arange(len(values)), many)))
    return pa.LargeListArray.from_arrays(ids.offsets, each)


def _check_aligned(
    ids: pa.LargeListArray, other: pa.LargeListArray, names: tuple[str, str], faults: Faults
) -> None:
    """Add a fault for each document whose lists differ in length."""
    many, there = (np.diff(lists.offsets.to_numpy()) for lists in (ids, other))
    for row in np.flatnonzero(many != there).tolist():
        detail = f"field {names[0]!r} has {many[row]} tokens and field {names[1]!r} {there[row]} values"
        faults.setdefault(row, (MISALIGNED, detail))
