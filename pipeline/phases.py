"""Where a task's time goes: seconds in each phase, and the memory that its process has needed.

    with watched() as watch:          # the executor, around a task
        with phase("write"): ...      # wherever the work is done
    watch.seconds                     # {"write": 1.2, "re-read": 0.3, "other": 0.1}

A phase that begins inside another one stops the outer clock until it ends, so the seconds of all phases add up to the
seconds of the task. Where nobody watches, a phase costs a look at a context variable.
"""

import resource
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, TypeVar

__all__ = ["PHASES", "Usage", "elapsed", "in_phase", "leaving", "phase", "watched"]

PHASES = ("read", "parse", "steps", "count", "encode", "sort", "gather", "write", "re-read", "other")

T = TypeVar("T")


@dataclass(slots=True)
class Usage:
    """What a task took: seconds by phase, and the most bytes of memory that its process has had resident."""

    seconds: dict[str, float] = field(default_factory=dict)
    memory: int = 0

    def __add__(self, other: "Usage") -> "Usage":
        """The seconds of both, and the greater memory."""
        names = sorted({*self.seconds, *other.seconds})
        seconds = {name: self.seconds.get(name, 0.0) + other.seconds.get(name, 0.0) for name in names}
        return Usage(seconds=seconds, memory=max(self.memory, other.memory))


@dataclass(slots=True)
class _Watch:
    usage: Usage
    name: str
    since: float
    began: float

    def turn(self, name: str) -> str:
        """Go over to another phase; the one before."""
        now, before = time.perf_counter(), self.name
        self.usage.seconds[before] = self.usage.seconds.get(before, 0.0) + now - self.since
        self.name, self.since = name, now
        return before


_watch: ContextVar[_Watch | None] = ContextVar("watch", default=None)


@contextmanager
def watched() -> Iterator[Usage]:
    """Watch the phases of this thread until the block ends; then the usage is complete."""
    now = time.perf_counter()
    watch = _Watch(Usage(), "other", now, now)
    token = _watch.set(watch)
    try:
        yield watch.usage
    finally:
        _watch.reset(token)
        watch.turn("other")
        watch.usage.memory = _peak_memory()


def elapsed() -> float:
    """Seconds since the task of this thread began; 0 where nobody watches."""
    watch = _watch.get()
    return 0.0 if watch is None else time.perf_counter() - watch.began


@contextmanager
def phase(name: str) -> Iterator[None]:
    """The block is of this phase, one of `PHASES`."""
    watch = _watch.get()
    if watch is None:
        yield
        return
    before = watch.turn(name)
    try:
        yield
    finally:
        watch.turn(before)


def in_phase(name: str, items: Iterator[T]) -> Iterator[T]:
    """The same items; the time that it takes to make each is of this phase."""
    while True:
        with phase(name):
            try:
                item = next(items)
            except StopIteration:
                return
        yield item


@dataclass(frozen=True, slots=True)
class leaving(AbstractContextManager[T]):  # noqa: N801  (used as `with leaving("write", file):`)
    """The same context; the time that it takes to leave it is of this phase."""

    name: str
    manager: AbstractContextManager[T]

    def __enter__(self) -> T:
        return self.manager.__enter__()

    def __exit__(self, *raised: Any) -> bool | None:
        with phase(self.name):
            return self.manager.__exit__(*raised)


def _peak_memory() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
