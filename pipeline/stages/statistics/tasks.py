"""The tasks of a statistic: the counts of every shard, merged by partition, and the table that is made of them.

token shard ── MeasureTask ──▶ counts in partitions ── combine, merge (as words) ──▶ merged partitions ── FinishTask ──▶ table
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pairloom.operators.counts import KeyCounter, WordCounts
from pairloom.operators.statistics import Statistic
from pairloom.operators.tokens import TokenBatch
from pairloom.pipeline.flow.attempt import Attempt, UnitTask
from pairloom.pipeline.flow.job import Job
from pairloom.pipeline.identity import fingerprint
from pairloom.pipeline.notes import note
from pairloom.pipeline.phases import phase
from pairloom.pipeline.stages.agreement import check_measured
from pairloom.pipeline.stages.count.files import WORDS, read_words, word_batch
from pairloom.pipeline.stages.count.tasks import merged
from pairloom.pipeline.stages.statistics.cost import finish_memory, measure_memory
from pairloom.pipeline.stages.tokenize.shards import placed_shards
from pairloom.pipeline.store.files import StoredFile, open_arrow
from pairloom.pipeline.store.manifest import StageRecord
from pairloom.pipeline.store.receipts import Ledger, Receipt

__all__ = ["FinishTask", "MeasureTask", "measure"]

STEP = "statistics"


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasureTask(UnitTask):
    """Count the keys of one token shard into `parts` partitions."""

    shard: StoredFile
    input: str
    statistic: Statistic
    parts: int
    step = STEP

    def identity(self) -> object:
        """The shard's bytes and the statistic: an unchanged shard is not counted again."""
        return {"shard": self.shard.sha256, "statistic": self.statistic.identity(), "parts": self.parts}

    @property
    def label(self) -> str:
        """The statistic, and the first input of the shard."""
        return f"{self.statistic.name} of {self.input}"

    def need(self) -> int:
        """A batch of tokens, and a table in which most keys may be distinct."""
        return measure_memory(self.shard.facts["tokens"])

    def work(self, attempt: Attempt, shared: Any) -> None:
        """Read, count, partition, write."""
        counter = KeyCounter()
        documents = tokens = 0
        with open_arrow(attempt.objects, self.shard) as reader:
            for number in range(reader.num_record_batches):
                note(number, reader.num_record_batches)
                with phase("read"):
                    batch = TokenBatch.of_table(reader.get_batch(number))
                with phase("count"):
                    self.statistic.add(batch, counter)
                documents, tokens = documents + len(batch), tokens + batch.tokens
        with phase("count"):
            counts = counter.finish()
        with attempt.arrow(self.statistic.name, WORDS) as writer:
            for part in counts.partition(self.parts):
                writer.write(word_batch(part))
            writer.facts.update(words=len(counts), pretokens=counts.total)
        attempt.ledger = Ledger(documents_in=documents, documents_out=documents, tokens=tokens)


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishTask(UnitTask):
    """Make the table of a statistic of its merged partitions."""

    statistic: Statistic
    partitions: tuple[StoredFile, ...]
    step = STEP

    def identity(self) -> object:
        """The merged counts and the statistic."""
        return {
            "counts": fingerprint([file.sha256 for file in self.partitions]),
            "statistic": self.statistic.identity(),
        }

    @property
    def label(self) -> str:
        """The statistic."""
        return self.statistic.name

    def need(self) -> int:
        """The largest partition, several times, and what has been chosen so far."""
        return finish_memory(max((file.bytes for file in self.partitions), default=0))

    def work(self, attempt: Attempt, shared: Any) -> None:
        """Read as often as the statistic asks, write."""

        def partitions() -> Iterator[WordCounts]:
            for file in self.partitions:
                with phase("read"):
                    counts = read_words(attempt.objects, file)
                yield counts

        with attempt.arrow(self.statistic.name, self.statistic.schema) as writer:
            for batch in self.statistic.finish(partitions):
                writer.write(batch)


def measure(job: Job) -> StageRecord:
    """The table of every statistic of the recipe; shards that have not changed are not counted again."""
    counted: list[Receipt] = []
    tables: list[StoredFile] = []
    units: list[str] = []
    for statistic in job.plan.recipe.statistics:
        measured, finished = _table(job, statistic)
        counted += measured
        units += [receipt.unit for receipt in (*measured, finished)]
        tables.append(finished.file(statistic.name))
    return StageRecord(
        key=job.plan.keys[STEP],
        units=tuple(units),
        files=tuple(tables),
        ledger=Ledger.sum(receipt.ledger for receipt in counted),
        facts={file.role: file.rows for file in tables},
    )


def _table(job: Job, statistic: Statistic) -> tuple[list[Receipt], Receipt]:
    """The counts of every shard, and the table."""
    root, name, parts = job.plan.recipe.root, statistic.name, job.plan.partitions
    shards = list(placed_shards(job.objects, job.records["tokenize"], job.tokenized))
    tasks = [
        MeasureTask(
            root=root, shard=shard.stored, input=shard.slices[0].uri, statistic=statistic, parts=parts
        )
        for shard in shards
    ]
    measured = job.step(f"measure {name}", tasks, sizes=[shard.stored.bytes for shard in shards])
    check_measured([shard.stored for shard in shards], measured)
    files = [receipt.file(name) for receipt in measured]
    made = merged(job, name, files, [1] * len(files))
    job.scratch += made
    finish = FinishTask(
        root=root, statistic=statistic, partitions=tuple(receipt.file(name) for receipt in made)
    )
    (finished,) = job.step(f"finish {name}", [finish], sizes=[sum(file.bytes for file in files)])
    return measured, finished
