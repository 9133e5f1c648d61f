"""The protocol between what is to be done and where it is done.

A task is data: a frozen, picklable value that knows how to run itself and returns a small result, mostly a receipt. Bulk
goes from the worker to storage. One value (the vocabulary with its memo) may be shared by all tasks of a stage; an
executor hands it to every worker once.

    Executor.run(tasks)      many units, each on its own: data in, a result out
    Executor.crew(posts)     a few members with a state, one a post: Crew.ask(message) gives each member's answer

A post is data, as a task is: it knows how to become a member, anywhere, as often as need be. Members remember what they
were told, so that one that is lost and starts again has to be told everything that counts: whoever asks says how.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from pairloom.pipeline.phases import Usage, watched

__all__ = ["Crew", "Done", "Executor", "Member", "Post", "Task", "never", "perform"]


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
    with watched() as usage:
        result = task.run(shared)
    return Done(step=task.step, unit=task.unit, result=result, usage=usage)


class Member(Protocol):
    """What a post has become: something with a state that answers."""

    def answer(self, message: Any) -> Any:
        """The answer to one message; both can be pickled."""


@runtime_checkable
class Post(Protocol):
    """A frozen, picklable description of a member."""

    @property
    def label(self) -> str:
        """What the member works on, for messages."""

    @property
    def memory(self) -> int:
        """Bytes of memory that the member needs at most, projected."""

    def start(self) -> Member:
        """Load what the member needs."""


class Crew(Protocol):
    """Members somewhere, one a post."""

    def ask(self, message: Any, anew: Callable[[], Sequence[Any]]) -> list[Any]:
        """Give every member the message, and return their answers in the order of the posts.

        A member that was lost, or was never started, is given all of `anew()` instead; its answer to the last of these
        stands for the answer to the message. An exception that a member raises is not retried: it is raised here with the
        member's label in front. A StorageError, or a worker or machine that dies, is another matter: see `retries`.
        Raises PreemptedError when the run was asked to stop.
        """

    def close(self) -> None:
        """Let all members go."""


class Executor(Protocol):
    """Runs tasks somewhere."""

    def run(self, tasks: Iterable[Task], shared: Any = None) -> Iterator[Done]:
        """Run every task and yield its result as it is done, in any order.

        Only a bounded number is in flight. An exception that a task raises is not retried: it is raised here with the
        stage and unit in front, and no further task is started. A StorageError, or a worker or machine that dies, is
        another matter: see `retries`. Raises PreemptedError when the run was asked to stop.
        """

    def crew(self, posts: Sequence[Post]) -> Crew:
        """A member for each post, started when they are asked first; close it when it has done its work."""

    def places(self) -> int:
        """How many members can work at a time."""

    def room(self, members: int = 1) -> int | None:
        """Bytes of memory that each of so many members may take at a time, on any machine; None while that is not known."""
