"""The tasks of a report: what they find is a small value that adds up, so they leave nothing in any store.

A report only reads: it writes no receipts, no files and no generation. What a task found comes back inside the receipt that
the executor hands over, which nobody claims. A task that is done twice is counted once.
"""

import pickle
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from pairloom.pipeline.execution.base import Executor, Task
from pairloom.pipeline.flow.events import Event, StepFinished, StepStarted, UnitDone
from pairloom.pipeline.store.receipts import Ledger, Receipt

__all__ = ["found", "results"]


def found(task: Task, value: Any, documents: int = 0) -> Receipt:
    """What a task hands over: a value that can be pickled, and of how many documents it is."""
    ledger = Ledger(documents_in=documents, documents_out=documents)
    return Receipt(stage=task.stage, unit=task.unit, files=(), ledger=ledger, parts=pickle.dumps(value))


def results(
    step: str,
    tasks: Sequence[Task],
    *,
    sizes: Sequence[int],
    executor: Executor,
    observe: Callable[[Event], None],
    shared: Any = None,
) -> Iterator[tuple[int, Any]]:
    """(number of the task, what it found), as they are done; `sizes` are the bytes that each works on, for progress."""
    places = {task.unit: i for i, task in enumerate(tasks)}
    total = Ledger()
    observe(StepStarted(step=step, units=len(tasks), reused=0, bytes=sum(sizes)))
    for done in executor.run(tasks, shared) if tasks else ():
        place, ledger = places[done.receipt.unit], done.receipt.ledger
        total = total + ledger
        yield place, pickle.loads(done.receipt.parts)  # noqa: S301  (made by `found`, in this report)
        observe(
            UnitDone(step=step, bytes=sizes[place], ledger=ledger, usage=done.usage, retries=done.retries)
        )
    observe(StepFinished(step=step, ledger=total))
