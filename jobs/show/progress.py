"""How a run shows that it is alive: a bar for each step on a terminal, lines elsewhere."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console
from rich.progress import BarColumn, Task, TextColumn
from rich.progress import Progress as Bars

from pairloom.operators.errors import PairloomError
from pairloom.pipeline.flow.engine import Engine
from pairloom.pipeline.flow.events import Doing, Event, Notice, PartDone, RoundDone, StepStarted, UnitDone
from pairloom.pipeline.flow.plan import Plan
from pairloom.pipeline.phases import Usage
from pairloom.pipeline.store.receipts import Ledger

__all__ = ["Progress", "Step", "left_out_text", "progress", "size_text", "time_text", "watching"]

LINE_SECONDS = 10.0  # between two lines of a step where there is no terminal


@dataclass(slots=True, kw_only=True)
class Step:
    """One step of a run, as far as it has come. `fresh` bytes are those that this run did itself."""

    name: str
    says: str
    units: int
    reused: int
    bytes: int
    started: float
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
    doing: str = ""  # what it is at, in words
    parts: dict[str, int] = field(default_factory=dict)  # bytes that are done of units that are not
    pace: list[tuple[float, int]] = field(default_factory=list)  # times, a second apart, and merges then

    def take_round(self, event: RoundDone, now: float) -> None:
        """A round of learning is done."""
        self.rounds, self.merges, self.wanted = event.rounds, event.merges, event.wanted
        self.seconds = now - self.started
        if not self.pace or now - self.pace[-1][0] >= 1:
            self.pace.append((now, event.merges))

    def take_part(self, event: PartDone, now: float) -> None:
        """Some of a unit is done."""
        self.parts[event.unit] = event.bytes
        self.seconds = now - self.started

    def take(self, event: UnitDone, now: float) -> None:
        """A unit is done."""
        self.done_units += 1
        self.parts.pop(event.unit, None)
        self.doing = ""
        self.done_bytes += event.bytes
        if self.done_units > self.reused:
            self.fresh += event.bytes
        self.ledger = self.ledger + event.ledger
        self.usage = self.usage + event.usage
        self.seconds = now - self.started

    @property
    def rate(self) -> float:
        """Bytes a second of this run; 0 before the first unit is done."""
        return (self.fresh + self.begun) / self.seconds if self.seconds > 0 else 0.0

    @property
    def begun(self) -> int:
        """Bytes that are done of units that are not."""
        return sum(self.parts.values())

    def remaining(self, now: float) -> float | None:
        """Seconds to go, from the units that this run has done; None while there is none.

        Of rounds, from the merges of the later half of the time: the first ones touch the most words.
        """
        if self.wanted:
            half = [point for point in self.pace if point[0] <= (self.started + now) / 2][-1:]
            done = self.merges - half[0][1] if half else 0
            return (self.wanted - self.merges) * (now - half[0][0]) / done if done else None
        if not self.rate or self.done_units >= self.units:
            return None
        return max(
            0.0, (self.bytes - self.done_bytes - self.begun) / self.rate - (now - self.started - self.seconds)
        )


class Progress:
    """Takes the events of a run; `steps` remembers how long each took."""

    def __init__(self) -> None:
        self.steps: dict[str, Step] = {}
        self.began = time.monotonic()

    def __call__(self, event: Event) -> None:
        """Take an event."""
        now = time.monotonic()
        if isinstance(event, StepStarted):
            step = Step(
                name=event.step,
                says=event.says or event.step,
                units=event.units,
                reused=event.reused,
                bytes=event.bytes,
                started=now,
                in_rounds=event.in_rounds,
            )
            self.steps[event.step] = step
            self.begin(step)
        elif isinstance(event, UnitDone):
            self.steps[event.step].take(event, now)
            self.advance(self.steps[event.step], now)
        elif isinstance(event, RoundDone):
            self.steps[event.step].take_round(event, now)
            self.advance(self.steps[event.step], now)
        elif isinstance(event, PartDone):
            self.steps[event.step].take_part(event, now)
            self.advance(self.steps[event.step], now)
        elif isinstance(event, Doing):
            if (begun := self.steps.get(event.step)) is not None:
                begun.doing = _doing_text(event)
                self.advance(begun, now)
            elif not event.of:
                self.notice(f"{event.step}: {_doing_text(event)}")
        elif isinstance(event, Notice):
            self.notice(event.text)
        else:
            step = self.steps[event.step]
            step.seconds = now - step.started
            self.end(step)

    def begin(self, step: Step) -> None:
        """Show that a step begins."""

    def advance(self, step: Step, now: float) -> None:
        """Show that a unit is done."""

    def end(self, step: Step) -> None:
        """Show that a step is over."""

    def notice(self, text: str) -> None:
        """Say what whoever looks after the run should know."""
        sys.stderr.write(f"{text}\n")


class _Lines(Progress):
    """Plain lines, for logs."""

    def __init__(self) -> None:
        super().__init__()
        self._last = 0.0

    def begin(self, step: Step) -> None:
        self._last = time.monotonic()
        if step.name == "prepare":
            self._say("prepare: start a worker; load its kernels, or compile them once for this machine")
            return
        known = f", {step.reused} done before" if step.reused else ""
        noun = "member" if step.in_rounds else "unit"
        self._say(f"{step.says}: {_many(step.units, noun)}, {size_text(step.bytes)}{known}")

    def advance(self, step: Step, now: float) -> None:
        if now - self._last >= LINE_SECONDS:
            self._last = now
            units = "" if step.wanted else f"{step.done_units}/{step.units} "
            self._say(f"{step.says}: {units}{_state(step, now)}")

    def end(self, step: Step) -> None:
        self._say(f"{step.says}: done in {time_text(step.seconds)}{_documents(step)}")

    def _say(self, line: str) -> None:
        sys.stderr.write(f"{time.strftime('%H:%M:%S')} {line}\n")
        sys.stderr.flush()


class _Bars(Progress):
    """A bar for each step."""

    def __init__(self, bars: Bars) -> None:
        super().__init__()
        self._bars = bars
        self._tasks: dict[str, object] = {}

    def begin(self, step: Step) -> None:
        total = step.bytes or None
        self._tasks[step.name] = self._bars.add_task(step.says, total=total, step=step)

    def advance(self, step: Step, now: float) -> None:
        done, total = (
            (step.merges, step.wanted) if step.wanted else (step.done_bytes + step.begun, step.bytes or None)
        )
        self._bars.update(self._tasks[step.name], completed=done, total=total)  # type: ignore[arg-type]

    def end(self, step: Step) -> None:
        self._bars.update(self._tasks[step.name], completed=step.bytes or 1, total=step.bytes or 1)  # type: ignore[arg-type]


class _State(TextColumn):
    """Bytes, documents, rate and what is left."""

    def __init__(self) -> None:
        super().__init__("")

    def render(self, task: Task) -> "TextColumn":  # type: ignore[override]
        from rich.text import Text

        step: Step = task.fields["step"]
        now = time.monotonic()
        if task.finished:
            return Text(f"{time_text(step.seconds)}{_documents(step)}")  # type: ignore[return-value]
        if step.name == "prepare":
            doing = step.doing or "loading or compiling kernels"
            return Text(f"{time_text(now - step.started)}, {doing}")  # type: ignore[return-value]
        return Text(f"{_state(step, now)}, {time_text(now - step.started)} so far")  # type: ignore[return-value]


def left_out_text(folder: str) -> str:
    """What people read of a folder below the corpus's patterns that is no input."""
    return f"left out of the corpus: what Pairloom has written below {folder}"


@contextmanager
def progress(plan: Plan, engine: Engine) -> Iterator[Progress]:
    """Show a run's progress on standard error while the block runs."""
    sys.stderr.write(
        f"corpus: {_many(len(plan.inputs), 'file')}, {size_text(plan.bytes)}, {_many(len(plan.units), 'unit')}\n"
    )
    for folder in plan.left_out:
        sys.stderr.write(left_out_text(folder) + "\n")
    sys.stderr.write(f"engine: {engine.says}\n")
    sys.stderr.flush()
    with watching() as watch:
        yield watch


@contextmanager
def watching() -> Iterator[Progress]:
    """Show the steps of any long work on standard error while the block runs."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _Lines()
        return
    with Bars(
        TextColumn("{task.description:>13}"), BarColumn(bar_width=28), _State(), console=console
    ) as bars:
        try:
            yield _Bars(bars)
        except PairloomError:
            for task in bars.tasks:
                bars.stop_task(task.id)
            raise


def size_text(count: float) -> str:
    """A number of bytes for people: `12.3 MB`."""
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if count < 1000 or unit == "TB":
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    raise AssertionError


def time_text(seconds: float) -> str:
    """A duration for people: `4.2 s`, `3 min 20 s`, `2 h 5 min`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def _doing_text(event: Doing) -> str:
    return f"{event.done:,} of {event.of:,} {event.what}" if event.of else event.what


def _state(step: Step, now: float) -> str:
    left = step.remaining(now)
    if step.wanted:
        parts = [f"{step.merges:,} of {step.wanted:,} merges", _many(step.rounds, "round")]
    else:
        parts = [f"{size_text(step.done_bytes + step.begun)} of {size_text(step.bytes)}"]
    if step.ledger.documents_in:
        parts.append(f"{step.ledger.documents_in:,} documents")
    if step.doing:
        parts.append(step.doing)
    if step.rate:
        parts.append(f"{size_text(step.rate)}/s")
    if left is not None:
        parts.append(f"{time_text(left)} left")
    return ", ".join(parts)


def _documents(step: Step) -> str:
    if step.wanted:
        return f", {step.merges:,} merges in {_many(step.rounds, 'round')}"
    if not step.ledger.documents_in or not step.fresh:
        return ""
    return f", {step.ledger.documents_in:,} documents, {size_text(step.fresh / max(step.seconds, 1e-9))}/s"


def _many(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
