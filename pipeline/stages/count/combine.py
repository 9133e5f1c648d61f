"""combine: the word counts of neighbouring units become one file, where merging would ask for too many small pieces.

    units' counts ── combine, a group of files a task ──▶ fewer files ── merge, a partition a task ──▶ merged partitions

Every merge task reads one record batch of every file, so that files times partitions are asked for one by one: 30 million
for a terabyte in units of 128 MB. Each combine task reads some files from start to end, partition after partition, and
writes one with the same partitions. Counts are sums, so the merged partitions have the same bytes either way. Only files
that count alike (sources have weights) are combined, and weights are left to the merge.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from pairloom.operators import WordCounts, merge_counts
from pairloom.pipeline.flow.attempt import Attempt, UnitTask
from pairloom.pipeline.flow.job import Job
from pairloom.pipeline.notes import note
from pairloom.pipeline.phases import phase
from pairloom.pipeline.stages.count.cost import COMBINE_BYTES, COMBINE_FILES, COMBINE_FROM, combine_memory
from pairloom.pipeline.stages.count.files import WORDS, word_batch, words_of
from pairloom.pipeline.store.files import StoredBatches, StoredFile, open_arrow

__all__ = ["CombineTask", "combine", "grouped"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CombineTask(UnitTask):
    """Add up files of word counts, partition by partition."""

    role: str
    parts: int
    files: tuple[StoredFile, ...]
    step = "combine"

    def identity(self) -> object:
        """Everything that decides the bytes."""
        files = [file.sha256 for file in self.files]
        return {"role": self.role, "parts": self.parts, "files": files}

    @property
    def label(self) -> str:
        """The first file."""
        return f"{self.role} of {len(self.files)} units, {self.files[0].path}"

    @property
    def bytes(self) -> int:
        """Stored bytes of its files."""
        return sum(file.bytes for file in self.files)

    def need(self) -> int:
        """The files, as they are read ahead, and a partition of them, twice."""
        return combine_memory(self.bytes, self.parts)

    def work(self, attempt: Attempt, shared: Any) -> None:
        """Read side by side, merge, write."""
        with ExitStack() as opened:
            readers = [opened.enter_context(open_arrow(attempt.objects, file)) for file in self.files]
            with attempt.arrow(self.role, WORDS) as writer:
                words = pretokens = 0
                for part in range(self.parts):
                    note(part, self.parts)
                    with phase("sort"):
                        counts = merge_counts(_parts(readers, part))
                    words, pretokens = words + len(counts), pretokens + counts.total
                    writer.write(word_batch(counts))
                writer.facts.update(words=words, pretokens=pretokens)


def combine(
    job: Job, role: str, files: Sequence[StoredFile], factors: Sequence[int], *, step: str
) -> tuple[list[StoredFile], list[int]]:
    """The files that merging reads, and how often each counts: as they are, or fewer; those that count 0 are left out."""
    parts = job.plan.partitions
    counted = [(file, factor) for file, factor in zip(files, factors, strict=True) if factor]
    if len(counted) * parts <= COMBINE_FROM:
        return list(files), list(factors)
    groups = list(grouped(counted))
    tasks = {
        number: CombineTask(root=job.plan.recipe.root, role=role, parts=parts, files=group)
        for number, (group, _) in enumerate(groups)
        if len(group) > 1
    }
    receipts = job.step(step, list(tasks.values()), sizes=[task.bytes for task in tasks.values()])
    job.scratch += receipts
    made = {number: receipt.file(role) for number, receipt in zip(tasks, receipts, strict=True)}
    return [made.get(number, group[0]) for number, (group, _) in enumerate(groups)], [f for _, f in groups]


def grouped(counted: Sequence[tuple[StoredFile, int]]) -> Iterator[tuple[tuple[StoredFile, ...], int]]:
    """Neighbours with one factor, as many as fit a task, and that factor."""
    for factor, alike in groupby(counted, key=lambda one: one[1]):
        group: list[StoredFile] = []
        size = 0
        for file, _ in alike:
            if group and (size + file.bytes > COMBINE_BYTES or len(group) == COMBINE_FILES):
                yield tuple(group), factor
                group, size = [], 0
            group.append(file)
            size += file.bytes
        yield tuple(group), factor


def _parts(readers: Sequence[StoredBatches], part: int) -> Iterator[WordCounts]:
    for reader in readers:
        with phase("read"):
            batch = reader.get_batch(part)
        yield words_of(batch)
