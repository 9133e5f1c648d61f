"""Tasks in this process: one after another, or several at a time in threads.

Kernels, Arrow, hashing and files let other threads go on while they work, so that threads use the processors of a machine
nearly as processes do, and start at once. What a task makes does not depend on what runs beside it.
"""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any

from pairloom.operators.errors import PreemptedError
from pairloom.pipeline.execution.base import Done, Task, WorkerSpec, never, perform
from pairloom.pipeline.execution.machine import memory, processors
from pairloom.pipeline.execution.retries import RETRIES, Retries, Tries, asked_to_stop, until_it_succeeds
from pairloom.pipeline.execution.workers import LocalWorkers
from pairloom.pipeline.notes import Note, hear, heard

__all__ = ["LocalExecutor"]

POLL_SECONDS = 0.5  # between two looks at whether the run was asked to stop
SHARE = 0.7  # of the machine's memory that tasks which run at a time may need together


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalExecutor:
    """Runs tasks here and now, `at_once` of them at a time; of more than one, as many as the memory of the machine holds.

    `stop` is asked before each whether to begin it; those that run then have `grace` seconds to end.
    """

    retries: Retries = RETRIES
    stop: Callable[[], bool] = never
    at_once: int = 1
    grace: float = 20.0

    def run(self, tasks: Iterable[Task], shared: Any = None) -> Iterator[Done]:
        """Run every task, beginning in their order; yields in the order in which they end."""
        if self.at_once > 1:
            yield from self._in_threads(tasks, shared)
            return
        for task in tasks:
            if self.stop():
                raise _not_begun(task)
            yield self._done(task, shared)

    def workers(self, specs: Sequence[WorkerSpec]) -> LocalWorkers:
        """Workers in this process, as many at a time as tasks."""
        return LocalWorkers(specs, retries=self.retries, stop=self.stop, at_once=self.at_once)

    def places(self) -> int:
        """The processors of this machine."""
        return processors()

    def room(self, workers: int = 1) -> int | None:
        """The memory of this machine, shared out."""
        return memory() // workers

    def _done(self, task: Task, shared: Any) -> Done:
        tries = Tries.of(task, self.retries)
        done = until_it_succeeds(tries, self.stop, partial(perform, task, shared))
        return replace(done, retries=tries.count)

    def _in_threads(self, tasks: Iterable[Task], shared: Any) -> Iterator[Done]:
        crew = _Crew(work=partial(self._done, shared=shared), memory=int((self.room() or 0) * SHARE))
        queue, next_task = iter(tasks), None
        try:
            while True:
                while len(crew.running) < self.at_once:
                    next_task = next_task or next(queue, None)
                    if next_task is None or not crew.has_room(next_task):
                        break
                    if self.stop():
                        yield from crew.rest(self.grace)
                        raise _not_begun(next_task)
                    crew.begin(next_task)
                    next_task = None
                if not crew.running:
                    return
                if (done := crew.result(POLL_SECONDS)) is not None:
                    yield done
        except PreemptedError:
            raise  # who asked to stop does not wait
        except Exception:
            crew.wait()  # nothing is written any more once the run has failed
            raise


@dataclass(slots=True, kw_only=True)
class _Crew:
    """Tasks in threads, which tell what they have done, or note, to the thread that began them.

    The threads are daemons: a process that is to end at once does not wait for them, and what they leave half done counts
    for nothing.
    """

    work: Callable[[Task], Done]
    memory: int
    running: dict[threading.Thread, Task] = field(default_factory=dict)
    said: "SimpleQueue[Note | Done | BaseException | threading.Thread]" = field(default_factory=SimpleQueue)

    def has_room(self, task: Task) -> bool:
        """Whether the task fits beside those that run; one always does."""
        return (
            not self.running or sum(one.need() for one in self.running.values()) + task.need() <= self.memory
        )

    def begin(self, task: Task) -> None:
        """Run a task in a thread of its own."""
        thread = threading.Thread(target=self._run, args=(task,), name=f"pairloom {task.step}", daemon=True)
        self.running[thread] = task
        thread.start()

    def result(self, seconds: float) -> Done | None:
        """What has ended within so many seconds, if anything has; raises what a task has raised."""
        try:
            said = self.said.get(timeout=seconds)
        except Empty:
            return None
        if isinstance(said, Note):
            hear(said)
        elif isinstance(said, threading.Thread):
            del self.running[said]
        elif isinstance(said, BaseException):
            raise said
        else:
            return said
        return None

    def rest(self, seconds: float) -> Iterator[Done]:
        """What ends within so many seconds of those that run; raises PreemptedError where some do not."""
        until = time.monotonic() + seconds
        while self.running:
            if (done := self.result(POLL_SECONDS)) is not None:
                yield done
            elif time.monotonic() > until:
                raise asked_to_stop()

    def wait(self) -> None:
        """Wait until nothing runs any more, whatever becomes of it."""
        for thread in self.running:
            thread.join()

    def _run(self, task: Task) -> None:
        try:
            with heard(self.said.put):
                self.said.put(self.work(task))
        except BaseException as error:  # noqa: BLE001  (it is raised where the task was begun)
            self.said.put(error)
        finally:
            self.said.put(threading.current_thread())


def _not_begun(task: Task) -> PreemptedError:
    return PreemptedError(
        f"asked to stop before {task.step} unit {task.unit[:12]}; what is finished is kept, and the same command goes on "
        "from there"
    )
