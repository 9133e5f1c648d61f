"""The job of a repair: steps of a run in which nothing is done but what is lost, and nothing is trusted but checksums.

    task ── attempt, under names of its own ──▶ files ═══ checksums of the receipt or the manifest ──▶ put in place
                                                  └── other bytes: not put anywhere, said

A stage runs as it does in any run. A unit that the generation holds whole has its receipt; one that has lost something is done
again, and what comes of it takes the places of the lost files. What steps need besides, as exchange files, is made, used and
deleted. So a repair may be killed at any moment, and any number of repairs may run at once.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pairloom.operators.errors import CorruptionError, PairloomError, PreemptedError
from pairloom.pipeline.execution.base import Done, Task
from pairloom.pipeline.flow.attempt import UnitTask
from pairloom.pipeline.flow.events import StepFinished, StepStarted, UnitDone, hearing
from pairloom.pipeline.flow.job import Job
from pairloom.pipeline.repair.damage import Damage
from pairloom.pipeline.stages import STAGES, stage
from pairloom.pipeline.store.aside import compared, set_aside
from pairloom.pipeline.store.files import StoredFile, attempt_path
from pairloom.pipeline.store.manifest import Manifest
from pairloom.pipeline.store.objects import Objects
from pairloom.pipeline.store.receipts import Ledger, Receipt, find_receipt, publish, receipt_path

__all__ = ["RepairJob"]

COPIED = 8 << 20  # bytes at a time


@dataclass(frozen=True, slots=True, kw_only=True)
class Again:
    """A task that is done again, whatever became of it before; its result is an attempt that nobody has claimed."""

    task: UnitTask

    @property
    def step(self) -> str:
        """That of the task."""
        return self.task.step

    @property
    def unit(self) -> str:
        """That of the task."""
        return self.task.unit

    @property
    def label(self) -> str:
        """That of the task."""
        return self.task.label

    def need(self) -> int:
        """That of the task."""
        return self.task.need()

    def run(self, shared: Any) -> Receipt:
        """Do the work."""
        return self.task.attempt(shared)


@dataclass(slots=True, kw_only=True)
class RepairJob(Job):
    """A job that makes again what a generation has lost.

    `inputs` are, of the stage that is run, the units of the generation whose inputs the plan has, in its order: an input may
    have another version by now, and checksums decide whether it is what it was. `failed` says of units why they could not
    be made; `fresh` are files that are in no place.
    """

    manifest: Manifest
    damage: Damage
    inputs: Mapping[str, Sequence[str]] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    made: set[str] = field(default_factory=set)
    fresh: set[str] = field(default_factory=set)

    def receipts(self, units: Sequence[tuple[str, str]]) -> list[Receipt | None]:
        """The receipts of units that hold, with all that their files are."""
        return [self._held(step, unit) for step, unit in units]

    def step(
        self,
        step: str,
        tasks: Sequence[Task],
        *,
        sizes: Sequence[int],
        shared: Any = None,
        known: Mapping[str, Receipt] | None = None,
        rejects_as_asked: bool = False,
    ) -> list[Receipt]:
        """Run the tasks whose units have lost something; the receipts of all, in the order of the tasks."""
        names = [task.unit for task in tasks]
        units = dict(zip(names, self.inputs.get(step, names), strict=True))
        found = {task.unit: self._held(task.step, units[task.unit]) for task in tasks}
        missing = [task for task in tasks if found[task.unit] is None]
        weight = dict(zip(names, sizes, strict=True))
        size = sum(weight[task.unit] for task in missing)
        self.observe(StepStarted(step=step, units=len(missing), reused=0, bytes=size, stage=self.running))
        with hearing(self.observe, step, weight):
            for done in self._run(missing, units, shared):
                found[done.unit] = self._settled(done.result.model_copy(update={"unit": units[done.unit]}))
                size, usage = weight[done.unit], done.usage
                self.observe(UnitDone(step=step, unit=done.unit, bytes=size, ledger=Ledger(), usage=usage))
        self.observe(StepFinished(step=step, ledger=Ledger()))
        receipts = []
        for task in tasks:
            unit = units[task.unit]
            receipt = found[task.unit] or self.damage.receipts.get((task.step, unit))
            if receipt is None:
                raise CorruptionError(self.failed.get(unit, f"{step} unit {unit[:12]} was not made again"))
            receipts.append(receipt)
        return receipts

    def take(self, file: StoredFile) -> StoredFile:
        """Put a new file where the generation has lost one with these bytes; the file, where it is then."""
        places = self.damage.places.get((file.role, file.sha256), ())
        if not places:
            self.fresh.add(file.path)
            return file
        if all(file.path != place.path for place in places):
            self._place(file, [place.path for place in places])
        unit = file.path.rpartition("-")[0]  # of several places, its own
        return min(places, key=lambda place: place.path.rpartition("-")[0] != unit)

    def clean(self) -> None:
        """Delete what is in no place."""
        for path in sorted(self.fresh):
            self.objects.delete(path)
        self.fresh.clear()

    def _run(self, tasks: Sequence[Task], units: Mapping[str, str], shared: Any) -> Iterator[Done]:
        """Do tasks; where one fails, the rest are done one by one, so that each says for itself why."""
        left = {task.unit: task for task in tasks}
        if not left:
            return
        try:
            for done in self.executor.run(
                [Again(task=task) for task in tasks if isinstance(task, UnitTask)], shared
            ):
                del left[done.unit]
                yield done
        except PreemptedError:
            raise
        except (PairloomError, RuntimeError) as error:
            if len(tasks) == 1:
                self.failed[units[tasks[0].unit]] = str(error)
                return
            for task in list(left.values()):
                yield from self._run([task], units, shared)

    def _held(self, step: str, unit: str) -> Receipt | None:
        """The receipt of a unit that has lost nothing."""
        if unit in self.damage.units(step):
            return None
        if (receipt := self.damage.receipts.get((step, unit))) is not None:
            return receipt
        try:
            receipt = find_receipt(self.objects, step, unit)
        except CorruptionError:
            return None
        whole = receipt is not None and all(compared(self.objects, file) is None for file in receipt.files)
        return receipt if whole else None

    def _settled(self, receipt: Receipt) -> Receipt | None:
        """The receipt of a unit that was done again, its files in their places; None where they are not what they were."""
        step, unit = receipt.stage, receipt.unit
        expected = self.damage.receipts.get((step, unit))
        committed = step in self.manifest.stages and unit in self.manifest.stages[step].units
        if expected is not None:
            if _bytes(expected) != _bytes(receipt):
                self._refused(receipt)
                return None
            for old, new in zip(expected.files, receipt.files, strict=True):
                self._place(new, [old.path])
            return expected
        proved = committed and step in STAGES.names() and stage(step).files_of_units
        roles = {file.role for file in self.manifest.stages[step].stored} if proved else set()
        if any(f.role in roles and (f.role, f.sha256) not in self.damage.places for f in receipt.files):
            self._refused(receipt)
            return None
        receipt = receipt.model_copy(update={"files": tuple(self.take(file) for file in receipt.files)})
        if committed:
            self._publish(receipt)
        return receipt

    def _refused(self, receipt: Receipt) -> None:
        self.fresh.update(file.path for file in receipt.files)
        self.failed[receipt.unit] = (
            "it was made again and is not what was written: the input has changed, or it was made by another version of "
            "the program or of a step"
        )

    def _publish(self, receipt: Receipt) -> None:
        path = receipt_path(receipt.stage, receipt.unit)
        if self.objects.exists(path):
            set_aside(self.objects, path)
        publish(self.objects, receipt)
        self.fresh.difference_update(file.path for file in receipt.files)

    def _place(self, file: StoredFile, paths: Sequence[str]) -> None:
        """Put a new file in every place that is lost, and nowhere else."""
        lost = [path for path in paths if path in self.damage.lost and path not in self.made]
        for path in lost[:-1]:
            copy = attempt_path("repair", file.sha256, "copy")
            _copy(self.objects, file.path, copy)
            self.objects.replace(path, copy)
        if lost:
            self.objects.replace(lost[-1], file.path)
        else:
            self.objects.delete(file.path)
        self.made.update(lost)


def _bytes(receipt: Receipt) -> list[tuple[str, str]]:
    return [(file.role, file.sha256) for file in receipt.files]


def _copy(objects: Objects, source: str, path: str) -> None:
    with objects.open(source) as file, objects.create(path) as to:
        while block := file.read(COPIED):
            to.write(block)
