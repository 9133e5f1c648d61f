"""The log of a run, kept in its root, so that any machine that can read the root can see how far the run is.

    log/20261122T043711.250316Z-3f9a1c2b.json    one object a run, replaced as the run goes on

Stores cannot append, so the object is written anew: when a step begins and ends, when the run ends, and by a thread every
`BEAT_SECONDS` in between, which also shows that the driver is alive. That is a handful of requests a minute, whatever the
corpus. The log is for people and proves nothing; a store that refuses it does not stop the run.
"""

import os
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Literal

from pydantic import BaseModel, ConfigDict

from pairloom.operators.errors import CorruptionError, PairloomError, PreemptedError, RecipeError
from pairloom.pipeline.flow.events import (
    Doing,
    Event,
    Notice,
    PartDone,
    RoundDone,
    StepFinished,
    StepStarted,
    UnitDone,
)
from pairloom.pipeline.flow.plan import Plan
from pairloom.pipeline.phases import Usage
from pairloom.pipeline.store.manifest import Manifest
from pairloom.pipeline.store.objects import Objects
from pairloom.pipeline.store.receipts import Ledger
from pairloom.pipeline.store.sealed import fault, seal, unseal

__all__ = ["BEAT_SECONDS", "RunLog", "RunRecord", "StepRecord", "list_runs", "log_path", "read_run"]

BEAT_SECONDS = 15.0
LONGEST_MESSAGE = 4000  # characters of an error that are kept


class StepRecord(BaseModel):
    """One step of a run, as far as it has come. Times are seconds since 1970 by the driver's clock.

    `fresh_bytes` are those that this run did itself, `begun_bytes` those that are done of units that are not; `doing` is what it
    is at besides, as `1,200 of 32,000 merges`; `retries` is how often a unit was tried again.
    """

    model_config = ConfigDict(extra="forbid")

    step: str
    stage: str = ""  # that it is a step of
    started: float
    ended: float | None = None
    progressed: float
    units: int
    reused: int
    done: int = 0
    bytes: int
    done_bytes: int = 0
    fresh_bytes: int = 0
    begun_bytes: int = 0
    doing: str = ""
    retries: int = 0
    ledger: Ledger = Ledger()
    seconds: dict[str, float] = {}
    memory: int = 0

    @property
    def rate(self) -> float:
        """Bytes a second of this run; 0 before its first unit is done."""
        took = (self.ended or self.progressed) - self.started
        return (self.fresh_bytes + self.begun_bytes) / took if took > 0 else 0.0

    def remaining(self, now: float) -> float | None:
        """Seconds to go, by the rate so far; None while there is none, and when the step is over."""
        if self.ended is not None or not self.rate:
            return None
        return max(
            0.0, (self.bytes - self.done_bytes - self.begun_bytes) / self.rate - (now - self.progressed)
        )


class RunRecord(BaseModel):
    """What the log of a run holds. `written` is when the driver was last known to live."""

    model_config = ConfigDict(extra="forbid")

    format: int = 1
    run: str
    state: Literal["running", "done", "stopped", "failed"] = "running"
    message: str | None = None
    generation: int | None = None  # the one that it committed
    host: str
    pid: int
    started: float
    written: float
    beat: float = BEAT_SECONDS
    missed: int = 0  # writes of this log that the store refused
    files: int
    bytes: int
    units: int
    stages: tuple[str, ...]
    steps: list[StepRecord] = []
    warnings: list[str] = []

    def silent(self, now: float) -> float:
        """Seconds since the driver was last known to live, while it should say so; 0 once it has ended."""
        return max(0.0, now - self.written) if self.state == "running" else 0.0

    def lost(self, now: float) -> bool:
        """Whether a run that never ended has been silent for so long that its driver must be gone."""
        return self.silent(now) > 4 * self.beat


class RunLog:
    """Writes the log of one run: an observer of its events, and a context around it.

        with RunLog(objects, plan) as log:
            log.committed(run(recipe, plan=plan, observe=log))

    A run without any event, because there was nothing to do, leaves no log.
    """

    def __init__(
        self,
        objects: Objects,
        plan: Plan,
        *,
        clock: Callable[[], float] = time.time,
        beat: float = BEAT_SECONDS,
    ) -> None:
        now = clock()
        second = time.strftime("%Y%m%dT%H%M%S", time.gmtime(now))
        name = f"{second}.{int(now * 1e6) % 1_000_000:06}Z-{uuid.uuid4().hex[:8]}"
        self.record = RunRecord(
            run=name,
            host=socket.gethostname(),
            pid=os.getpid(),
            started=now,
            written=now,
            beat=beat,
            files=len(plan.inputs),
            bytes=plan.bytes,
            units=len(plan.units),
            stages=plan.stages,
        )
        self._objects, self._clock = objects, clock
        self._parts: dict[str, int] = {}
        self._lock, self._over = threading.Lock(), threading.Event()
        self._beats = threading.Thread(target=self._keep_beating, name="run log", daemon=True)

    def __enter__(self) -> "RunLog":
        return self

    def __call__(self, event: Event) -> None:
        """Take an event; the log is written where a step begins or ends."""
        now = self._clock()
        with self._lock:
            if isinstance(event, StepStarted):
                self.record.steps.append(
                    StepRecord(
                        step=event.step,
                        stage=event.stage,
                        started=now,
                        progressed=now,
                        units=event.units,
                        reused=event.reused,
                        bytes=event.bytes,
                    )
                )
            elif isinstance(event, UnitDone):
                self._parts.pop(event.unit, None)
                self.record.steps[-1].begun_bytes = sum(self._parts.values())
                _take(self.record.steps[-1], event, now)
            elif isinstance(event, PartDone):
                self._parts[event.unit] = event.bytes
                self.record.steps[-1].begun_bytes = sum(self._parts.values())
                self.record.steps[-1].progressed = now
            elif isinstance(event, Doing):
                if self.record.steps and self.record.steps[-1].step == event.step:
                    counted = f"{event.done:,} of {event.of:,} " if event.of else ""
                    self.record.steps[-1].doing = counted + event.what
            elif isinstance(event, RoundDone):
                self.record.steps[-1].doing = f"{event.merges:,} of {event.wanted:,} {event.what}"
                self.record.steps[-1].progressed = now
            elif isinstance(event, Notice):
                self.record.warnings.append(event.text)
            else:
                self._parts.clear()
                self.record.steps[-1].begun_bytes, self.record.steps[-1].doing = 0, ""
                self.record.steps[-1].ended = now
        if isinstance(event, (StepStarted, StepFinished)):
            self._write()
            if not self._beats.is_alive():
                self._beats.start()

    def committed(self, manifest: Manifest) -> Manifest:
        """The run has made this generation; the manifest, as it is."""
        self.record.generation = manifest.generation
        return manifest

    def warned(self, lines: Iterable[str]) -> None:
        """What whoever looks at this run should know."""
        self.record.warnings += lines

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        if not self.record.steps:
            return
        self._beats.join()
        if error is None:
            self.record.state = "done"
        else:
            stopped = isinstance(error, (PreemptedError, KeyboardInterrupt, SystemExit))
            self.record.state = "stopped" if stopped else "failed"
            self.record.message = (str(error) or type(error).__name__)[:LONGEST_MESSAGE]
        self._write()

    def _keep_beating(self) -> None:
        while not self._over.wait(self.record.beat):
            self._write()

    def _write(self) -> None:
        with self._lock:
            self.record.written = self._clock()
            data = seal(self.record.model_dump_json())
            try:
                self._objects.put(log_path(self.record.run), data)
            except (OSError, PairloomError):
                self.record.missed += 1


def list_runs(objects: Objects) -> list[str]:
    """The runs that have logged below a root, oldest first."""
    found = [path.removeprefix("log/") for path in objects.list("log")]
    return sorted(
        name.removesuffix(".json") for name in found if name.endswith(".json") and not name.startswith(".")
    )


def read_run(objects: Objects, run: str) -> RunRecord:
    """The log of a run; raises RecipeError where there is none, CorruptionError where it is damaged."""
    try:
        return RunRecord.model_validate_json(unseal(objects.read(log_path(run)))[0])
    except FileNotFoundError:
        raise RecipeError(f"no run {run} has logged below {objects.root}") from None
    except ValueError as error:
        raise CorruptionError(
            f"{objects.uri(log_path(run))} is no log of a run, or of another version: {fault(error)}"
        ) from error


def log_path(run: str) -> str:
    """Where the log of a run is."""
    return f"log/{run}.json"


def _take(step: StepRecord, event: UnitDone, now: float) -> None:
    """A unit is done."""
    step.done += 1
    step.done_bytes += event.bytes
    step.retries += event.retries
    if step.done > step.reused:
        step.fresh_bytes += event.bytes
        step.progressed = now
    step.ledger = step.ledger + event.ledger
    usage = Usage(seconds=step.seconds, memory=step.memory) + event.usage
    step.seconds, step.memory = usage.seconds, usage.memory
