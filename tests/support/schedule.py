"""An executor over a simulated clock: as many workers as one likes, tasks that take as long as they are said to, machines that go.

Tasks begin in the order that they are given in, each at the place that is free first; at most `most` are submitted and not yet
seen by the driver, which deals with one result after another; what was lost waits as `retries` says. That is what the executor
on Ray does, without the cluster.
"""

import heapq
import itertools
import math
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from pairloom.pipeline.execution.base import Done, Task, Workers, WorkerSpec
from pairloom.pipeline.execution.retries import RETRIES, Retries, Tries

__all__ = ["Schedule", "Used", "chance", "machines_last", "slow_attempts"]

Attempt: TypeAlias = Callable[[Task, int], float]
"""Seconds of an attempt at a task; attempts are counted from 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """What became of the time of `places`, for `seconds` each.

    In all of them so many seconds were `useful`, `lost` with a machine, or passed while another one was `booting`; and places
    were idle `before` the last task began, waiting for the driver, and `after` it, with nothing left to begin.
    """

    seconds: float
    places: int
    useful: float
    lost: float
    booting: float
    before: float
    after: float

    @property
    def share(self) -> float:
        """The share of the places' time that was useful."""
        return self.useful / (self.seconds * self.places)

    @property
    def limit(self) -> str:
        """What took the most of the rest."""
        rest = {"preemptions": self.lost + self.booting, "driver": self.before, "stragglers": self.after}
        return max(rest, key=lambda name: rest[name])


@dataclass(slots=True, kw_only=True)
class _Begun:
    """A task, and how often it has begun."""

    task: Task
    tries: Tries
    attempts: int = 0


@dataclass(slots=True, kw_only=True, eq=False)
class Schedule:
    """The executor. `result` is what a task gives; `lasts` after how long an attempt's machine is taken, inf where it is not.

    Another machine is there `boot` seconds later; a result costs the driver so many seconds. `used` has an entry a step.
    """

    workers_: int
    seconds: Attempt
    result: Callable[[Task], Any]
    lasts: Attempt = lambda _task, _attempt: math.inf
    boot: float = 0.0
    driver: float = 0.0
    most: int | None = None
    retries: Retries = RETRIES
    used: list[Used] = field(default_factory=list)

    def places(self) -> int:
        return self.workers_

    def room(self, workers: int = 1) -> int | None:
        return None

    def workers(self, specs: Sequence[WorkerSpec]) -> Workers:
        raise NotImplementedError("a schedule is of tasks")

    def run(self, tasks: Iterable[Task], shared: Any = None) -> Iterator[Done]:
        clock = _Clock(schedule=self, queue=iter(tasks))
        while clock.begin() or clock.running or clock.waiting or clock.unseen:
            for one in clock.advance():
                tries = one.tries.count
                yield Done(
                    step=one.task.step, unit=one.task.unit, result=self.result(one.task), retries=tries
                )
        self.used.append(clock.used())


@dataclass(slots=True, kw_only=True)
class _Clock:
    """One step: what runs, what waits, which places come back when, and which results the driver has not seen."""

    schedule: Schedule
    queue: Iterator[Task]
    now: float = 0.0
    idle: int = field(init=False)
    running: list[tuple[float, int, float, bool, _Begun]] = field(default_factory=list)
    waiting: list[tuple[float, int, _Begun]] = field(default_factory=list)
    coming: list[float] = field(default_factory=list)
    unseen: list[float] = field(default_factory=list)
    driver_free: float = 0.0
    last_begun: float = 0.0
    useful: list[tuple[float, float]] = field(default_factory=list)
    lost: list[tuple[float, float]] = field(default_factory=list)
    booting: list[tuple[float, float]] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        self.idle = self.schedule.workers_

    def begin(self) -> bool:
        """Begin what can begin now; whether anything did."""
        any_begun = False
        while self.idle and (one := self._next()) is not None:
            took = self.schedule.seconds(one.task, one.attempts)
            lasts = self.schedule.lasts(one.task, one.attempts)
            one.attempts += 1
            end = self.now + min(took, lasts)
            heapq.heappush(self.running, (end, next(self.numbers), self.now, lasts < took, one))
            self.idle -= 1
            self.last_begun = self.now
            any_begun = True
        return any_begun

    def _next(self) -> _Begun | None:
        while self.unseen and self.unseen[0] <= self.now:
            heapq.heappop(self.unseen)
        if len(self.running) + len(self.unseen) >= (self.schedule.most or 2 * self.schedule.workers_):
            return None
        if self.waiting and self.waiting[0][0] <= self.now:
            return heapq.heappop(self.waiting)[2]
        task = next(self.queue, None)
        return None if task is None else _Begun(task=task, tries=Tries.of(task, self.schedule.retries))

    def advance(self) -> Iterator[_Begun]:
        """Go on to when something happens next; what is done then."""
        events = [heap[0][0] for heap in (self.running, self.waiting if self.idle else []) if heap]
        events += [heap[0] for heap in (self.coming, self.unseen if self.idle else []) if heap]
        self.now = max(self.now, min(events))
        while self.coming and self.coming[0] <= self.now:
            heapq.heappop(self.coming)
            self.idle += 1
        while self.running and self.running[0][0] <= self.now:
            _, _, begun, taken, one = heapq.heappop(self.running)
            if taken:
                self.lost.append((begun, self.now))
                back = self.now + self.schedule.boot
                self.booting.append((self.now, back))
                heapq.heappush(self.coming, back)
                wait = one.tries.failed(ConnectionError("the machine is gone"), "machine")
                heapq.heappush(self.waiting, (self.now + wait, next(self.numbers), one))
                continue
            self.idle += 1
            self.useful.append((begun, self.now))
            self.driver_free = max(self.driver_free, self.now) + self.schedule.driver
            heapq.heappush(self.unseen, self.driver_free)
            yield one

    def used(self) -> Used:
        """What became of all time, to when the driver has seen the last result."""
        end, places = max(self.now, self.driver_free), self.schedule.workers_

        def spent(spans: list[tuple[float, float]], since: float = 0.0) -> float:
            return sum(max(0.0, min(b, end) - max(a, since)) for a, b in spans)

        kinds = (self.useful, self.lost, self.booting)
        after = (end - self.last_begun) * places - sum(spent(spans, self.last_begun) for spans in kinds)
        spare = end * places - sum(map(spent, kinds))
        useful, lost, booting = map(spent, kinds)
        return Used(
            seconds=end,
            places=places,
            useful=useful,
            lost=lost,
            booting=booting,
            before=spare - after,
            after=after,
        )


def chance(*what: object) -> float:
    """A number between 0 and 1 that depends on nothing but what it is for."""
    return (zlib.crc32(" ".join(map(str, what)).encode()) + 0.5) / (1 << 32)


def slow_attempts(seconds: Attempt, share: float, times: float) -> Attempt:
    """Of all attempts, a share takes so many times as long."""
    return lambda task, n: seconds(task, n) * (times if chance("slow", task.unit, n) < share else 1.0)


def machines_last(mean: float) -> Attempt:
    """Machines that are taken after so many seconds in the mean, at any moment as likely as at any other."""
    return lambda task, n: -math.log(chance("taken", task.unit, n)) * mean
