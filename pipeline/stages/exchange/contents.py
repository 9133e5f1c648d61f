"""What each partition is made of, and the exchange files that have it.

    `spread_all`     every shard is exchanged: with an order in which any document may be in any partition, and with
                     mixtures, in which any change may change how often every document is taken
    `known_contents` with any other order: shards that the last generation has are known by their `index`, the
                     others are exchanged. Of the shards that are known, only what partitions that have changed need is
                     exchanged once more (`documents_of`)

Exchange files are scratch. What they hold of a partition adds up to what pack asked for, or the run fails.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pairloom.pipeline.flow.job import Job
from pairloom.pipeline.stages.agreement import check_delivered, check_exchanged, check_indexed
from pairloom.pipeline.stages.exchange.files import Exchanged, Made
from pairloom.pipeline.stages.exchange.index import ShardIndex, earlier_indexes, index_of, write_index
from pairloom.pipeline.stages.exchange.partitions import Splits
from pairloom.pipeline.stages.exchange.ranking import ranked
from pairloom.pipeline.stages.exchange.tasks import (
    PartTask,
    Sharing,
    SpreadTask,
    deliver_tasks,
    exchange_tasks,
    part_tasks,
    regroup_tasks,
)
from pairloom.pipeline.stages.select.mixed import Mixed
from pairloom.pipeline.stages.tokenize.carried import Carried
from pairloom.pipeline.store.files import StoredFile, parts_of
from pairloom.pipeline.store.manifest import SourceRecord, StageRecord
from pairloom.pipeline.store.receipts import Receipt

__all__ = ["KnownContents", "known_contents", "spread_all"]


def spread_all(
    job: Job, tokenized: StageRecord, splits: Splits, carried: Carried, width: int, mixed: Mixed | None
) -> tuple[tuple[Exchanged, ...], tuple[SourceRecord, ...]]:
    """Spread every shard over the partitions, in two steps if they are very many; and what became of each source.

    `width` is that of a token, in bytes.
    """
    sizes = [file.bytes for file in tokenized.files]
    tasks: Sequence[SpreadTask]
    sources: tuple[SourceRecord, ...] = ()
    if mixed is None:
        sharing = Sharing(carried=carried)
        tasks, sharing = ranked(job, exchange_tasks(job, tokenized, splits, carried), sharing)
        receipts = job.step("exchange", tasks, sizes=sizes, shared=sharing)
        check_exchanged(tokenized, receipts)
    else:
        sharing = Sharing(carried=carried, duplicates=mixed.duplicates)
        tasks, sharing = ranked(job, deliver_tasks(job, tokenized, splits, carried, mixed), sharing)
        receipts = job.step("exchange", tasks, sizes=sizes, shared=sharing)
        sources = mixed.delivered([task.shard.source for task in tasks], receipts)
        check_delivered(mixed.sources, sources, tokenized.files, receipts)
    job.scratch += receipts
    made = [task.made(receipt) for task, receipt in zip(tasks, receipts, strict=True)]
    exchanged = Exchanged.of(made, -(-len(splits) // splits.width))
    if splits.width == 1:
        return (exchanged,), sources
    again = regroup_tasks(job.plan.recipe.root, receipts, exchanged, splits, width)
    flat = [task for tasks in again for task in tasks]
    receipts = job.step("regroup", flat, shared=exchanged, sizes=[task.bytes for task in flat])
    job.scratch += receipts
    found = iter([task.made(receipt) for task, receipt in zip(flat, receipts, strict=True)])
    return tuple(Exchanged.of([next(found) for _ in tasks], splits.width) for tasks in again), sources


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class KnownContents:
    """What every shard has for every partition, and the exchange files of those shards that were exchanged whole.

    `train` and `validation` have the sums of all partitions; no documents can be read of them.
    """

    splits: Splits
    carried: Carried
    tasks: tuple[PartTask, ...]
    shards: tuple[ShardIndex, ...]
    whole: Mapping[str, Receipt]  # by unit
    train: Exchanged
    validation: Exchanged

    def total(self, part: int) -> tuple[int, int, str]:
        """Documents and tokens of a partition, and the sum of what they are."""
        group, batch = self.place(part)
        return (self.train, self.validation)[group].total(batch)

    def sources(self, part: int) -> int:
        """How many of the recipe's sources there are up to the last that has documents in a partition."""
        group, batch = self.place(part)
        return (self.train, self.validation)[group].sources_of(batch)

    def place(self, part: int) -> tuple[int, int]:
        """Where `documents_of` has a partition: in which group of exchange files, in which batch."""
        return int(part >= self.splits.train), self.splits.number(part)

    def documents_of(self, job: Job, parts: Sequence[int], width: int) -> tuple[Exchanged, Exchanged]:
        """The exchange files that have the documents of some partitions, for training and held out.

        `width` is that of a token, in bytes.
        """
        wanted = np.zeros(len(self.splits), np.bool_)
        wanted[list(parts)] = True
        tasks, sizes, made = [], [], []
        for task, shard in zip(self.tasks, self.shards, strict=True):
            here = wanted[shard.train["batch"]]
            if shard.unit in self.whole:
                made.append(task.made(self.whole[shard.unit]))
            elif here.any():
                tasks.append(task.rejoin(shard.train["batch"][here].tolist()))
                sizes.append(width * int(shard.train["tokens"][here].sum()))
        receipts = (
            job.step("rejoin", tasks, sizes=sizes, shared=Sharing(carried=self.carried)) if tasks else []
        )
        job.scratch += receipts
        made += [task.made(receipt) for task, receipt in zip(tasks, receipts, strict=True)]
        held = [
            Made(shard.held_file, shard.held, task.source + 1)
            for task, shard in zip(self.tasks, self.shards, strict=True)
            if shard.held_file is not None
        ]
        for shard in self.shards:
            if shard.held_file is not None:
                parts_of(job.objects, shard.held_file)  # tasks compare only what has sums
        return Exchanged.of(made, self.splits.train), Exchanged.of(held, self.splits.validation)

    def record(self, job: Job) -> dict[str, object]:
        """What the record of the stage keeps for the next generation."""
        last = job.last and job.last.stages.get("pack")
        held = tuple(shard.held_file for shard in self.shards if shard.held_file is not None)
        index: StoredFile | None = last.index if last and not self.whole and last.held == held else None
        if index is None or index.rows != len(self.shards):
            index = write_index(job.objects, job.plan.keys["pack"][:32], self.shards)
        return {"index": index, "held": held}


def known_contents(job: Job, tokenized: StageRecord, splits: Splits, carried: Carried) -> KnownContents:
    """What each partition is made of, by the index of the last generation and by exchanging the shards that it has not."""
    tasks = part_tasks(job, tokenized, splits, carried)
    earlier = earlier_indexes(job.objects, None if job.last is None else job.last.stages.get("pack"))
    units = [task.unit for task in tasks]
    fresh = [i for i, unit in enumerate(units) if unit not in earlier]
    receipts = job.step(
        "exchange",
        [tasks[i] for i in fresh],
        sizes=[tokenized.files[i].bytes for i in fresh],
        shared=Sharing(carried=carried),
    )
    # What is held out stays; the rest of an exchange file is scratch.
    job.scratch += [r.model_copy(update={"files": (r.file("exchange"),)}) for r in receipts]
    whole = dict(zip((units[i] for i in fresh), receipts, strict=True))
    shards = tuple(index_of(whole[unit]) if unit in whole else earlier[unit] for unit in units)
    check_indexed(tokenized, [(shard.unit, shard.rows, shard.tokens) for shard in shards])
    sources = [task.source + 1 for task in tasks]
    return KnownContents(
        splits=splits,
        carried=carried,
        tasks=tuple(tasks),
        shards=shards,
        whole=whole,
        train=Exchanged.of(
            [Made(None, s.train, n) for s, n in zip(shards, sources, strict=True)], splits.train
        ),
        validation=Exchanged.of(
            [Made(None, s.held, n) for s, n in zip(shards, sources, strict=True)], splits.validation
        ),
    )
