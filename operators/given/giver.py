"""What a source says of the tokens that its records bring."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from pairloom.operators.attributes import Attribute
from pairloom.operators.documents import DocumentBatch, Spanned
from pairloom.operators.given.columns import Beside
from pairloom.operators.given.lists import Faults

if TYPE_CHECKING:
    from pairloom.operators.encode import Tokenizer

__all__ = ["MISALIGNED", "OUT_OF_RANGE", "Giver", "begun", "checked_range", "rejected"]

OUT_OF_RANGE = "id_out_of_range"
"""The reason for a document with an id that the vocabulary has not."""
MISALIGNED = "not_aligned"
"""The reason for a document that has not as many values beside its tokens as tokens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Giver(ABC):
    """How the records of a source bring tokens: a frozen value.

    `fields` are what is read of each record. `beside` are the columns that documents have beside their ids.
    """

    @property
    @abstractmethod
    def fields(self) -> tuple[str, ...]:
        """The fields of a record that it reads."""

    @property
    @abstractmethod
    def beside(self) -> tuple[Beside, ...]:
        """The columns that it gives besides ids."""

    @property
    def spanned(self) -> tuple[Spanned, ...]:
        """Those of the columns that spans of documents' texts become, where it gives texts."""
        return ()

    @property
    def attributes(self) -> tuple[Attribute, ...]:
        """The columns of documents that it gives, besides those that the recipe asks for."""
        return ()

    @property
    def of_any_id(self) -> bool:
        """Whether its ids may be any of the vocabulary, special tokens among them."""
        return False

    @property
    def whole(self) -> bool:
        """Whether its documents have everything that is to be around them, so that the recipe puts nothing there."""
        return False

    @abstractmethod
    def identity(self) -> object:
        """Everything that decides what it makes of a record, as JSON."""

    @abstractmethod
    def read(self, batch: DocumentBatch) -> DocumentBatch:
        """The documents with what they bring in `given`; those that bring nothing usable are rejected.

        Where a record gives several documents, all have its row and its id, and `groups` says which are together.
        """

    @property
    def special_tokens(self) -> tuple[str, ...]:
        """The special tokens that the vocabulary must have."""
        return ()

    def valued(
        self, batch: DocumentBatch, ids: pa.LargeListArray, spanned: Mapping[str, pa.LargeListArray]
    ) -> dict[str, pa.LargeListArray]:
        """Columns of texts that were encoded to `ids`, which are known by their tokens alone; `spanned` are those of spans."""
        return {}

    def unusable(self, batch: DocumentBatch, found: Mapping[str, pa.LargeListArray]) -> Faults:
        """The documents that cannot be used, now that their columns are `found`."""
        return Faults()

    @abstractmethod
    def placed(self, batch: DocumentBatch, tokenizer: "Tokenizer", policy: str) -> DocumentBatch:
        """The documents with `input_ids` and its columns in `given`, in the vocabulary's ids.

        Those that have an id which the vocabulary has not are rejected. `policy` is what becomes of a text among them that
        spells a special token.
        """


def begun(batch: DocumentBatch, given: Mapping[str, pa.Array], faults: Faults) -> DocumentBatch:
    """A batch with what its documents bring, without those that have a fault."""
    return rejected(replace(batch, given=dict(given)), faults)


def rejected(batch: DocumentBatch, faults: Faults) -> DocumentBatch:
    """A batch without the documents that have a fault, each with a letter of its own reason."""
    places = np.arange(len(batch))
    for reason in sorted({reason for reason, _ in faults.values()}):
        mask = np.array([faults.get(int(i), ("", ""))[0] == reason for i in places], np.bool_)
        batch = batch.reject(mask, reason, [faults[int(i)][1] for i in places[mask]])
        places = places[~mask]
    return replace(batch, rejected=tuple(sorted(batch.rejected, key=lambda letter: letter.row)))


def checked_range(lists: pa.LargeListArray, name: str, size: int, of: str, faults: Faults) -> None:
    """Add a fault for each document that has an id which is not below `size`; `of` says what has so many."""
    offsets = lists.offsets.to_numpy()
    values = lists.values.to_numpy()[offsets[0] : offsets[-1]]
    if not len(values) or int(values.max()) < size:
        return
    wrong = np.flatnonzero(values >= size)
    ends = offsets[1:] - offsets[0]
    owner = np.searchsorted(ends, wrong, side="right")
    _, first = np.unique(owner, return_index=True)
    for at in first.tolist():
        row, place = int(owner[at]), int(wrong[at])
        begin = int(offsets[row] - offsets[0])
        faults.setdefault(
            row,
            (OUT_OF_RANGE, f"{name}: value {place - begin} is {values[place]}, and {of} has {size:,} ids"),
        )
