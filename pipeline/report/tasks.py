"""The tasks of a report: what they find is a small value that adds up, so they leave nothing in any store.

A report only reads: it writes no receipts, no files and no generation. What a task found is what its `run` returns. A task
that is done twice is counted once.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from pairloom.pipeline.execution.base import Executor, Task
from pairloom.pipeline.flow.events import Event, StepFinished, StepStarted, UnitDone, hearing
from pairloom.pipeline.inputs.units import Unit
from pairloom.pipeline.store.receipts import Ledger

__all__ = ["STEPS", "Found", "InputTask", "results"]

# What is measured by tasks, as `report: text`.
STEPS: Mapping[str, str] = {
    "text": "reads text and counts its words, and the tokens of each tokenizer",
    "counts": "encodes the merged words of a root",
    "tokens": "looks at the tokens of documents",
    "parallel": "compares translations",
    "languages": "counts the words of each language",
    "own": "learns a vocabulary for each language",
    "categories": "counts the words of each kind of text",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a task of a report returns: a value that can be pickled, and of how many documents it is."""

    value: Any
    documents: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class InputTask:
    """A task that reads one unit of inputs; `what` leads its name, and `number` tells it from the others of its step."""

    what: ClassVar[str]
    step: ClassVar[str] = "report"

    input: Unit
    number: int

    @property
    def unit(self) -> str:
        """What it is, and its number."""
        return f"{self.what} {self.number}"

    @property
    def label(self) -> str:
        """The first input of the unit."""
        return self.input.slices[0].file.uri


def results(
    step: str,
    tasks: Sequence[Task],
    *,
    sizes: Sequence[int],
    executor: Executor,
    observe: Callable[[Event], None],
    shared: Any = None,
) -> Iterator[tuple[int, Any]]:
    """(number of the task, what it found), as they are done.

    For progress, `step` is one of `STEPS`, and `sizes` are the bytes that each task works on.
    """
    places = {task.unit: i for i, task in enumerate(tasks)}
    total = Ledger()
    observe(StepStarted(step=step, units=len(tasks), reused=0, bytes=sum(sizes), stage="report"))
    weight = dict(zip(places, sizes, strict=True))
    with hearing(observe, step, weight):
        for done in executor.run(tasks, shared) if tasks else ():
            place, found = places[done.unit], done.result
            ledger = Ledger(documents_in=found.documents, documents_out=found.documents)
            total = total + ledger
            yield place, found.value
            size, usage, retries = sizes[place], done.usage, done.retries
            observe(
                UnitDone(step=step, unit=done.unit, bytes=size, ledger=ledger, usage=usage, retries=retries)
            )
    observe(StepFinished(step=step, ledger=total))
