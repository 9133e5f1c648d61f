"""The protocol between what is to be done and where it is done.

A task is data: a frozen, picklable value that knows how to run itself and returns a small receipt. Bulk goes from the
worker to storage. One value (the vocabulary with its memo) may be shared by all tasks of a stage; an executor hands it
to every worker once.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from pairloom.operators.errors import PairloomError
from pairloom.pipeline.phases import Usage, watched
from pairloom.pipeline.store.receipts import Receipt

__all__ = ["Done", "Executor", "PreemptedError", "Task", "never", "perform"]


class PreemptedError(PairloomError):
    """The run was asked to stop (SIGTERM) and has stopped; what is finished is kept."""


def never() -> bool:
    """Nobody asks this run to stop."""
    return False


@runtime_checkable
class Task(Protocol):
    """One unit of work. Running it twice, anywhere, is harmless: the first receipt wins."""

    @property
    def stage(self) -> str:
        """The step that the unit is of."""

    @property
    def unit(self) -> str:
        """The unit's id."""

    @property
    def label(self) -> str:
        """What the task works on, for messages: an input, a partition."""

    @property
    def memory(self) -> int:
        """Bytes of memory that the task needs at most, projected."""

    def run(self, shared: Any) -> Receipt:
        """Do the work, publish the receipt, and return it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """A task that is done: its receipt, what it took, and how often it failed before. Only the receipt is kept."""

    receipt: Receipt
    usage: Usage = field(default_factory=Usage)
    retries: int = 0


def perform(task: Task, shared: Any) -> Done:
    """Run a task here, and watch where its time goes."""
    with watched() as usage:
        receipt = task.run(shared)
    return Done(receipt=receipt, usage=usage)


class Executor(Protocol):
    """Runs tasks somewhere."""

    def run(self, tasks: Iterable[Task], shared: Any = None) -> Iterator[Done]:
        """Run every task and yield its receipt as it is done, in any order.

        Only a bounded number is in flight. An exception that a task raises is not retried: it is raised here with the
        stage and unit in front, and no further task is started. A StorageError, or a worker or machine that dies, is
        another matter: see `retries`. Raises PreemptedError when the run was asked to stop.
        """
