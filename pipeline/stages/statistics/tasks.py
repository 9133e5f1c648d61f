"""What is done for the statistics of a recipe: the counts of every unit, merged by partition, and the tables made of them.

token shard ── MeasureTask ────┬──▶ counts in partitions ── combine, merge (as words) ──▶ merged partitions ── FinishTask ──▶ table
unit ── MeasureTextTask ───────┘          ▲                                                      │
                                          └── recount, where what is rare was left out ──────────┘
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from pairloom.operators.statistics import Statistic, TextStatistic
from pairloom.pipeline.flow.job import Job
from pairloom.pipeline.hub.repository import Repositories
from pairloom.pipeline.inputs.listing import list_source
from pairloom.pipeline.inputs.units import Unit, plan_units
from pairloom.pipeline.stages.agreement import check_measured, check_read_again
from pairloom.pipeline.stages.count.tasks import merged
from pairloom.pipeline.stages.statistics.counting import (
    STEP,
    Candidates,
    MeasureTask,
    MeasureTextTask,
    again_of,
    text_unit,
)
from pairloom.pipeline.stages.statistics.finishing import FinishTask, FirstRows
from pairloom.pipeline.stages.tokenize.shards import placed_shards
from pairloom.pipeline.store.files import StoredFile
from pairloom.pipeline.store.manifest import StageRecord
from pairloom.pipeline.store.receipts import Ledger, Receipt, committed_receipts

__all__ = ["measure"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """Tasks that count for some statistics at once, and what steps of theirs are called."""

    name: str
    statistics: tuple[Statistic, ...]
    tasks: tuple[MeasureTask | MeasureTextTask, ...]
    sizes: tuple[int, ...]

    def again(self, candidates: Candidates) -> "_Asked":
        """The same, to count candidates once more."""
        again, found = again_of(candidates)
        return replace(self, tasks=tuple(replace(task, again=again, found=found) for task in self.tasks))


def measure(job: Job) -> StageRecord:
    """The table of every statistic of the recipe; what has not changed is not counted again."""
    counted: list[Receipt] = []
    tables: dict[str, StoredFile] = {}
    units: list[str] = []
    asked = job.plan.recipe.tables
    for one in _asked(job, asked):
        measured, finished = _tables(job, one)
        counted += measured
        units += [receipt.unit for receipt in (*measured, *finished)]
        tables |= {file.role: file for receipt in finished for file in receipt.files}
    files = tuple(tables[statistic.title] for statistic in asked)
    return StageRecord(
        key=job.plan.keys[STEP],
        units=tuple(dict.fromkeys(units)),
        files=files,
        ledger=Ledger.sum({receipt.unit: receipt.ledger for receipt in counted}.values()),
        facts={file.role: file.rows for file in files},
    )


def _asked(job: Job, statistics: Sequence[Statistic]) -> Iterable[_Asked]:
    """What is counted: of tokens for each statistic, of texts for those together that are counted in as many passes."""
    root, parts = job.plan.recipe.root, job.plan.partitions
    tokens = [one for one in statistics if not isinstance(one, TextStatistic)]
    shards = list(placed_shards(job.objects, job.records["tokenize"], job.tokenized)) if tokens else []
    for statistic in tokens:
        tasks = [
            MeasureTask(
                root=root,
                shard=shard.stored,
                input=shard.slices[0].uri,
                source=shard.source,
                statistic=statistic,
                parts=parts,
            )
            for shard in shards
        ]
        sizes = [shard.stored.bytes for shard in shards]
        yield _Asked(name=statistic.title, statistics=(statistic,), tasks=tuple(tasks), sizes=tuple(sizes))
    texts = [one for one in statistics if isinstance(one, TextStatistic)]
    for name, some in (
        ("text", tuple(one for one in texts if not one.share)),
        ("text twice", tuple(one for one in texts if one.share)),
    ):
        if some:
            units = [text_unit(unit, some) for unit in _units(job)]
            texts_of = [
                MeasureTextTask(
                    root=root,
                    input=unit,
                    statistics=some,
                    parts=parts,
                    max_record_bytes=job.plan.recipe.max_record_bytes,
                )
                for unit in units
            ]
            yield _Asked(
                name=name,
                statistics=some,
                tasks=tuple(texts_of),
                sizes=tuple(unit.bytes for unit in units),
            )


def _units(job: Job) -> Sequence[Unit]:
    """The units of the plan; a repair, which plans none, cuts the corpus as the run did."""
    if job.plan.units:
        return job.plan.units
    recipe, hub = job.plan.recipe, Repositories(job.plan.revisions)
    return [
        unit
        for source in recipe.corpus
        for unit in plan_units(
            source, list_source(source, recipe.root, hub).files, recipe.execution.unit_bytes, hub
        )
    ]


def _tables(job: Job, asked: _Asked) -> tuple[list[Receipt], list[Receipt]]:
    """The counts of every unit, and the tables."""
    measured = _counted(job, f"measure {asked.name}", asked)
    made = {one.title: _merged(job, one.title, one.title, measured) for one in asked.statistics}
    if asked.statistics[0].share:
        again = asked.again(made)
        recounted = _counted(job, f"recount {asked.name}", again, made)
        made = {
            one.title: _merged(job, f"{one.title}_again", one.title, recounted) for one in asked.statistics
        }
        measured = [*measured, *recounted]
    first = _first_rows(asked.tasks, measured)
    finished = []
    for statistic in asked.statistics:
        partitions = made[statistic.title]
        finish = FinishTask(root=job.plan.recipe.root, statistic=statistic, partitions=partitions)
        size = sum(file.bytes for file in partitions)
        finished += job.step(f"finish {statistic.title}", [finish], sizes=[size], shared=first)
    return measured, finished


def _first_rows(
    tasks: Sequence[MeasureTask | MeasureTextTask], measured: Sequence[Receipt]
) -> FirstRows | None:
    """Where each slice of texts begins in its file, if a statistic asks for that: as documents without ids are named."""
    first: dict[tuple[str, int], int] = {}
    rows: dict[str, int] = {}
    for task, receipt in zip(tasks, measured, strict=False):
        if not isinstance(task, MeasureTextTask) or not any(one.reads_ids for one in task.statistics):
            return None
        for piece, (uri, count) in zip(task.input.slices, receipt.slices, strict=True):
            first.setdefault((uri, piece.start), rows.get(uri, 0))
            rows[uri] = rows.get(uri, 0) + count
    return first


def _counted(
    job: Job, step: str, asked: _Asked, shared: Mapping[str, tuple[StoredFile, ...]] | None = None
) -> list[Receipt]:
    """The receipts of all units, which agree with what was tokenized."""
    measured = job.step(step, asked.tasks, shared=shared, sizes=asked.sizes)
    if isinstance(asked.statistics[0], TextStatistic):
        tokenized = list(
            committed_receipts(job.objects, "tokenize", job.records["tokenize"].units, job.tokenized)
        )
        check_read_again(tokenized, measured)
    else:
        shards = placed_shards(job.objects, job.records["tokenize"], job.tokenized)
        check_measured([shard.stored for shard in shards], measured)
    return measured


def _merged(job: Job, name: str, role: str, measured: Sequence[Receipt]) -> tuple[StoredFile, ...]:
    """The merged partitions of a table."""
    files = [receipt.file(role) for receipt in measured]
    made = merged(job, name, files, [1] * len(files))
    job.scratch += made
    return tuple(receipt.file(name) for receipt in made)
