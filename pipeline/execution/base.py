"""The protocol between what is to be done and where it is done.

A task is data: a frozen, picklable value that knows how to run itself and returns a small result, mostly a receipt. Bulk
goes from the worker to storage. One value (the vocabulary with its memo) may be shared by all tasks of a stage; an
executor hands it to every worker once.

    Executor.run(tasks)      many units, each on its own: data in, a result out
    Executor.workers(specs)  a few workers with a state, one a spec: Workers.ask(message) gives each one's answer

A spec is data, as a task is: it knows how to become a worker, anywhere, as often as need be. Workers remember what they
were told, so that one that is lost and starts again has to be told everything that counts: whoever asks says how.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from pairloom.pipeline.notes import noting
from pairloom.pipeline.phases import Usage, watched

__all__ = [
    "Done",
    "Executor",
    "Task",
    "Worker",
    "WorkerSpec",
    "Workers",
    "never",
    "perform",
]


def never() -> bool:
    """Nobody asks this run to stop."""
    return False


@runtime_checkable
class Task(Protocol):
    """One unit of work. Running it twice, anywhere, is harmless: the first receipt wins."""

    @property
    def step(self) -> str:
        """The step that the unit is of."""

    @property
    def unit(self) -> str:
        """The unit's id."""

    @property
    def label(self) -> str:
        """What the task works on, for messages: an input, a partition."""

    def need(self) -> int:
        """Bytes of memory that the task needs at most, projected."""

    def run(self, shared: Any) -> Any:
        """Do the work and return its result, which is small: a receipt, or a value that can be pickled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """A task that is done: its step and unit, its result, what it took, and how often it failed before."""

    step: str
    unit: str
    result: Any
    usage: Usage = field(default_factory=Usage)
    retries: int = 0


def perform(task: Task, shared: Any) -> Done:
    """Run a task here, and watch where its time goes."""
    with watched() as usage, noting(task.step, task.unit):
        result = task.run(shared)
    return Done(step=task.step, unit=task.unit, result=result, usage=usage)


class Worker(Protocol):
    """A stateful worker: it answers messages, and remembers what it was told."""

    def answer(self, message: Any) -> Any:
        """The answer to one message; both can be pickled."""


@runtime_checkable
class WorkerSpec(Protocol):
    """A frozen, picklable description of a worker."""

    @property
    def label(self) -> str:
        """What the worker works on, for messages."""

    def need(self) -> int:
        """Bytes of memory that the worker needs at most, projected."""

    def start(self) -> Worker:
        """Load what the worker needs."""


class Workers(Protocol):
    """Workers somewhere, one for each spec."""

    def ask(self, message: Any, restart: Callable[[], Sequence[Any]]) -> list[Any]:
        """Give every worker the message, and return their answers in the order of the specs.

        A worker that was lost, or was never started, is given all of `restart()` instead; its answer to the last of these
        stands for the answer to the message. An exception that a worker raises is not retried: it is raised here with the
        worker's label in front. A StorageError, or a process or machine that dies, is another matter: see `retries`.
        Raises PreemptedError when the run was asked to stop.
        """

    def close(self) -> None:
        """Let all workers go."""


class Executor(Protocol):
    """Runs tasks somewhere."""

    def run(self, tasks: Iterable[Task], shared: Any = None) -> Iterator[Done]:
        """Run every task and yield its result as it is done, in any order.

        Only a bounded number is in flight. An exception that a task raises is not retried: it is raised here with the
        stage and unit in front, and no further task is started. A StorageError, or a worker or machine that dies, is
        another matter: see `retries`. Raises PreemptedError when the run was asked to stop.
        """

    def workers(self, specs: Sequence[WorkerSpec]) -> Workers:
        """A worker for each spec, started when they are asked first; close them when they have done their work."""

    def places(self) -> int:
        """How many workers can work at a time."""

    def room(self, workers: int = 1) -> int | None:
        """Bytes of memory that each of so many workers may take at a time, on any machine; None while that is not known."""
