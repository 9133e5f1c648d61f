"""Tasks on a Ray cluster. The only file of the pipeline that knows Ray, but for what is beside it.

Ray retries nothing by itself here (`max_retries=0`): a unit that fails comes back to the driver, which knows the budgets
(`retries`), waits, and submits it again. Running a unit twice is harmless: the first receipt wins.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import ray

from pairloom.operators.errors import PreemptedError, RecipeError, StorageError
from pairloom.pipeline.execution.base import Done, Task, WorkerSpec, never, perform
from pairloom.pipeline.execution.ray.actors import RayWorkers
from pairloom.pipeline.execution.ray.failures import cause_of, died
from pairloom.pipeline.execution.ray.liveness import head_answers
from pairloom.pipeline.execution.ray.metrics import Metrics
from pairloom.pipeline.execution.ray.noted import Ear, Place, Speaker
from pairloom.pipeline.execution.retries import RETRIES, Retries, Tries, asked_to_stop
from pairloom.pipeline.notes import hear, heard, is_heard

__all__ = ["RayExecutor"]

POLL_SECONDS = 0.5  # between two looks at whether the run was asked to stop
SURVEY_SECONDS = 10.0  # without any result, until the machines are counted anew
LEAST_MEMORY = 64 << 20  # a machine that offers Ray less than this runs nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class RayExecutor:
    """Runs tasks on the cluster that this process is connected to.

    At most `max_in_flight` tasks are submitted at a time, so that neither the driver nor the scheduler holds more than
    that, however large the corpus. By default that is twice the processors that the cluster has by then: as many tasks
    wait as run, and a cluster that grows on demand doubles until it has all that it may have.

    When `stop` says so, no further task is
    submitted, those in flight have `grace` seconds to end, and PreemptedError is raised.
    """

    max_in_flight: int | None = None
    retries: Retries = RETRIES
    stop: Callable[[], bool] = never
    grace: float = 20.0

    def run(self, tasks: Iterable[Task], shared: Any = None) -> Iterator[Done]:
        """Run every task on the cluster; yields in the order of completion."""
        flight = _Flight(
            queue=iter(tasks),
            reference=None if shared is None else ray.put(shared),
            most=self.max_in_flight,
            retries=self.retries,
            ear=Ear.open(ray.util.get_node_ip_address()) if is_heard() else None,
        )
        try:
            while not self.stop():
                flight.submit()
                if flight.over:
                    return
                yield from flight.results(POLL_SECONDS)
            deadline = time.monotonic() + self.grace
            while flight.pending and time.monotonic() < deadline:
                yield from flight.results(POLL_SECONDS)
            if flight.over:
                return
            if not flight.pending:
                raise asked_to_stop()
            raise PreemptedError(
                f"asked to stop; {len(flight.pending)} units were given up after {self.grace:g} s. What is finished is kept, "
                "and the same command goes on from there"
            )
        finally:
            for handle in flight.pending:
                ray.cancel(handle, force=True)
            if flight.ear is not None:
                flight.ear.close()

    def workers(self, specs: Sequence[WorkerSpec]) -> RayWorkers:
        """Workers on the cluster, an actor each."""
        return RayWorkers(specs, room=_largest_machine(), retries=self.retries, stop=self.stop)

    def places(self) -> int:
        """The cluster's processors."""
        return max(1, int(ray.cluster_resources().get("CPU", 1)))

    def room(self, workers: int = 1) -> int | None:
        """What the largest machine offers to tasks, and no more than a share of what all machines offer."""
        largest = _largest_machine()
        whole = int(ray.cluster_resources().get("memory", 0))
        return largest if largest is None or workers == 1 else min(largest, whole // workers)


@dataclass(slots=True, kw_only=True)
class _Try:
    """A unit on its way: the failures that have met it, and the memory that was declared for it."""

    task: Task
    tries: Tries
    starved: int = 0
    due: float = 0.0
    memory: int = 0
    submitted: float = 0.0
    doubled: bool = False


@dataclass(slots=True, kw_only=True)
class _Flight:
    """The tasks of one step: those in the queue, those submitted, those that wait to be submitted again."""

    queue: Iterator[Task]
    reference: "ray.ObjectRef | None"
    most: int | None
    retries: Retries
    ear: Ear | None = None
    pending: "dict[ray.ObjectRef, _Try]" = field(default_factory=dict)
    waiting: list[_Try] = field(default_factory=list)
    drained: bool = False
    room: int | None = None  # bytes of the largest machine, None where none is known
    limit: int = 2
    surveyed: float = -SURVEY_SECONDS
    machines: frozenset[str] = frozenset()
    lost: float = -1.0  # when a machine was last seen to be gone
    ended: float = field(default_factory=time.monotonic)  # when a task last ended
    metrics: Metrics = field(default_factory=Metrics)

    @property
    def over(self) -> bool:
        """Whether every task has given its receipt."""
        return self.drained and not self.pending and not self.waiting

    def submit(self) -> None:
        """Submit as many as may be in flight: those whose wait is over first."""
        now = time.monotonic()
        if now - self.surveyed > SURVEY_SECONDS and head_answers():
            self._survey()
            self._make_room()
            if now - self.ended > SURVEY_SECONDS:
                self._double()
        due = sorted((one for one in self.waiting if one.due <= now), key=lambda one: one.due)
        while len(self.pending) < self.limit:
            if due:
                one = due.pop(0)
                self.waiting.remove(one)
            elif not self.drained and (task := next(self.queue, None)) is not None:
                one = _Try(task=task, tries=Tries.of(task, self.retries))
            else:
                self.drained = True
                return
            self._start(one)

    def results(self, seconds: float) -> Iterator[Done]:
        """Wait a while for tasks to end; the receipts of those that did. Failures within the budget are put to wait."""
        if not self.pending:
            time.sleep(min(seconds, max(0.0, min(one.due for one in self.waiting) - time.monotonic())))
            return
        handles = list(self.pending)
        ended, _ = ray.wait(handles, num_returns=1, timeout=seconds)
        self._hear()
        if ended:  # all that have ended by now: a look at every handle for each of them would be quadratic
            ended, _ = ray.wait(handles, num_returns=len(handles), timeout=0)
            self.ended = time.monotonic()
        for handle in ended:
            one = self.pending.pop(handle, None)
            if one is None:
                continue  # its twin was quicker
            twins = [twin for twin, other in self.pending.items() if other is one] if one.doubled else []
            try:
                done: Done = ray.get(handle)
            except (ray.exceptions.RayError, StorageError) as error:
                if not twins:
                    self._failed(one, error)
            else:
                for twin in twins:
                    del self.pending[twin]
                    ray.cancel(twin, force=True)
                self.metrics.done(done, time.monotonic() - one.submitted)
                yield replace(done, retries=one.tries.count)
        self.metrics.in_flight(len(self.pending), len(self.waiting))

    def _hear(self) -> None:
        """Pass on what tasks say that are under way; what a unit said before it was done is of no use after that."""
        if self.ear is None:
            return
        units = {one.task.unit for one in self.pending.values()}
        for noted in self.ear.heard():
            if noted.unit in units:
                hear(noted)

    def _start(self, one: _Try) -> None:
        if self.room is None:
            self._survey()
        wanted = one.task.need() << one.starved
        one.memory = min(wanted, self.room) if self.room is not None else 0
        # Inside a list a reference is not resolved for each task, but once in each worker.
        handle = _perform.options(
            name=f"{type(one.task).__name__} {one.task.label}", memory=one.memory or None
        ).remote(one.task, [self.reference], None if self.ear is None else self.ear.place)
        one.submitted = time.monotonic()
        self.pending[handle] = one

    def _survey(self) -> None:
        self.surveyed = time.monotonic()
        machines = frozenset(node["NodeID"] for node in ray.nodes() if node["Alive"])
        if self.machines - machines:
            self.lost = self.surveyed
        self.machines = machines
        self.room = _largest_machine()
        self.limit = self.most or max(2, 2 * int(ray.cluster_resources().get("CPU", 0)))

    def _make_room(self) -> None:
        """Take back what only a machine that is gone could have run; it is submitted again for what there is."""
        if self.room is None:
            return
        for handle, one in list(self.pending.items()):
            if one.memory > self.room:
                del self.pending[handle]
                ray.cancel(handle, force=True)
                if not any(other is one for other in self.waiting):
                    self.waiting.append(one)

    def _double(self) -> None:
        """Submit once more what may have been on a machine that is gone, where that goes unnoticed.

        A machine that drops off the network closes no connection: Ray knows that it is dead, and yet waits minutes for
        the tasks on it. Which these are is not known here. So where processors idle and nothing ends, everything that
        was submitted before a machine was lost is submitted once more, and the first receipt wins.
        """
        if self.lost < 0 or ray.available_resources().get("CPU", 0) < 1:
            return
        for one in {id(one): one for one in self.pending.values() if one.submitted < self.lost}.values():
            one.doubled = True
            one.tries.add("machine")
            self.metrics.retried(one.task.step, "machine")
            self._start(one)

    def _failed(self, one: _Try, error: Exception) -> None:
        """A try has failed: have it wait and try again, or raise."""
        cause = cause_of(error)
        lost = died(cause)
        if failure := "storage" if isinstance(cause, StorageError) else lost:
            self.metrics.retried(one.task.step, failure)
        one.starved += isinstance(cause, ray.exceptions.OutOfMemoryError)
        if lost == "machine":
            self.surveyed = -SURVEY_SECONDS
        one.due = time.monotonic() + one.tries.failed(cause, lost)
        self.waiting.append(one)


def _largest_machine() -> int | None:
    """Bytes of memory that the largest machine with a processor offers to tasks; None while there is no such machine."""
    machines = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    rooms = [int(has.get("memory", 0)) for has in machines if has.get("CPU", 0) >= 1]
    if not rooms:
        return None  # a cluster that grows on demand may have none yet
    if max(rooms) < LEAST_MEMORY:
        raise RecipeError(
            f"the largest machine of the Ray cluster offers {max(rooms) / 1e6:.0f} MB of memory to tasks, and no task can do "
            "with that: start Ray with more (`ray start --memory`)"
        )
    return max(rooms)


@ray.remote(max_retries=0, num_cpus=1)
def _perform(task: Task, shared: "list[ray.ObjectRef | None]", place: Place | None) -> Done:
    value = _resolve(shared[0]) if shared[0] is not None else None
    if place is None:
        return perform(task, value)
    speaker = Speaker(place)
    try:
        with heard(speaker):
            return perform(task, value)
    finally:
        speaker.close()


@lru_cache(maxsize=1)
def _resolve(reference: "ray.ObjectRef") -> Any:
    """The shared value, fetched once in each worker: its arrays are mapped, not copied."""
    return ray.get(reference)
