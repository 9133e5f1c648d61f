"""Progress as JSON lines on standard error, for what collects logs.

One line when a step begins, one when it ends, and one every ten seconds in between.
"""

import json
import sys
import time
from typing import Any

from pairloom.jobs.show.progress import LINE_SECONDS, Progress, Step

__all__ = ["JsonLines"]


class JsonLines(Progress):
    """Writes what happens as JSON lines; `event` is `begin`, `progress`, `end` or `notice`."""

    def __init__(self) -> None:
        super().__init__()
        self._last = 0.0

    def begin(self, step: Step) -> None:
        """A step begins."""
        self._say("begin", step)

    def advance(self, step: Step, now: float) -> None:
        """A unit is done; most go without a line."""
        if now - self._last >= LINE_SECONDS:
            self._say("progress", step, seconds_left=step.remaining(now))

    def end(self, step: Step) -> None:
        """A step is over."""
        phases = {name: round(seconds, 3) for name, seconds in sorted(step.usage.seconds.items())}
        self._say("end", step, phases=phases, memory=step.usage.memory)

    def notice(self, text: str) -> None:
        """What whoever looks after the run should know."""
        sys.stderr.write(
            json.dumps({"time": round(time.time(), 3), "event": "notice", "message": text}) + "\n"
        )
        sys.stderr.flush()

    def _say(self, event: str, step: Step, **more: Any) -> None:
        self._last = time.monotonic()
        line = {
            "time": round(time.time(), 3),
            "event": event,
            "step": step.name,
            "units": step.units,
            "units_done": step.done_units,
            "units_reused": step.reused,
            "bytes": step.bytes,
            "bytes_done": step.done_bytes + step.begun,
            "bytes_per_second": round(step.rate),
            "seconds": round(step.seconds, 3),
            "doing": step.doing,
            "ledger": step.ledger.model_dump(),
        }
        sys.stderr.write(json.dumps(line | more) + "\n")
        sys.stderr.flush()
