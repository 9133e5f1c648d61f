"""The first pass of pack: each document of a shard to its split and partition.

A document's split, partition and place are functions of its id, of the place of its input, or of its position in the
corpus (`partitions`): nothing depends on how the corpus was cut into units. An exchange file has one record batch a
partition, so that the second pass reads just its own (`exchanged`). Where every shard has documents for very many
partitions, a batch holds several, and `RegroupTask` spreads what many files have in it once more: reads of storage stay
few and large.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators.schema import SOURCE, SOURCE_COLUMN, columns_of, document_columns, token_columns
from pairloom.operators.selection.mixture import copy_keys, expanded
from pairloom.operators.selection.order import document_keys, document_numbers, in_validation
from pairloom.operators.tokens import TokenBatch
from pairloom.pipeline.flow.attempt import Attempt, UnitTask
from pairloom.pipeline.flow.job import Job
from pairloom.pipeline.identity import fingerprint
from pairloom.pipeline.phases import phase
from pairloom.pipeline.stages.exchange.cost import REGROUP_BYTES, exchange_memory, regroup_memory
from pairloom.pipeline.stages.exchange.files import INDEX, Exchanged, Made, Spread, write_spread
from pairloom.pipeline.stages.exchange.partitions import Splits
from pairloom.pipeline.stages.select.copies import Selection, taken_counts
from pairloom.pipeline.stages.select.duplicates import read_duplicates
from pairloom.pipeline.stages.select.mixed import Mixed
from pairloom.pipeline.stages.tokenize.shards import PlacedShard, placed_shards
from pairloom.pipeline.store.files import StoredFile, open_arrow
from pairloom.pipeline.store.manifest import StageRecord
from pairloom.pipeline.store.receipts import Receipt

__all__ = ["ExchangeTask", "RegroupTask", "exchange_tasks", "regroup_tasks"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeTask(UnitTask):
    """Spread the documents of one token shard over the partitions, as often as its `selection` says.

    `source` is the place in the recipe of the source that they are of, which goes with them from here on. Without a
    selection, each is taken once. The tasks share the files of duplicates, if there are any. With `parted`, documents that are
    held out go to a file of their own, of role `held`, which numbers the partitions for validation from 0 on: the index in
    the receipt has those of the exchange file and then `facts["held"]` entries of that file. With `only`, just the
    documents of these partitions for training are spread, and no others are read if that can be told.
    """

    shard: PlacedShard
    source: int
    splits: Splits
    seed: int
    selection: Selection | None
    parted: bool = False
    only: tuple[int, ...] | None = None
    step = "exchange"

    def identity(self) -> object:
        """Everything that decides the bytes."""
        ordered = self.splits.mode == "none"
        identity = self.shard.identity(placed=ordered or self.selection is not None) | {
            "source": self.source,
            "splits": self.splits.identity(self.shard.end_token),
            "seed": 0 if ordered else self.seed,
            "parted": self.parted,
        }
        if self.selection is not None:
            partitions = [self.splits.train, self.splits.validation]
            identity["selection"] = [*self.selection.identity(), *partitions]
        if self.only is not None:
            identity["only"] = self.only
        return identity

    @property
    def label(self) -> str:
        """The first input of the shard."""
        return self.shard.slices[0].uri

    def need(self) -> int:
        """The shard, a partition of it, and what is known of each copy."""
        copies = 0 if self.selection is None else self.selection.most * self.shard.stored.rows
        return exchange_memory(self.shard.stored.bytes, copies)

    def work(self, attempt: Attempt, shared: tuple[StoredFile, ...] | None) -> None:
        """Read, find out where each document goes, write."""
        duplicates = np.zeros(0, np.int64)
        if self.selection is not None:
            first, end = self.shard.first_record, self.shard.end_record
            duplicates = read_duplicates(attempt.objects, shared or (), self.selection.span, first, end)
        with open_arrow(attempt.objects, self.shard.stored) as reader:
            with phase("read"):
                shard = self._read(reader)
            with phase("sort"):
                spread, facts = self._spread(shard, duplicates)
            index, held = self._write(attempt, spread)
        attempt.payload, attempt.facts = index.tobytes() + held.tobytes(), facts | {"held": len(held)}

    def _read(self, reader: pa.RecordBatchFileReader) -> pa.Table:
        """The shard, or of it what can hold documents that are asked for."""
        if self.only is None or self.splits.mode != "block" or not self.shard.receipt.pieces:
            return reader.read_all()
        wanted = np.array(self.only, np.int64)

        def asked_for(blocks: npt.NDArray[np.uint64]) -> npt.NDArray[np.bool_]:
            return np.isin(self.splits.by_hash(blocks, np.zeros(len(blocks), np.bool_)), wanted)

        numbers = self.shard.batches_of(self.shard.slices_of(asked_for))
        return pa.Table.from_batches([reader.get_batch(i) for i in numbers], schema=reader.schema)

    def _write(self, attempt: Attempt, spread: Spread) -> tuple[npt.NDArray[np.void], npt.NDArray[np.void]]:
        """Write the files; the indexes of the exchange file and of the file of what is held out."""
        none = np.zeros(0, INDEX)
        if not self.parted:
            return write_spread(attempt, spread, self.splits.width), none
        index = write_spread(attempt, spread.parts(0, self.splits.train))
        held = spread.parts(self.splits.train, len(self.splits))
        return index, write_spread(attempt, held, role="held", folder="held") if len(held.part) else none

    def _spread(self, shard: pa.Table, duplicates: npt.NDArray[np.int64]) -> tuple[Spread, dict[str, int]]:
        """Where each document goes, or each copy; and what is taken, where anything is selected."""
        ids, ordinal = self.shard.documents(shard)
        documents = TokenBatch.of_table(shard, document_numbers(ids))
        documents = documents.with_documents({SOURCE: np.full(len(documents), self.source, np.uint16)})
        stored = columns_of(shard.schema)
        columns = (SOURCE_COLUMN, *document_columns(stored), *token_columns(stored))
        held_out = in_validation(ids, self.splits.share)
        place = self.shard.first_token + np.cumsum(documents.length) - documents.length
        ordered, mode = ordinal.astype(np.uint64), self.splits.mode
        key = ordered if mode == "none" else document_keys(ids, self.seed)
        facts: dict[str, int] = {}
        copy = None
        if self.selection is not None:
            duplicate = np.isin(ordinal, duplicates)
            copies = self.selection.copies(ids, held_out, duplicate)
            facts = taken_counts(documents.length, held_out, duplicate, copies)
            index, copy = expanded(copies)
            documents, place = documents.take(index).with_copies(copy), place[index]
            ordinal, held_out = ordinal[index], held_out[index]
            key = copy_keys(key[index], copy)
        if mode == "document":
            part = self.splits.by_hash(key, held_out)
        elif mode == "block":
            block = self.shard.blocks(shard)
            part = self.splits.by_hash(block if copy is None else block[index], held_out)
        elif self.selection is None or copy is None:
            part = self.splits.by_place(place, held_out)
        else:
            key = self.selection.keys_in_order(copy, ordinal)
            part = self.selection.parts_in_order(copy, place, held_out, self.splits)
        if self.only is not None:
            here = np.flatnonzero(np.isin(part, np.array(self.only, np.int64)))
            documents, key, part = documents.take(here), key[here], part[here]
        return Spread.of(documents, columns, key, part), facts

    def made(self, receipt: Receipt) -> Made:
        """The exchange file that a receipt of the task names, with the whole index that is there."""
        return Made(receipt.file("exchange").path, np.frombuffer(receipt.payload, INDEX), self.source + 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class RegroupTask(UnitTask):
    """Spread one batch of some exchange files over the partitions that it holds. The tasks share the exchange files."""

    batch: int
    width: int
    start: int  # the first file
    stop: int  # and the one after the last
    files: str  # the fingerprint of the files from `start` to `stop`
    bytes: int
    sources: int  # of the recipe, up to the last that the files may have documents of
    step = "regroup"

    def identity(self) -> object:
        """Everything that decides the bytes."""
        return {"batch": self.batch, "width": self.width, "files": self.files}

    @property
    def label(self) -> str:
        """The partitions and the files."""
        first = self.batch * self.width
        return f"partitions {first} to {first + self.width - 1} of exchange files {self.start} to {self.stop - 1}"

    def need(self) -> int:
        """The documents of the batch, and a partition of them."""
        return regroup_memory(self.bytes)

    def work(self, attempt: Attempt, shared: Exchanged) -> None:
        """Read what the files have of the batch, write it partition by partition."""
        first = self.batch * self.width
        found = shared.read(attempt.objects, self.batch, self.start, self.stop).parts(
            first, first + self.width
        )
        attempt.payload = write_spread(attempt, found).tobytes()

    def made(self, receipt: Receipt) -> Made:
        """The exchange file that a receipt of the task names."""
        return Made(receipt.file("exchange").path, np.frombuffer(receipt.payload, INDEX), self.sources)


def regroup_tasks(
    root: str, receipts: Sequence[Receipt], exchanged: Exchanged, splits: Splits, width: int
) -> list[list[RegroupTask]]:
    """For each batch of the exchange files, the tasks that spread it again, of about 512 MB each."""
    hashes, tasks = [receipt.file("exchange").sha256 for receipt in receipts], []
    for batch in range(len(exchanged.edges) - 1):
        size = exchanged.tokens(batch) * width
        group = np.cumsum(size) // REGROUP_BYTES
        edges = [0, *(np.flatnonzero(np.diff(group)) + 1).tolist(), len(size)]
        tasks.append(
            [
                RegroupTask(
                    root=root,
                    batch=batch,
                    width=splits.width,
                    start=start,
                    stop=stop,
                    files=fingerprint(hashes[start:stop]),
                    bytes=int(size[start:stop].sum()),
                    sources=int(exchanged.sources[start:stop].max(initial=0)),
                )
                for start, stop in zip(edges, edges[1:], strict=False)
            ]
        )
    return tasks


def exchange_tasks(
    job: Job, tokenized: StageRecord, splits: Splits, mixed: Mixed | None, *, parted: bool = False
) -> list[ExchangeTask]:
    """One task a shard of tokens, each told how many records and tokens come before it, and of which source it is."""
    recipe = job.plan.recipe
    return [
        ExchangeTask(
            root=recipe.root,
            shard=shard,
            source=recipe.source_number(shard.source),
            splits=splits,
            seed=recipe.pack.shuffle.seed,
            selection=None if mixed is None else mixed.selections[shard.source],
            parted=parted,
        )
        for shard in placed_shards(job.objects, tokenized, job.tokenized)
    ]
