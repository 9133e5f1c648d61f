"""Progress as JSON lines on standard error, for what collects logs.

One line when a step begins, one when it ends, one soon after it began, and one every ten seconds in between.
"""

import json
import sys
import time
from typing import Any

from pairloom.jobs.show.progress import FIRST_SECONDS, LINE_SECONDS, Progress, Step

__all__ = ["JsonLines"]


class JsonLines(Progress):
    """Writes what happens as JSON lines; `event` is `begin`, `progress`, `end` or `notice`."""

    def __init__(self) -> None:
        super().__init__()
        self._next = 0.0

    def begin(self, step: Step) -> None:
        """A step begins."""
        self._say("begin", step, FIRST_SECONDS)

    def advance(self, step: Step, now: float) -> None:
        """Something is done; most goes without a line."""
        if now >= self._next:
            self._say("progress", step, LINE_SECONDS, seconds_left=step.remaining(now))

    def end(self, step: Step) -> None:
        """A step is over."""
        phases = {name: round(seconds, 3) for name, seconds in sorted(step.usage.seconds.items())}
        self._say("end", step, LINE_SECONDS, phases=phases, memory=step.usage.memory)

    def notice(self, text: str) -> None:
        """What whoever looks after the run should know."""
        sys.stderr.write(
            json.dumps({"time": round(time.time(), 3), "event": "notice", "message": text}) + "\n"
        )
        sys.stderr.flush()

    def _say(self, event: str, step: Step, silent: float, **more: Any) -> None:
        self._next = time.monotonic() + silent
        doing = step.doing
        line = {
            "time": round(time.time(), 3),
            "event": event,
            "stage": step.stage or step.name,
            "step": step.name,
            "units": step.units,
            "units_done": step.done_units,
            "units_reused": step.reused,
            "bytes": step.bytes,
            "bytes_done": step.done_bytes + step.begun,
            "bytes_per_second": round(step.rate),
            "seconds": round(time.monotonic() - step.started if event == "progress" else step.seconds, 3),
            "ledger": step.ledger.model_dump(),
        }
        if step.wanted:
            line |= {"merges": step.merges, "merges_wanted": step.wanted, "rounds": step.rounds}
        elif doing is not None:
            line |= {"doing": doing.what} | ({"done": doing.done, "of": doing.of} if doing.of else {})
        sys.stderr.write(json.dumps(line | more) + "\n")
        sys.stderr.flush()
