"""The task that makes a table of merged counts, of everything or group by group."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import pyarrow as pa

from pairloom.operators.counts import WordCounts
from pairloom.operators.counts.groups import (
    groups_of,
    joined,
    name_of,
    stripped,
)
from pairloom.operators.statistics import Partitions, Statistic, TextStatistic
from pairloom.pipeline.flow.attempt import Attempt, UnitTask
from pairloom.pipeline.identity import fingerprint
from pairloom.pipeline.phases import phase
from pairloom.pipeline.stages.count.files import read_words, words_of
from pairloom.pipeline.stages.statistics.cost import finish_memory
from pairloom.pipeline.store.files import StoredFile, open_arrow
from pairloom.pipeline.store.objects import Objects

__all__ = ["FinishTask", "FirstRows"]

FirstRows: TypeAlias = Mapping[tuple[str, int], int]
"""By URI and start of a slice, the row of its file at which it begins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishTask(UnitTask):
    """Make the table of a statistic of its merged partitions."""

    statistic: Statistic
    partitions: tuple[StoredFile, ...]
    step = "statistics"

    def identity(self) -> object:
        """The merged counts and the statistic."""
        return {
            "counts": fingerprint([file.sha256 for file in self.partitions]),
            "statistic": self.statistic.identity(),
        }

    @property
    def label(self) -> str:
        """The statistic."""
        return self.statistic.title

    def need(self) -> int:
        """The largest partition, several times, and what has been chosen so far; of some statistics all of them."""
        sizes = [file.bytes for file in self.partitions] or [0]
        return finish_memory(sum(sizes) if self.statistic.holds_all else max(sizes))

    def work(self, attempt: Attempt, shared: FirstRows | None) -> None:
        """Read as often as the statistic asks, write."""
        statistic, tells = self.statistic, type(self.statistic).facts is not Statistic.facts
        held: list[pa.RecordBatch] = []
        with attempt.arrow(statistic.title, statistic.table_schema) as writer:
            for batch in self._batches(attempt.objects, shared):
                writer.write(batch)
                held += [batch] if tells else []
            writer.facts.update(statistic.facts(pa.Table.from_batches(held, statistic.table_schema)))

    def _made(self, partitions: Partitions, first: FirstRows | None) -> Iterator[pa.RecordBatch]:
        if isinstance(self.statistic, TextStatistic) and first is not None:
            return self.statistic.finish(partitions, lambda uri, start: first[uri, start])
        return self.statistic.finish(partitions)

    def _batches(self, objects: Objects, first: FirstRows | None) -> Iterator[pa.RecordBatch]:
        if self.statistic.per is not None:
            yield from self._by_group(objects, first)
            return

        def partitions() -> Iterator[WordCounts]:
            for file in self.partitions:
                with phase("read"):
                    counts = read_words(objects, file)
                yield counts

        yield from self._made(partitions, first)

    def _by_group(self, objects: Objects, first: FirstRows | None) -> Iterator[pa.RecordBatch]:
        """The tables of groups, one after another; of each partition what a group has is read, and no more."""
        index: dict[bytes, list[_Place]] = {}
        for number, file in enumerate(self.partitions):
            with phase("read"), open_arrow(objects, file) as reader:
                for batch in range(reader.num_record_batches):
                    words = words_of(reader.get_batch(batch)).words
                    for prefix, start, stop in groups_of(words):
                        index.setdefault(prefix, []).append(_Place(number, batch, start, stop))
        schema = self.statistic.table_schema
        for prefix in sorted(index):

            def partitions(prefix: bytes = prefix) -> Iterator[WordCounts]:
                places = index[prefix]
                for number, file in enumerate(self.partitions):
                    here = [place for place in places if place.file == number]
                    with phase("read"):
                        counts = _read(objects, file, here, prefix)
                    yield counts

            for batch in self._made(partitions, first):
                names = pa.repeat(pa.scalar(name_of(prefix), pa.string()), batch.num_rows)
                yield pa.RecordBatch.from_arrays([names, *batch.columns], schema=schema)


class _Place(NamedTuple):
    """Keys of a group: those of a record batch of a file from one up to another."""

    file: int
    batch: int
    start: int
    stop: int


def _read(objects: Objects, file: StoredFile, places: list[_Place], prefix: bytes) -> WordCounts:
    """What a partition has of a group."""
    if not places:
        return joined(())
    with open_arrow(objects, file) as reader:
        return joined(
            stripped(words_of(reader.get_batch(one.batch)), prefix, one.start, one.stop) for one in places
        )
