"""What is exported: the packed rows of a split, or its whole documents, counted against the manifest as they pass.

    rows        packed files ──▶ batches as stored: padding, repeated tokens and order are those of the rows
    documents   token shards ──▶ batches (id, input_ids) in the order of the corpus: nothing truncated or repeated

Of documents, those are exported that the recipe takes: duplicates not, and those of a mixture as often as it takes them.

Each stored file's SHA-256 is checked before it is read. Memory is bounded by a stored record batch.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pairloom.operators.errors import CorruptionError, RecipeError
from pairloom.operators.vocabulary.tokenizer_json import read_tokenizer_json
from pairloom.pipeline.events import Event, StepFinished, StepStarted, UnitDone
from pairloom.pipeline.segments import Taken, shards
from pairloom.pipeline.stages.shards import PlacedShard
from pairloom.pipeline.store.dataset import Dataset
from pairloom.pipeline.store.files import StoredFile, check_stored, open_arrow
from pairloom.pipeline.store.receipts import Ledger

__all__ = ["SPLITS", "Batch", "Counts", "Documents", "Rows", "Source"]

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

    def unpadded(self) -> npt.NDArray[Any]:
        """The tokens without padding."""
        if int(self.used.sum()) == len(self.tokens):
            return self.tokens
        kept = np.arange(self.lengths[0]) < self.used[:, None]
        rows: npt.NDArray[Any] = self.tokens.reshape(len(self), -1)[kept]
        return rows


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
    def dtype(self) -> np.dtype[Any]:
        """uint16 or uint32, as stored."""

    @property
    def files(self) -> int:
        """How many stored files are read."""

    def parts(self) -> Iterator[Iterator[Batch]]:
        """The batches of each stored file, in order; each has to be used up before the next is asked for."""

    def check(self) -> None:
        """Raise CorruptionError unless what has passed is what the manifest says there is."""


class _Stored:
    """What rows and documents have in common: stored files that are checked, read and counted one after another."""

    unit: str
    schema: pa.Schema

    def __init__(
        self, dataset: Dataset, split: str, observe: Callable[[Event], None] = lambda _: None
    ) -> None:
        if split not in SPLITS:
            raise RecipeError(f"there is no split {split!r}; there are {' and '.join(SPLITS)}")
        self.dataset, self.split = dataset, split
        self.counts = Counts()
        self._observe = observe
        self.vocabulary_size = _vocabulary_size(dataset)

    @property
    def dtype(self) -> np.dtype[Any]:
        """uint16 or uint32, as stored."""
        dtype: np.dtype[Any] = np.dtype(self.schema.field("input_ids").type.value_type.to_pandas_dtype())
        return dtype

    def _start(self, stored: list[StoredFile]) -> None:
        size = sum(file.bytes for file in stored)
        self._observe(StepStarted(step="export", units=len(stored), reused=0, bytes=size))

    def _open(self, stored: StoredFile) -> None:
        try:
            check_stored(self.dataset.objects, stored)
        except FileNotFoundError as error:
            raise CorruptionError(f"{self.dataset.objects.uri(stored.path)} is missing") from error

    def _done(self, stored: StoredFile, rows: int, tokens: int) -> None:
        where = self.dataset.objects.uri(stored.path)
        if (rows, tokens) != (stored.rows, stored.facts["tokens"]):
            raise CorruptionError(
                f"{where} holds {rows} rows with {tokens} tokens, the manifest says {stored.rows} with "
                f"{stored.facts['tokens']}"
            )
        documents = rows if self.unit == "documents" else 0
        ledger = Ledger(documents_in=documents, documents_out=documents, tokens=tokens)
        self._observe(UnitDone(step="export", bytes=stored.bytes, ledger=ledger))

    def _check_ids(self, stored: StoredFile, tokens: npt.NDArray[Any]) -> None:
        if len(tokens) and int(tokens.max()) >= self.vocabulary_size:
            raise CorruptionError(
                f"{self.dataset.objects.uri(stored.path)} holds id {tokens.max()}, the vocabulary has {self.vocabulary_size} tokens"
            )

    def _finished(self) -> None:
        self._observe(StepFinished(step="export", ledger=Ledger(tokens=self.counts.tokens)))


class Rows(_Stored):
    """The packed rows of a split, in their order.

    Raises RecipeError for a split without any, and for rows of several lengths where `seq_len` names none of them.
    """

    unit = "rows"

    def __init__(
        self,
        dataset: Dataset,
        split: str,
        observe: Callable[[Event], None] = lambda _: None,
        seq_len: int | None = None,
    ) -> None:
        super().__init__(dataset, split, observe)
        manifest = dataset.manifest
        stored = [file for file in manifest.stage("pack").files if file.role == split and file.rows]
        if not stored:
            raise RecipeError(
                f"generation {manifest.generation} of {dataset.objects.root} has no rows in {split!r}"
            )
        lengths = sorted({file.facts["seq_len"] for file in stored})
        if (seq_len is None and len(lengths) > 1) or (seq_len is not None and seq_len not in lengths):
            raise RecipeError(
                f"the rows of {split!r} have {' or '.join(map(str, lengths))} tokens: export those of one length (--seq-len), "
                "each into a folder of its own, or documents"
            )
        self._files = [file for file in stored if file.facts["seq_len"] == (seq_len or lengths[0])]
        with open_arrow(dataset.objects, self._files[0]) as reader:
            self.schema = reader.schema

    @property
    def seq_len(self) -> int:
        """Tokens in a row."""
        return int(self.schema.field("input_ids").type.list_size)

    @property
    def files(self) -> int:
        """How many packed files are read."""
        return len(self._files)

    def parts(self) -> Iterator[Iterator[Batch]]:
        """The rows of each packed file."""
        self._start(self._files)
        for stored in self._files:
            self._open(stored)
            yield self._read(stored)
        self._finished()

    def _read(self, stored: StoredFile) -> Iterator[Batch]:
        rows = total = 0
        with open_arrow(self.dataset.objects, stored) as reader:
            self._check_schema(stored, reader.schema)
            for i in range(reader.num_record_batches):
                table = reader.get_batch(i)
                tokens = table.column("input_ids").flatten().to_numpy()
                self._check_ids(stored, tokens)
                used = _sums(table.column("segment_lengths"))
                lengths = np.full(len(table), self.seq_len, np.int64)
                if len(used) and not 0 < used.min() <= used.max() <= self.seq_len:
                    raise CorruptionError(
                        f"{self.dataset.objects.uri(stored.path)}: the segments of a row have {used.max()} tokens, the row "
                        f"{self.seq_len}"
                    )
                rows, total = rows + len(table), total + int(used.sum())
                self.counts.items += len(table)
                self.counts.tokens += int(used.sum())
                self.counts.padding += len(tokens) - int(used.sum())
                yield Batch(table=table, tokens=tokens, lengths=lengths, used=used)
        self._done(stored, rows, total)

    def _check_schema(self, stored: StoredFile, found: pa.Schema) -> None:
        if found.equals(self.schema):
            return
        raise CorruptionError(
            f"{self.dataset.objects.uri(stored.path)} has other columns than the files before it: {found}"
        )

    def check(self) -> None:
        """Raise CorruptionError unless every row and token that the manifest names has passed."""
        rows = sum(file.rows for file in self._files)
        tokens = sum(file.facts["tokens"] for file in self._files)
        if (self.counts.items, self.counts.tokens) != (rows, tokens):
            raise CorruptionError(
                f"{self.counts.items} rows with {self.counts.tokens} tokens were exported, the manifest says {rows} with {tokens}"
            )


class Documents(_Stored):
    """The documents of a split, whole, in the order of the corpus.

    A document is in the split that packing would put it in, and its copies follow each other. One without tokens is left
    out, and counted.
    """

    unit = "documents"

    def __init__(
        self, dataset: Dataset, split: str, observe: Callable[[Event], None] = lambda _: None
    ) -> None:
        super().__init__(dataset, split, observe)
        self._record = self.dataset.manifest.stage("tokenize")
        self._taken = Taken(dataset)
        if self.split == "validation" and not self._taken.choice.validation:
            raise RecipeError("the recipe holds no documents out (pack.validation is 0)")
        with open_arrow(self.dataset.objects, self._record.files[0]) as reader:
            ids = reader.schema.field("input_ids").type.value_type
        self.schema = pa.schema(
            [
                pa.field("id", pa.large_string(), nullable=False),
                pa.field("input_ids", pa.large_list(pa.field("item", ids)), nullable=False),
            ]
        )

    @property
    def files(self) -> int:
        """How many token shards are read."""
        return len(self._record.files)

    def parts(self) -> Iterator[Iterator[Batch]]:
        """The documents of each token shard."""
        self._start(list(self._record.files))
        for shard in shards(self.dataset):
            self._open(shard.stored)
            yield self._read(shard)
        self._finished()

    def _read(self, shard: PlacedShard) -> Iterator[Batch]:
        rows = total = 0
        duplicates = self._taken.duplicates(shard)
        with open_arrow(self.dataset.objects, shard.stored) as reader:
            for i in range(reader.num_record_batches):
                stored = reader.get_batch(i)
                rows, total = rows + len(stored), total + int(_lengths(stored.column("input_ids")).sum())
                batch = self._chosen(shard, stored, duplicates)
                self._check_ids(shard.stored, batch.tokens)
                if len(batch):
                    yield batch
        self._done(shard.stored, rows, total)

    def _chosen(self, shard: PlacedShard, stored: pa.RecordBatch, duplicates: npt.NDArray[np.int64]) -> Batch:
        (ids, _), lists = shard.documents(stored), stored.column("input_ids")
        lengths = _lengths(lists)
        held_out, _, copies = self._taken.splits(shard, stored, duplicates)
        copies = np.where(held_out if self.split == "validation" else ~held_out, copies, 0)
        self.counts.read_documents += len(lengths)
        self.counts.read_tokens += int(lengths.sum())
        self.counts.empty_documents += int(copies[lengths == 0].sum())
        copies[lengths == 0] = 0
        if not (copies == 1).all():
            chosen = np.repeat(np.arange(len(copies)), copies)
            ids, lists, lengths = ids.take(pa.array(chosen)), lists.take(pa.array(chosen)), lengths[chosen]
        self.counts.items += len(lengths)
        self.counts.tokens += int(lengths.sum())
        table = pa.RecordBatch.from_arrays([ids, lists], schema=self.schema)
        return Batch(table=table, tokens=lists.flatten().to_numpy(), lengths=lengths, used=lengths)

    def check(self) -> None:
        """Raise CorruptionError unless all documents and tokens have passed, this split's and the other's together.

        Where rows were packed of the same documents, this split's are compared with theirs, too.
        """
        counts, ledger = self.counts, self._record.ledger
        if (counts.read_documents, counts.read_tokens) != (ledger.documents_out, ledger.tokens):
            raise CorruptionError(
                f"{counts.read_documents} documents with {counts.read_tokens} tokens were read, the manifest says "
                f"{ledger.documents_out} with {ledger.tokens}"
            )
        if not counts.items:
            raise RecipeError(f"there is no document in {self.split!r}")
        packed = self.dataset.manifest.stages.get("pack")
        if packed is None or any(packed.facts[name] for name in ("dropped_tokens", "truncated_tokens")):
            return
        tokens = sum(file.facts["tokens"] for file in packed.files if file.role == self.split)
        if packed.facts["repeated_tokens"] == 0 and tokens != counts.tokens:
            raise CorruptionError(
                f"the documents of {self.split!r} have {counts.tokens} tokens, its packed rows {tokens}"
            )


def _vocabulary_size(dataset: Dataset) -> int:
    """How many ids there are; reads the vocabulary's file without encoding anything."""
    if dataset.manifest.vocabulary is None:
        raise RecipeError(
            f"generation {dataset.manifest.generation} of {dataset.objects.root} has no vocabulary, so nothing to export yet"
        )
    fields, _ = read_tokenizer_json(dataset.objects.read(dataset.manifest.vocabulary.path))
    return len(fields["tokens"])


def _lengths(lists: pa.LargeListArray) -> npt.NDArray[np.int64]:
    lengths: npt.NDArray[np.int64] = np.diff(lists.offsets.to_numpy()).astype(np.int64)
    return lengths


def _sums(lists: pa.ListArray) -> npt.NDArray[np.int64]:
    """The sum of each list; lists may be empty."""
    edges = np.concatenate([np.zeros(1, np.int64), pc.list_value_length(lists).to_numpy()]).cumsum()
    total = np.concatenate([np.zeros(1, np.int64), lists.flatten().to_numpy().astype(np.int64)]).cumsum()
    sums: npt.NDArray[np.int64] = np.diff(total[edges])
    return sums
