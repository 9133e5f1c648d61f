"""What is exported: rows or documents of a split, counted against the manifest as they pass.

    rows        packed files ──▶ batches as stored: padding, repeated tokens and order are those of the rows
    documents   token shards ──▶ batches (id, input_ids, ...) in the order of the corpus: nothing truncated or repeated

Each record batch is compared with its sum as it is read. Memory is bounded by a stored record batch.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators.errors import CorruptionError, RecipeError
from pairloom.operators.schema import INPUT_IDS, Column, columns_of, ids_dtype
from pairloom.operators.vocabulary.tokenizer_json import read_tokenizer_json
from pairloom.pipeline.dataset.dataset import Dataset
from pairloom.pipeline.flow.events import Event, PartDone, StepFinished, StepStarted, UnitDone
from pairloom.pipeline.store.files import StoredFile, read_stored
from pairloom.pipeline.store.receipts import Ledger

__all__ = ["SPLITS", "Batch", "Counts", "Source", "StoredSource"]

SPLITS = ("train", "validation")


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Some rows or documents.

    `tokens` are those of all of them, one after another, and `lengths` (int64) how many each has, the padding of rows
    included; `used` (int64) leaves the padding out. `table` has the same in its column `input_ids`.
    """

    table: pa.RecordBatch
    tokens: npt.NDArray[Any]
    lengths: npt.NDArray[np.int64]
    used: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.lengths)

    def arrays(self, name: str) -> Iterator[npt.NDArray[Any]]:
        """The values of a column of lists, row by row or document by document."""
        column = self.table.column(name)
        values = column.flatten().to_numpy(zero_copy_only=False)
        fixed = pa.types.is_fixed_size_list(column.type)
        lengths = np.full(len(column), column.type.list_size) if fixed else column.value_lengths().to_numpy()
        at = 0
        for length in lengths.tolist():
            yield values[at : at + length]
            at += length

    def unpadded(self, values: npt.NDArray[Any] | None = None) -> npt.NDArray[Any]:
        """The tokens, or other `values` of theirs, without padding."""
        values = self.tokens if values is None else values
        if int(self.used.sum()) == len(values):
            return values
        kept = np.arange(self.lengths[0]) < self.used[:, None]
        rows: npt.NDArray[Any] = values.reshape(len(self), -1)[kept]
        return rows

    def beside(self, name: str) -> npt.NDArray[Any]:
        """A column of tokens, its values one after another, as `tokens` are."""
        values: npt.NDArray[Any] = self.table.column(name).flatten().to_numpy(zero_copy_only=False)
        return values


@dataclass(slots=True, kw_only=True)
class Counts:
    """What has passed: rows or documents that were handed out, their tokens and padding; and what was read for that."""

    items: int = 0
    tokens: int = 0
    padding: int = 0
    empty_documents: int = 0
    read_documents: int = 0  # of either split, taken or not
    read_tokens: int = 0


class Source(Protocol):
    """Rows or documents of one split."""

    dataset: Dataset
    unit: str
    split: str
    schema: pa.Schema
    counts: Counts
    vocabulary_size: int

    @property
    def columns(self) -> tuple[Column, ...]:
        """What there is of tokens and documents beside `input_ids`."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """uint16 or uint32, as stored."""

    @property
    def files(self) -> int:
        """How many stored files are read."""

    def parts(self) -> Iterator[Iterator[Batch]]:
        """The batches of each stored file, in order; each has to be used up before the next is asked for."""

    def check(self) -> None:
        """Raise CorruptionError unless what has passed is what the manifest says there is."""


class StoredSource:
    """What rows and documents have in common: stored files that are checked, read and counted one after another."""

    unit: str
    schema: pa.Schema

    def __init__(
        self,
        dataset: Dataset,
        split: str,
        observe: Callable[[Event], None] = lambda _: None,
        without: Sequence[str] = (),
    ) -> None:
        if split not in SPLITS:
            raise RecipeError(f"there is no split {split!r}; there are {' and '.join(SPLITS)}")
        self.dataset, self.split = dataset, split
        self.counts = Counts()
        self._left_out = tuple(without)
        self._observe = observe
        self.vocabulary_size = _vocabulary_size(dataset)

    @property
    def dtype(self) -> np.dtype[Any]:
        """uint16 or uint32, as stored."""
        return ids_dtype(self.schema)

    @property
    def columns(self) -> tuple[Column, ...]:
        """What there is of tokens and documents beside `input_ids`."""
        return tuple(column for column in columns_of(self.schema) if column.name != INPUT_IDS)

    def _without(self, schema: pa.Schema) -> pa.Schema:
        """A schema without the columns that are to be left out; raises RecipeError for one that is not there."""
        there = [column.name for column in columns_of(schema) if column.name != INPUT_IDS]
        if unknown := [name for name in self._left_out if name not in there]:
            raise RecipeError(
                f"there is no column {', '.join(unknown)} to leave out; there is {', '.join(there) or 'none'}"
            )
        return pa.schema(
            [field for field in schema if field.name not in self._left_out], metadata=schema.metadata
        )

    def _start(self, stored: list[StoredFile]) -> None:
        size = sum(file.bytes for file in stored)
        self._observe(StepStarted(step="export", units=len(stored), reused=0, bytes=size))

    def _part(self, stored: StoredFile, rows: int) -> None:
        share = int(stored.bytes * rows / max(1, stored.rows))
        self._observe(PartDone(step="export", unit=stored.path, bytes=share))

    def _done(self, stored: StoredFile, rows: int, tokens: int) -> None:
        where = self.dataset.objects.uri(stored.path)
        if (rows, tokens) != (stored.rows, stored.facts["tokens"]):
            raise CorruptionError(
                f"{where} holds {rows} rows with {tokens} tokens, the manifest says {stored.rows} with "
                f"{stored.facts['tokens']}"
            )
        documents = rows if self.unit == "documents" else 0
        ledger = Ledger(documents_in=documents, documents_out=documents, tokens=tokens)
        self._observe(UnitDone(step="export", unit=stored.path, bytes=stored.bytes, ledger=ledger))

    def _check_ids(self, stored: StoredFile, tokens: npt.NDArray[Any]) -> None:
        if len(tokens) and int(tokens.max()) >= self.vocabulary_size:
            raise CorruptionError(
                f"{self.dataset.objects.uri(stored.path)} holds id {tokens.max()}, the vocabulary has {self.vocabulary_size} tokens"
            )

    def _finished(self) -> None:
        self._observe(StepFinished(step="export", ledger=Ledger(tokens=self.counts.tokens)))


def _vocabulary_size(dataset: Dataset) -> int:
    """How many ids there are; reads the vocabulary's file without encoding anything."""
    if dataset.manifest.vocabulary is None:
        raise RecipeError(
            f"generation {dataset.manifest.generation} of {dataset.objects.root} has no vocabulary, so nothing to export yet"
        )
    fields, _ = read_tokenizer_json(read_stored(dataset.objects, dataset.manifest.vocabulary))
    return len(fields["tokens"])
