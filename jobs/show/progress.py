"""How far a run is, from its events: what bars, lines and JSON lines have in common.

    plan ─▶ start ─▶ prepare ─▶ the steps of stages ─▶ commit

What is said of a step that never started, as of the plan, is a step too, which ends where another begins.
"""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from pairloom.jobs.show.amounts import many, size_text, time_text
from pairloom.pipeline.flow.events import (
    Doing,
    Event,
    Notice,
    PartDone,
    RoundDone,
    StepFinished,
    StepStarted,
    UnitDone,
    called,
)
from pairloom.pipeline.phases import Usage
from pairloom.pipeline.store.receipts import Ledger

__all__ = ["FIRST_SECONDS", "LINE_SECONDS", "Progress", "Step", "state_text"]

FIRST_SECONDS = 1.5  # from the begin of a step until something more is said of it where there is no terminal
LINE_SECONDS = 10.0  # between two lines of a step after that
PACES = 256  # points that a pace remembers, at most


@dataclass(slots=True)
class Pace:
    """How fast something goes: (time, how much was done by then), no two closer than `apart` seconds."""

    points: list[tuple[float, float]] = field(default_factory=list)
    apart: float = 0.4

    def add(self, now: float, done: float) -> None:
        """So much is done now."""
        if self.points and now - self.points[-1][0] < self.apart:
            return
        self.points.append((now, done))
        if len(self.points) > PACES:
            del self.points[1::2]
            self.apart *= 2

    def left(self, total: float, now: float) -> float | None:
        """Seconds until `total` is done, by the later half of the time so far; None where nothing is known yet.

        The first units wait for workers to start, and the first merges touch the most words: the later half tells more.
        """
        if len(self.points) < 2:
            return None
        (began, _), (last, done) = self.points[0], self.points[-1]
        since, before = next(point for point in reversed(self.points) if point[0] <= (began + last) / 2)
        if done <= before:
            return None
        return max(0.0, (total - done) * (last - since) / (done - before) - (now - last))


@dataclass(slots=True, kw_only=True)
class Step:
    """One step of a run, as far as it has come. `fresh` bytes are those that this run did itself.

    `aside` is one that nobody started: there are no units, and nothing of it is foretold.
    """

    name: str
    stage: str
    units: int
    reused: int
    bytes: int
    started: float
    aside: bool = False
    in_rounds: bool = False
    done_units: int = 0
    done_bytes: int = 0
    fresh: int = 0
    seconds: float = 0.0
    ledger: Ledger = field(default_factory=Ledger)
    usage: Usage = field(default_factory=Usage)  # of all workers
    rounds: int = 0
    merges: int = 0
    wanted: int = 0
    what: str = "merges"
    doing: Doing | None = None  # what it is at now
    parts: dict[str, int] = field(default_factory=dict)  # bytes that are done of units that are not
    pace: Pace = field(default_factory=Pace)

    @property
    def called(self) -> str:
        """What people read for it."""
        return called(self.stage, self.name)

    def take_round(self, event: RoundDone, now: float) -> None:
        """A round of learning is done."""
        self.rounds, self.merges, self.wanted = event.rounds, event.merges, event.wanted
        self.what, self.seconds = event.what, now - self.started
        self.pace.add(now, event.merges)

    def take_doing(self, event: Doing, now: float) -> None:
        """It says what it is at."""
        if self.doing is None or self.doing.what != event.what:
            self.pace = Pace()
        self.doing = event
        self.seconds = now - self.started
        if event.of:
            self.pace.add(now, event.done)

    def take_part(self, event: PartDone, now: float) -> None:
        """Some of a unit is done."""
        self.parts[event.unit] = event.bytes
        self.seconds = now - self.started
        self.pace.add(now, self.worked)

    def take(self, event: UnitDone, now: float) -> None:
        """A unit is done."""
        self.done_units += 1
        self.parts.pop(event.unit, None)
        self.doing = None
        self.done_bytes += event.bytes
        if self.done_units > self.reused:
            self.fresh += event.bytes
            self.pace.add(now, self.worked)
        self.ledger = self.ledger + event.ledger
        self.usage = self.usage + event.usage
        self.seconds = now - self.started

    @property
    def begun(self) -> int:
        """Bytes that are done of units that are not."""
        return sum(self.parts.values())

    @property
    def worked(self) -> int:
        """Bytes that this run has done itself."""
        return self.fresh + self.begun

    @property
    def rate(self) -> float:
        """Bytes a second of this run; 0 before anything is known to be done."""
        return self.worked / self.seconds if self.seconds > 0 else 0.0

    @property
    def counted(self) -> tuple[float, float]:
        """How much is done, of how much, whatever it is counted in; of nothing, where that is not known."""
        if self.wanted:
            return self.merges, self.wanted
        if self.doing is not None and self.doing.of:
            return self.doing.done, self.doing.of
        return self.done_bytes + self.begun, self.bytes

    def remaining(self, now: float) -> float | None:
        """Seconds to go, from what this run has done; None while that says nothing."""
        done, total = self.counted
        if done >= total:
            return None
        # What earlier runs have done is no part of the pace.
        before = 0 if self.wanted or (self.doing and self.doing.of) else done - self.worked
        return self.pace.left(total - before, now)


class Progress:
    """Takes the events of a run; `steps` remembers how long each took. What shows them derives from this."""

    def __init__(self) -> None:
        self.steps: dict[str, Step] = {}
        self.began = time.monotonic()
        self.lock = threading.RLock()
        self._current: Step | None = None

    def __call__(self, event: Event) -> None:
        """Take an event."""
        with self.lock:
            self._take(event, time.monotonic())

    @property
    def ran(self) -> bool:
        """Whether any step with units began."""
        return any(not step.aside for step in self.steps.values())

    def close(self) -> None:
        """Nothing comes after this; what was said aside is over."""
        with self.lock:
            self._close_aside(time.monotonic())

    def begin(self, step: Step) -> None:
        """Show that a step begins."""

    def advance(self, step: Step, now: float) -> None:
        """Show that something of it is done."""

    def end(self, step: Step) -> None:
        """Show that a step is over."""

    def notice(self, text: str) -> None:
        """Say what whoever looks after the run should know."""
        sys.stderr.write(f"{text}\n")

    @contextmanager
    def ticking(self) -> Iterator[None]:
        """While the block runs, call `advance` of the step that is under way every half second, whatever happens."""
        over = threading.Event()

        def tick() -> None:
            while not over.wait(0.5):
                with self.lock:
                    if self._current is not None:
                        self.advance(self._current, time.monotonic())

        thread = threading.Thread(target=tick, name="progress", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def _take(self, event: Event, now: float) -> None:
        if isinstance(event, Notice):
            self.notice(event.text)
        elif isinstance(event, StepStarted):
            self._begin(
                Step(
                    name=event.step,
                    stage=event.stage,
                    units=event.units,
                    reused=event.reused,
                    bytes=event.bytes,
                    started=now,
                    in_rounds=event.in_rounds,
                )
            )
        elif isinstance(event, Doing) and (self._current is None or self._current.name != event.step):
            step = Step(
                name=event.step, stage=event.stage, units=0, reused=0, bytes=0, started=now, aside=True
            )
            step.take_doing(event, now)
            self._begin(step)
        elif isinstance(event, StepFinished):
            step = self.steps[event.step]
            step.seconds = now - step.started
            self._current = None
            self.end(step)
        else:
            step = self.steps[event.step]
            if isinstance(event, UnitDone):
                step.take(event, now)
            elif isinstance(event, PartDone):
                step.take_part(event, now)
            elif isinstance(event, RoundDone):
                step.take_round(event, now)
            else:
                step.take_doing(event, now)
            self.advance(step, now)

    def _begin(self, step: Step) -> None:
        self._close_aside(step.started)
        if (before := self.steps.get(step.name)) is not None and step.aside:
            step.started -= before.seconds  # it goes on
        self.steps[step.name] = self._current = step
        self.begin(step)

    def _close_aside(self, now: float) -> None:
        if self._current is not None and self._current.aside:
            self._current.seconds = now - self._current.started
            self.end(self._current)
            self._current = None


def state_text(step: Step, now: float) -> str:
    """How far a step is, and how long it takes yet."""
    parts = []
    if step.wanted:
        parts += [f"{step.merges:,} of {step.wanted:,} {step.what}", many(step.rounds, "round")]
    elif step.doing is not None:
        doing = step.doing
        parts.append(f"{doing.done:,} of {doing.of:,} {doing.what}" if doing.of else doing.what)
    elif step.bytes:
        parts.append(f"{size_text(step.done_bytes + step.begun)} of {size_text(step.bytes)}")
    if step.units > 1 and not step.in_rounds:
        parts.append(f"{step.done_units:,} of {many(step.units, 'unit')}")
    if step.ledger.documents_in:
        parts.append(f"{step.ledger.documents_in:,} documents")
    if step.rate and step.doing is None and not step.wanted:
        parts.append(f"{size_text(step.rate)}/s")
    parts.append(f"{time_text(now - step.started)} so far")
    if (left := step.remaining(now)) is not None:
        parts.append(f"about {time_text(left)} left")
    return ", ".join(parts)
