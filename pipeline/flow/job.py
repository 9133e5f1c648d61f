"""A run in progress: what its stages share, and how a step of one is driven."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from pairloom.operators import Vocabulary
from pairloom.operators.errors import DataError
from pairloom.pipeline.execution.base import Done, Executor, Task
from pairloom.pipeline.flow.events import Doing, Event, Notice, StepFinished, StepStarted, UnitDone, hearing
from pairloom.pipeline.flow.plan import Plan
from pairloom.pipeline.flow.void import holding_receipts, void_damaged
from pairloom.pipeline.store.files import StoredFile, attempt_path, read_batches, read_stored, write_bytes
from pairloom.pipeline.store.manifest import Manifest, StageRecord
from pairloom.pipeline.store.objects import Objects
from pairloom.pipeline.store.receipts import Ledger, Receipt

__all__ = ["EXAMPLES", "Job", "dead_letters"]

EXAMPLES = 3  # dead letters shown when a run fails because of them


@dataclass(slots=True, kw_only=True)
class Job:
    """One run: its plan, where it stores, where it runs, and the records of the stages that are done.

    `last` is the generation before; `scratch` are receipts whose files nobody needs once the run is committed.
    `tokenized` are receipts of tokenize by unit, of the generation before and of this run, as far as they were read: they
    never change, and several steps need them. `used` are the units, (step, unit), whose receipts this run has relied on, its own
    and those of runs before it that did not come to an end. `running` is the stage that is run now.
    """

    plan: Plan
    objects: Objects
    observe: Callable[[Event], None]
    executor: Executor
    records: dict[str, StageRecord]
    last: Manifest | None = None
    scratch: list[Receipt] = field(default_factory=list)
    tokenized: dict[str, Receipt] = field(default_factory=dict)
    learned: Vocabulary | None = None
    used: set[tuple[str, str]] = field(default_factory=set)
    running: str = ""

    def vocabulary_file(self) -> StoredFile | None:
        """The `tokenizer.json` of this run: the learned one, or a copy of the one that the recipe brings."""
        if self.plan.vocabulary_json is not None:
            path = attempt_path("vocabulary", "given", "tokenizer.json")
            return write_bytes(self.objects, path, self.plan.vocabulary_json, role="vocabulary")
        return self.records["learn"].file("vocabulary") if "learn" in self.records else None

    def vocabulary(self) -> Vocabulary:
        """The vocabulary of this run, without a memo."""
        if self.plan.vocabulary is not None:
            return self.plan.vocabulary
        if self.learned is None:
            data = read_stored(self.objects, self.records["learn"].file("vocabulary"))
            self.learned = Vocabulary.from_json(data)
        return self.learned

    def prepare(self, rounds: Sequence[Sequence[Task]]) -> None:
        """Run tasks that leave nothing behind, round by round: workers start, and their kernels are compiled or loaded."""
        self.observe(StepStarted(step="prepare", units=sum(map(len, rounds)), reused=0, bytes=0))
        self.observe(
            Doing(
                step="prepare",
                what="starting a worker and loading its kernels, which are compiled once for each machine",
            )
        )
        with hearing(self.observe, "prepare", {}):
            for done in chain.from_iterable(map(self.executor.run, rounds)):
                self.observe(
                    UnitDone(step="prepare", bytes=0, ledger=Ledger(), usage=done.usage, retries=done.retries)
                )
        self.observe(StepFinished(step="prepare", ledger=Ledger()))

    def receipts(self, units: Sequence[tuple[str, str]]) -> list[Receipt | None]:
        """The receipts of units, (step, unit), None for one that is still to be done.

        One whose files are gone, which no generation holds, is set aside and said; see `void` for the rule.
        """
        stages = {} if self.last is None else self.last.stages
        committed = [(name, unit) for name, record in stages.items() for unit in record.units]
        found, said = holding_receipts(self.objects, units, committed)
        for line in said:
            self.observe(Notice(text=line))
        self.used.update(set(units) - set(committed))
        return found

    def start_over(self, error: Exception) -> None:
        """After a failure: set aside what this run has relied on and is not what was written; else raise that failure.

        The stages that this run has done are to be run again, which takes no longer than to do what was set aside.
        """
        said = void_damaged(self.objects, sorted(self.used))
        if not said:
            raise error
        for line in said:
            self.observe(Notice(text=line))
        kept = {} if self.last is None else self.last.stages
        self.records = {name: record for name, record in self.records.items() if record is kept.get(name)}
        self.tokenized, self.scratch, self.learned = {}, [], None

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
        """Run the tasks of a step that have no receipt yet; the receipts of all, in the order of the tasks.

        `sizes` are the bytes that each task works on; `shared` is handed to every task; `known` are receipts by unit that need
        not be looked for. The largest are begun first, so that no worker is left alone with a large one at the end; which is
        done when changes nothing of what is made.
        Raises DataError when more records were rejected than the recipe allows, unless `rejects_as_asked`: the recipe asked for
        those of this step.
        """
        units = [task.unit for task in tasks]
        receipts: dict[str, Receipt | None] = dict(known or {})
        asked = [(task.step, unit) for task, unit in zip(tasks, units, strict=True) if unit not in receipts]
        for (_, unit), receipt in zip(asked, self.receipts(asked), strict=True):
            receipts[unit] = receipt
        missing = [task for task, unit in zip(tasks, units, strict=True) if receipts[unit] is None]
        self.observe(
            StepStarted(
                step=step,
                units=len(units),
                reused=len(units) - len(missing),
                bytes=sum(sizes),
                stage=self.running,
            )
        )
        allowed = 1.0 if rejects_as_asked else self.plan.recipe.max_rejected
        weight = dict(zip(units, sizes, strict=True))
        missing.sort(key=lambda task: -weight[task.unit])
        for unit in units:
            if (receipt := receipts[unit]) is not None:
                self._done(step, Done(step=receipt.stage, unit=unit, result=receipt), weight[unit], allowed)
        with hearing(self.observe, step, weight):
            for done in self.executor.run(missing, shared) if missing else ():
                receipts[done.unit] = done.result
                self._done(step, done, weight[done.unit], allowed)
        complete = [receipt for unit in units if (receipt := receipts[unit]) is not None]
        ledger = Ledger.sum(receipt.ledger for receipt in complete)
        self._check_rejected(complete, ledger, allowed)
        self.observe(StepFinished(step=step, ledger=ledger))
        return complete

    def _done(self, step: str, done: Done, size: int, allowed: float) -> None:
        ledger = done.result.ledger
        if allowed == 0:
            self._check_rejected([done.result], ledger, allowed)
        usage, retries = done.usage, done.retries
        self.observe(
            UnitDone(step=step, unit=done.unit, bytes=size, ledger=ledger, usage=usage, retries=retries)
        )

    def _check_rejected(self, receipts: Sequence[Receipt], ledger: Ledger, limit: float) -> None:
        if ledger.rejects <= limit * ledger.documents_in:
            return
        letters: list[str] = []
        for stored in dead_letters(receipts):
            for batch in read_batches(self.objects, stored):
                letters += [
                    f"  {row['uri']}, {row['position']}: {row['reason']}: {row['detail']}"
                    for row in batch.slice(0, EXAMPLES - len(letters)).to_pylist()
                ]
            if len(letters) >= EXAMPLES:
                break
        raise DataError(
            f"{ledger.rejects} of {ledger.documents_in} records were rejected, more than max_rejected = {limit:g} "
            f"allows:\n"
            + "\n".join(letters)
            + "\nCorrect the input, or set max_rejected to the share to leave out"
        )


def dead_letters(receipts: Sequence[Receipt]) -> tuple[StoredFile, ...]:
    """The dead-letter files of units."""
    return tuple(file for receipt in receipts for file in receipt.files if file.role == "rejected")
