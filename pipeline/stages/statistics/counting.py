"""The tasks that count: the keys of a token shard, or of the texts of a unit, for one statistic or for several.

token shard ── MeasureTask ──┐
                             ├──▶ counts in partitions, a file for each statistic
unit ── MeasureTextTask ─────┘
With the merged counts of a first pass, in which each left out what is rare there, they count what is left once more.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from pairloom.operators.counts import WordCounts
from pairloom.operators.counts.groups import Counters
from pairloom.operators.counts.sifting import among
from pairloom.operators.documents import DocumentBatch, DocumentStep
from pairloom.operators.statistics import Statistic, TextStatistic
from pairloom.operators.tokens import TokenBatch
from pairloom.pipeline.flow.attempt import Attempt, UnitTask
from pairloom.pipeline.identity import fingerprint
from pairloom.pipeline.inputs.intake import Intake, slice_identity
from pairloom.pipeline.inputs.units import Unit
from pairloom.pipeline.notes import note
from pairloom.pipeline.phases import phase
from pairloom.pipeline.stages.count.files import WORDS, read_words, word_batch
from pairloom.pipeline.stages.statistics.cost import measure_memory, text_memory
from pairloom.pipeline.store.files import StoredFile, open_arrow
from pairloom.pipeline.store.receipts import Ledger

__all__ = ["SOURCE", "STEP", "Candidates", "MeasureTask", "MeasureTextTask", "again_of", "text_unit"]

STEP = "statistics"
SOURCE = "source"
"""What `per` calls the sources of the recipe."""

Candidates = Mapping[str, tuple[StoredFile, ...]]
"""By table, the merged partitions of a first pass: what is counted again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasureTask(UnitTask):
    """Count the keys of one token shard of a source into `parts` partitions; `again` is the fingerprint of candidates."""

    shard: StoredFile
    input: str
    source: str
    statistic: Statistic
    parts: int
    again: str = ""
    found: int = 0
    step = STEP

    def identity(self) -> object:
        """The shard's bytes and the statistic: an unchanged shard is not counted again."""
        identity = {
            "shard": self.shard.sha256,
            "statistic": self.statistic.identity(),
            "parts": self.parts,
        }
        if self.statistic.per == SOURCE:
            identity["source"] = self.source
        return identity | ({"again": self.again} if self.again else {})

    @property
    def label(self) -> str:
        """The statistic, and the first input of the shard."""
        return f"{self.statistic.title} of {self.input}"

    def need(self) -> int:
        """A batch of tokens, a table in which most keys may be distinct, and candidates."""
        return measure_memory(self.shard.facts["tokens"]) + 4 * self.found // self.parts

    def work(self, attempt: Attempt, shared: Candidates | None) -> None:
        """Read, count, partition, write."""
        counters = self.statistic.counters()
        documents = tokens = 0
        with open_arrow(attempt.objects, self.shard) as reader:
            for number in range(reader.num_record_batches):
                note(number, reader.num_record_batches)
                with phase("read"):
                    stored = reader.get_batch(number)
                    batch = TokenBatch.of_table(stored)
                with phase("count"):
                    names = _names(self.statistic, self.source, len(batch), stored)
                    for part, counter in counters.parts(batch, names):
                        self.statistic.add(part, counter)
                documents, tokens = documents + len(batch), tokens + batch.tokens
        _write(attempt, self.statistic, counters, self.parts, shared)
        attempt.ledger = Ledger(documents_in=documents, documents_out=documents, tokens=tokens)


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasureTextTask(UnitTask):
    """Count the keys of the texts of one unit into `parts` partitions, for all of some statistics; see `MeasureTask`."""

    input: Unit
    statistics: tuple[TextStatistic, ...]
    parts: int
    max_record_bytes: int
    again: str = ""
    found: int = 0
    step = STEP

    def identity(self) -> object:
        """How the texts are read and the statistics: an unchanged unit is not read again."""
        ids = any(one.reads_ids for one in self.statistics)
        identity: dict[str, object] = {
            "slices": [slice_identity(piece) for piece in self.input.slices],
            **self.input.identity(id=ids),
            "extra": list(self.input.fields.extra),
            "statistics": [one.identity() for one in self.statistics],
            "parts": self.parts,
        }
        if ids or any(one.per == SOURCE for one in self.statistics):
            identity["source"] = self.input.source
        return identity | ({"again": self.again} if self.again else {})

    @property
    def label(self) -> str:
        """The first input of the unit."""
        return self.input.slices[0].file.uri

    def need(self) -> int:
        """A table for each statistic, in which most keys may be distinct, a few batches of text, lists and candidates."""
        memory = text_memory(self.input.bytes, len(self.statistics))
        return memory + self.input.list_memory + 4 * self.found // self.parts

    def work(self, attempt: Attempt, shared: Candidates | None) -> None:
        """Read, count, partition, write."""
        counted = [one.counters() for one in self.statistics]

        watching = [one for one in self.statistics if type(one).watch is not TextStatistic.watch]

        def watch(step: DocumentStep, batch: DocumentBatch) -> None:
            start = self.input.slices[batch.slice].start
            for one in watching:
                counters = counted[self.statistics.index(one)]
                names = _names(one, self.input.source, len(batch), batch)
                for part, counter in counters.parts(batch, names):
                    one.watch(step, part, start, counter)

        intake = Intake(self.input, self.max_record_bytes, watch=watch if watching else None)
        for batch in intake.documents():
            if batch.given:  # tokens, and no text
                continue
            with phase("count"):
                for counters, one in zip(counted, self.statistics, strict=True):
                    names = _names(one, self.input.source, len(batch), batch)
                    for part, counter in counters.parts(batch, names):
                        one.add_text(part, counter)
        for one in self.statistics:
            _write(attempt, one, counted.pop(0), self.parts, shared)
        attempt.ledger, attempt.slices, attempt.read = intake.ledger(), intake.slices(), tuple(intake.read)


def text_unit(unit: Unit, statistics: Sequence[TextStatistic]) -> Unit:
    """A unit with what statistics read of its records, and nothing else beside the text."""
    columns = {one.name for one in unit.fields.attributes}
    wanted = [name for one in statistics for name in one.needs]
    groups = {one.per for one in statistics}
    return (unit if columns & {*wanted, *groups} else unit.bare()).also(*wanted)


def again_of(candidates: Candidates) -> tuple[str, int]:
    """The fingerprint of candidates, and how many bytes they have."""
    files = [file for some in candidates.values() for file in some]
    return fingerprint([file.sha256 for file in files]), sum(file.bytes for file in files)


def _names(
    statistic: Statistic, source: str, many: int, batch: pa.RecordBatch | DocumentBatch
) -> pa.Array | None:
    """The group of each document, where there are any."""
    if statistic.per is None:
        return None
    if statistic.per == SOURCE:
        return pa.repeat(pa.scalar(source, pa.string()), many)
    found: Any
    if isinstance(batch, DocumentBatch):
        found = batch.columns.get(statistic.per)
    else:
        found = batch.column(statistic.per) if statistic.per in batch.schema.names else None
    return pa.nulls(many, pa.large_string()) if found is None else found


def _write(
    attempt: Attempt, statistic: Statistic, counters: Counters, parts: int, shared: Candidates | None
) -> None:
    """Write what was counted, partition by partition: without what is rare, or only what is among candidates."""
    title = statistic.title
    candidates = None if shared is None else shared[title]
    with phase("count"):
        counts = counters.finish(sifted=candidates is None)
    written = total = 0
    with attempt.arrow(title, WORDS) as writer:
        for part in _parts(attempt, counts, parts, candidates):
            writer.write(word_batch(part))
            written, total = written + len(part), total + part.total
        writer.facts.update(words=written, pretokens=total)


def _parts(
    attempt: Attempt, counts: WordCounts, parts: int, candidates: Sequence[StoredFile] | None
) -> Iterator[WordCounts]:
    for number, part in enumerate(counts.partition(parts)):
        yield part if candidates is None else among(part, read_words(attempt.objects, candidates[number]))
