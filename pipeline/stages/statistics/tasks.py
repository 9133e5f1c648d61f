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
from pairloom.pipeline.identity import fingerprint
from pairloom.pipeline.phases import phase
from pairloom.pipeline.stages.count.files import WORDS, read_words, word_batch
from pairloom.pipeline.store.files import StoredFile, open_arrow
from pairloom.pipeline.store.receipts import Ledger

__all__ = ["FinishTask", "MeasureTask"]

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
        return 400_000_000 + 64 * self.shard.facts["tokens"]

    def work(self, attempt: Attempt, shared: Any) -> None:
        """Read, count, partition, write."""
        counter = KeyCounter()
        documents = tokens = 0
        with open_arrow(attempt.objects, self.shard) as reader:
            for number in range(reader.num_record_batches):
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
        return 600_000_000 + 8 * max((file.bytes for file in self.partitions), default=0)

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
