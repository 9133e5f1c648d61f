"""The first pass of pack: each document of a shard to its split and partition.

A document's split, partition and place are up to the order (`orders`): nothing depends on how the corpus was cut into
units. An exchange file has one record batch a
partition, so that the second pass reads just its own (`exchanged`). Where every shard has documents for very many
partitions, a batch holds several, and `RegroupTask` spreads what many files have in it once more: reads of storage stay
few and large.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from pairloom.operators.schema import SOURCE, SOURCE_COLUMN, columns_of, document_columns, token_columns
from pairloom.operators.selection.mixture import expanded
from pairloom.operators.selection.order import document_numbers, in_validation
from pairloom.operators.selection.ranking import Ranking
from pairloom.operators.tokens import TokenBatch
from pairloom.pipeline.flow.attempt import Attempt, UnitTask
from pairloom.pipeline.flow.job import Job
from pairloom.pipeline.identity import fingerprint
from pairloom.pipeline.phases import phase
from pairloom.pipeline.stages.exchange.cost import REGROUP_BYTES, exchange_memory, regroup_memory
from pairloom.pipeline.stages.exchange.files import INDEX, Exchanged, Made, Spread, write_spread
from pairloom.pipeline.stages.exchange.index import index_of
from pairloom.pipeline.stages.exchange.orders import Copies, Standing
from pairloom.pipeline.stages.exchange.partitions import Splits
from pairloom.pipeline.stages.select.copies import Selection, taken_counts
from pairloom.pipeline.stages.select.duplicates import read_duplicates
from pairloom.pipeline.stages.select.mixed import Mixed
from pairloom.pipeline.stages.tokenize.carried import Carried
from pairloom.pipeline.stages.tokenize.shards import PlacedShard, placed_shards
from pairloom.pipeline.store.files import StoredFile, open_arrow
from pairloom.pipeline.store.manifest import StageRecord
from pairloom.pipeline.store.receipts import Receipt

__all__ = [
    "DeliverTask",
    "ExchangeTask",
    "PartTask",
    "RegroupTask",
    "RejoinTask",
    "Sharing",
    "SpreadTask",
    "deliver_tasks",
    "exchange_tasks",
    "part_tasks",
    "regroup_tasks",
]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sharing:
    """What the tasks of an exchange share: columns of documents, the files of duplicates, the ranking of an order by value."""

    carried: Carried = field(default_factory=Carried)
    duplicates: tuple[StoredFile, ...] = ()
    ranking: Ranking | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SpreadTask(UnitTask):
    """Spread documents of one token shard over the partitions.

    `source` is the place in the recipe of the source that they are of, which goes with them from here on. The tasks share the
    columns that go with them too, of which `columns` is the fingerprint, and the ranking of an order that has one.
    """

    shard: PlacedShard
    source: int
    splits: Splits
    seed: int
    columns: str = ""
    ranking: str = ""
    step = "exchange"

    def identity(self) -> dict[str, object]:
        """Everything that decides where each document goes."""
        order = self.splits.order
        return (
            self.shard.identity(placed=order.placed)
            | {
                "source": self.source,
                "splits": self.splits.identity(self.shard.end_token),
                "seed": self.seed if order.seeded else 0,
                "parted": False,
            }
            | ({"columns": self.columns} if self.columns else {})
        )

    @property
    def label(self) -> str:
        """The first input of the shard."""
        return self.shard.slices[0].uri

    def need(self) -> int:
        """The shard, and a partition of it."""
        return exchange_memory(self.shard.stored.bytes)

    def standing(self, shard: pa.Table, sharing: "Sharing") -> Standing:
        """Where the documents of (a part of) the shard stand."""
        ids, ordinal = self.shard.documents(shard)
        chosen_by = self.shard.choosing(shard, ids)
        documents = sharing.carried.beside(TokenBatch.of_table(shard, document_numbers(ids)), shard)
        return Standing(
            shard=self.shard,
            table=shard,
            documents=documents.with_documents({SOURCE: np.full(len(documents), self.source, np.uint16)}),
            ids=ids,
            ordinal=ordinal,
            place=self.shard.first_token + np.cumsum(documents.length) - documents.length,
            held_out=in_validation(chosen_by, self.splits.share),
            chosen_by=chosen_by,
            splits=self.splits,
            seed=self.seed,
            ranking=sharing.ranking,
            nulls={column.name: column.null for column in sharing.carried.columns},
        )

    def spread(
        self,
        found: Standing,
        sharing: "Sharing",
        copies: Copies | None = None,
        only: Sequence[int] | None = None,
    ) -> Spread:
        """The documents, or copies of them, on their way; just those of some partitions, if told `only` which."""
        documents = found.documents
        if copies is not None:
            documents = documents.take(copies.index).with_copies(copies.copy)
        stored = columns_of(found.table.schema)
        columns = (SOURCE_COLUMN, *document_columns(stored), *sharing.carried.columns, *token_columns(stored))
        key, part = self.splits.order.spread(found, copies)
        if only is not None:
            here = np.flatnonzero(np.isin(part, np.array(only, np.int64)))
            documents, key, part = documents.take(here), key[here], part[here]
        return Spread.of(documents, columns, key, part)

    def made(self, receipt: Receipt) -> Made:
        """The exchange file that a receipt of the task names, with its index."""
        return Made(receipt.file("exchange"), index_of(receipt).train, self.source + 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeTask(SpreadTask):
    """Spread every document of a shard, each once."""

    def work(self, attempt: Attempt, shared: Sharing) -> None:
        """Read, find out where each document goes, write."""
        with open_arrow(attempt.objects, self.shard.stored) as reader:
            with phase("read"):
                shard = reader.read_all()
            with phase("sort"):
                spread = self.spread(self.standing(shard, shared), shared)
            attempt.payload = write_spread(attempt, spread, self.splits.width).tobytes()
        attempt.facts = {"held": 0}


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliverTask(SpreadTask):
    """Spread the documents of a shard as often as its `selection` says. The tasks share the files of duplicates too."""

    selection: Selection

    def identity(self) -> dict[str, object]:
        """The selection too, and the place in the corpus, by which duplicates are known."""
        partitions = [self.splits.train, self.splits.validation]
        return (
            super(DeliverTask, self).identity()
            | self.shard.identity(placed=True)
            | {"selection": [*self.selection.identity(), *partitions]}
        )

    def need(self) -> int:
        """What is known of each copy besides."""
        return exchange_memory(self.shard.stored.bytes, self.selection.most * self.shard.stored.rows)

    def work(self, attempt: Attempt, shared: Sharing) -> None:
        """Read, find out how often each document is taken and where each copy goes, write."""
        first, end = self.shard.first_record, self.shard.end_record
        duplicates = read_duplicates(attempt.objects, shared.duplicates, self.selection.span, first, end)
        with open_arrow(attempt.objects, self.shard.stored) as reader:
            with phase("read"):
                shard = reader.read_all()
            with phase("sort"):
                found = self.standing(shard, shared)
                duplicate = np.isin(found.ordinal, duplicates)
                copies = self.selection.copies(
                    found.chosen_by, found.held_out, duplicate, found.documents.documents
                )
                index, copy = expanded(copies)
                spread = self.spread(found, shared, Copies(selection=self.selection, index=index, copy=copy))
                counts = taken_counts(found.documents.length, found.held_out, duplicate, copies)
            attempt.payload = write_spread(attempt, spread, self.splits.width).tobytes()
        attempt.facts = counts | {"held": 0}


@dataclass(frozen=True, slots=True, kw_only=True)
class PartTask(SpreadTask):
    """Spread every document of a shard, each once, those that are held out into a file of their own.

    That file, of role `held`, stays, and numbers the partitions for validation from 0 on. The receipt has the index of the
    exchange file and then `facts["held"]` entries of that file.
    """

    def identity(self) -> dict[str, object]:
        """That there are two files."""
        return super(PartTask, self).identity() | {"parted": True}

    def work(self, attempt: Attempt, shared: Sharing) -> None:
        """Read, find out where each document goes, write the files."""
        with open_arrow(attempt.objects, self.shard.stored) as reader:
            with phase("read"):
                shard = reader.read_all()
            with phase("sort"):
                spread = self.spread(self.standing(shard, shared), shared)
            index = write_spread(attempt, spread.parts(0, self.splits.train))
            held, apart = spread.parts(self.splits.train, len(self.splits)), np.zeros(0, INDEX)
            if len(held.part):
                apart = write_spread(attempt, held, role="held", folder="held")
        attempt.payload, attempt.facts = index.tobytes() + apart.tobytes(), {"held": len(apart)}

    def rejoin(self, parts: Sequence[int]) -> "RejoinTask":
        """The task that spreads just the documents of some partitions for training."""
        return RejoinTask(
            root=self.root,
            shard=self.shard,
            source=self.source,
            splits=self.splits,
            seed=self.seed,
            columns=self.columns,
            only=tuple(parts),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RejoinTask(SpreadTask):
    """Spread, of a shard, the documents of some partitions for training (`only`); no others are read if that can be told."""

    only: tuple[int, ...]

    def identity(self) -> dict[str, object]:
        """The partitions."""
        return super(RejoinTask, self).identity() | {"parted": True, "only": self.only}

    def work(self, attempt: Attempt, shared: Sharing) -> None:
        """Read, leave out what is not asked for, write."""
        with open_arrow(attempt.objects, self.shard.stored) as reader:
            with phase("read"):
                numbers = self.splits.order.batches(self.shard, self.splits, np.array(self.only, np.int64))
                if numbers is None:
                    shard = reader.read_all()
                else:
                    batches = [reader.get_batch(i) for i in numbers]
                    shard = pa.Table.from_batches(batches, schema=reader.schema)
            with phase("sort"):
                spread = self.spread(self.standing(shard, shared), shared, only=self.only)
            attempt.payload = write_spread(attempt, spread).tobytes()
        attempt.facts = {"held": 0}


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
        return Made(receipt.file("exchange"), np.frombuffer(receipt.payload, INDEX), self.sources)


def regroup_tasks(
    root: str, receipts: Sequence[Receipt], exchanged: Exchanged, splits: Splits, width: int
) -> list[list[RegroupTask]]:
    """For each batch of the exchange files, the tasks that spread it again, of about 512 MB each."""
    hashes, tasks = [receipt.file("exchange").content for receipt in receipts], []
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


def exchange_tasks(job: Job, tokenized: StageRecord, splits: Splits, carried: Carried) -> list[ExchangeTask]:
    """One task a shard of tokens, each told how many records and tokens come before it, and of which source it is."""
    return [ExchangeTask(**about) for about in _shards(job, tokenized, splits, carried)]


def deliver_tasks(
    job: Job, tokenized: StageRecord, splits: Splits, carried: Carried, mixed: Mixed
) -> list[DeliverTask]:
    """Those of a mixture."""
    return [
        DeliverTask(**about, selection=mixed.selections[about["shard"].source])
        for about in _shards(job, tokenized, splits, carried)
    ]


def part_tasks(job: Job, tokenized: StageRecord, splits: Splits, carried: Carried) -> list[PartTask]:
    """Those that keep what is held out apart."""
    return [PartTask(**about) for about in _shards(job, tokenized, splits, carried)]


def _shards(job: Job, tokenized: StageRecord, splits: Splits, carried: Carried) -> Iterator[dict[str, Any]]:
    """What every task is told of its shard."""
    recipe, columns = job.plan.recipe, carried.fingerprint
    for shard in placed_shards(job.objects, tokenized, job.tokenized):
        yield {
            "root": recipe.root,
            "shard": shard,
            "source": recipe.source_number(shard.source),
            "splits": splits,
            "seed": recipe.pack.shuffle.seed,
            "columns": columns,
        }
