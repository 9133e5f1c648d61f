"""What is committed, as segments of tokens: of the documents in token shards, and of the documents in packed rows."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators.errors import CorruptionError
from pairloom.operators.pack import kept_of
from pairloom.operators.pack.joined import ADDED, Joining
from pairloom.operators.schema import DOCUMENT, INPUT_IDS, JOINED, OFFSET, SEGMENT_LENGTHS, SOURCE, seq_len_of
from pairloom.operators.selection.mixture import expanded
from pairloom.operators.selection.order import in_validation
from pairloom.operators.tokens import TokenBatch
from pairloom.pipeline.dataset.dataset import Dataset
from pairloom.pipeline.recipe import Recipe
from pairloom.pipeline.stages.pack.joining import joining_of
from pairloom.pipeline.stages.select.copies import taken_counts
from pairloom.pipeline.stages.select.duplicates import read_duplicates
from pairloom.pipeline.stages.select.mixed import selections
from pairloom.pipeline.stages.tokenize.carried import carried_columns
from pairloom.pipeline.stages.tokenize.shards import PlacedShard, placed_shards
from pairloom.pipeline.steps import DocumentSteps, RowSteps
from pairloom.pipeline.store.files import read_batches
from pairloom.pipeline.store.receipts import Receipt, committed_receipts, find_receipt
from pairloom.pipeline.store.remedy import remedy

__all__ = [
    "Expected",
    "Segments",
    "Taken",
    "flat",
    "own_segments",
    "receipt_of",
    "segments",
    "shard_segments",
    "shards",
    "without_repeats",
]


class Segments(NamedTuple):
    """Segments, all int64: where each starts among the tokens, how many it has, of which document, from which of its tokens.

    `which` says which of the segments of a record batch each is.
    """

    start: npt.NDArray[np.int64]
    length: npt.NDArray[np.int64]
    document: npt.NDArray[np.int64]
    offset: npt.NDArray[np.int64]
    which: npt.NDArray[np.int64]


class Expected(NamedTuple):
    """What the rows must hold of a record batch of a shard.

    `ids` are all that the shard's batch holds. `documents` are those that the recipe takes, as often as it takes them, with
    their source and their columns, after all token steps; of each the first `kept` tokens (int64) are in rows. `held_out`
    says of each whether it is for validation. `counts` are those of SourceRecord. Steps have added and removed so many tokens.
    """

    shard: PlacedShard
    ids: npt.NDArray[Any]
    documents: TokenBatch
    kept: npt.NDArray[np.int64]
    held_out: npt.NDArray[np.bool_]
    counts: dict[str, int]
    added: int
    removed: int


class Taken:
    """How often the rows of a dataset must hold each document, and what steps make of it.

    Once, or as its mixture and its duplicates say. `steps` are what its tokens and `row_steps` what its rows went through.
    """

    def __init__(self, dataset: Dataset) -> None:
        self._objects = dataset.objects
        self.recipe = recipe = Recipe.model_validate(dataset.manifest.recipe)
        self.choice = recipe.pack
        tokenized = dataset.manifest.stages.get("tokenize")
        units = () if tokenized is None else tokenized.units
        self.carried = carried_columns(recipe, committed_receipts(dataset.objects, "tokenize", units))
        selected = dataset.manifest.stages.get("select")
        self.mixed = None if selected is None else selections(recipe, selected)
        self.joining: Joining | None = None
        if self.choice.join is not None:
            self.joining = joining_of(recipe, dataset.vocabulary())
        steps, rows = self.choice.steps, self.choice.stored_rows
        if steps or rows:
            vocabulary, seed = dataset.vocabulary(), self.choice.shuffle.seed
            self.steps = DocumentSteps.of(steps, vocabulary, seed)
            self.row_steps = RowSteps.of(rows, vocabulary)
        else:
            self.steps = DocumentSteps(steps=(), tables=(), seed=0)
            self.row_steps = RowSteps(steps=(), tables=())

    def duplicates(self, shard: PlacedShard) -> npt.NDArray[np.int64]:
        """The places in the corpus of the documents of a shard that are left out as duplicates."""
        if self.mixed is None:
            return np.zeros(0, np.int64)
        span = self.mixed.selections[shard.source].span
        return read_duplicates(
            self._objects, self.mixed.duplicates, span, shard.first_record, shard.end_record
        )

    def splits(
        self, shard: PlacedShard, batch: pa.RecordBatch, duplicates: npt.NDArray[np.int64]
    ) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_], npt.NDArray[np.int64]]:
        """Of each document of a batch of a shard: whether it is held out, whether a duplicate, how often it is taken."""
        ids, ordinal = shard.documents(batch)
        ids = shard.choosing(batch, ids)
        held_out = in_validation(ids, self.choice.validation)
        duplicate = np.isin(ordinal, duplicates)
        if self.mixed is None:
            return held_out, duplicate, np.ones(len(ids), np.int64)
        selection = self.mixed.selections[shard.source]
        columns = self.carried.of(batch) if selection.chosen is not None else {}
        return held_out, duplicate, selection.copies(ids, held_out, duplicate, columns)


def shards(dataset: Dataset) -> Iterator[PlacedShard]:
    """The token shards of a dataset, in the order of the corpus."""
    return placed_shards(dataset.objects, dataset.manifest.stage("tokenize"))


def receipt_of(dataset: Dataset, stage: str, unit: str) -> Receipt:
    """The receipt of a committed unit; raises CorruptionError where it is gone."""
    receipt = find_receipt(dataset.objects, stage, unit)
    if receipt is None:
        raise CorruptionError(
            f"the receipt of {stage} {unit} is committed but missing below {dataset.objects.root}: "
            f"{remedy(dataset.objects, dataset.manifest.generation)}"
        )
    return receipt


def segments(batch: pa.RecordBatch) -> tuple[npt.NDArray[np.int64], Segments]:
    """The segments of a batch of packed rows, and the row of each."""
    lists = batch.column(SEGMENT_LENGTHS)
    counts = lists.value_lengths().to_numpy()
    length = lists.flatten().to_numpy().astype(np.int64)
    row = np.repeat(np.arange(len(batch)), counts)
    ends = np.cumsum(length)
    before = np.concatenate([np.zeros(1, np.int64), ends])[
        np.cumsum(counts) - counts
    ]  # tokens before each row
    start = row * seq_len_of(batch.schema) + (ends - length) - before[row]
    document, offset = (batch.column(name).flatten().to_numpy() for name in (DOCUMENT, OFFSET))
    return row, Segments(start, length, document, offset, np.arange(len(row)))


def own_segments(batch: pa.RecordBatch, found: Segments) -> Segments:
    """The segments of a batch that are of documents: without what joining has added."""
    if JOINED not in batch.schema.names:
        return found
    own = batch.column(JOINED).flatten().to_numpy()[found.which] & ADDED == 0
    return Segments(*(part[own] for part in found))


def shard_segments(dataset: Dataset, taken: Taken) -> Iterator[Expected]:
    """What the rows must hold, batch by batch of the shards."""
    choice = taken.choice
    for shard in shards(dataset):
        duplicates, source = taken.duplicates(shard), taken.recipe.source_number(shard.source)
        for batch in read_batches(dataset.objects, shard.stored):
            ids, _, lengths = flat(batch.column(INPUT_IDS))
            held_out, duplicate, copies = taken.splits(shard, batch, duplicates)
            index, copy = expanded(copies)
            stored = taken.carried.beside(TokenBatch.of_table(batch, shard.numbers(batch)), batch)
            documents = stored.take(index).with_copies(copy)
            documents = documents.with_documents({SOURCE: np.full(len(index), source, np.uint16)})
            made = taken.steps.apply(documents)
            kept = kept_of(made.batch, choice.seq_len, choice.overflow)
            counts = taken_counts(lengths, held_out, duplicate, copies)
            yield Expected(shard, ids, made.batch, kept, held_out[index], counts, made.added, made.removed)


def without_repeats(all_of_them: Segments, singles: npt.NDArray[np.int64]) -> tuple[Segments, int]:
    """Segments without the token that each repeats (`predict_every_token`), and how many repeat one.

    A segment that goes on with a document begins with the last token of the one before. One that begins a document with a
    single token is repeated whole, unless the document has no other (`singles`).
    """
    start, length, document, offset, which = all_of_them
    again = (offset > 0).astype(np.int64)
    whole = (offset == 0) & (length == 1) & ~np.isin(document, singles)
    keep = ~whole
    rest = Segments(
        (start + again)[keep], (length - again)[keep], document[keep], (offset + again)[keep], which[keep]
    )
    return rest, int(again.sum() + whole.sum())


def flat(lists: pa.LargeListArray) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The values of a column of lists, and where each list starts in them and how long it is."""
    offsets = lists.offsets.to_numpy()
    return lists.values.to_numpy(), offsets[:-1], np.diff(offsets)
