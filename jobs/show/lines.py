"""Progress as plain lines on standard error, for logs and pipes."""

import sys
import time

from pairloom.jobs.show.amounts import many, size_text, time_text
from pairloom.jobs.show.progress import FIRST_SECONDS, LINE_SECONDS, Progress, Step, state_text

__all__ = ["Lines", "ended_text"]


class Lines(Progress):
    """A line when a step begins and ends, soon after it began, and every ten seconds in between.

    One that is `patient` says nothing before something has taken a second or two.
    """

    def __init__(self, *, patient: bool = False) -> None:
        super().__init__()
        self._quiet = self.began + FIRST_SECONDS if patient else 0.0
        self._next = 0.0
        self._said = ""

    def begin(self, step: Step) -> None:
        """A step begins."""
        self._next = time.monotonic() + FIRST_SECONDS
        if step.aside and step.doing is not None:
            self._said = step.doing.what
            self._say(f"{step.called}: {step.doing.what}")
            return
        self._said = ""
        if not step.bytes and step.units == 1:
            return  # it says itself what it is at
        known = f", {step.reused:,} done before" if step.reused else ""
        noun = "member" if step.in_rounds else "unit"
        size = f", {size_text(step.bytes)}" if step.bytes else ""
        self._say(f"{step.called}: {many(step.units, noun)}{size}{known}")

    def advance(self, step: Step, now: float) -> None:
        """Something is done, or half a second is over."""
        doing = step.doing
        new = doing is not None and not doing.of and doing.what != self._said
        if now < self._next and not new:
            return
        self._next = now + LINE_SECONDS
        if new and doing is not None:
            self._said = doing.what
            self._next = now + FIRST_SECONDS
            self._say(f"{step.called}: {doing.what}")
        else:
            self._say(f"{step.called}: {state_text(step, now)}")

    def end(self, step: Step) -> None:
        """A step is over."""
        if not step.aside:
            self._say(f"{step.called}: done in {ended_text(step)}")

    def notice(self, text: str) -> None:
        """What whoever looks after the run should know."""
        self._say(text)

    def _say(self, line: str) -> None:
        if time.monotonic() < self._quiet:
            return
        sys.stderr.write(f"{time.strftime('%H:%M:%S')} {line}\n")
        sys.stderr.flush()


def ended_text(step: Step) -> str:
    """What a step took, and how much that was."""
    took = time_text(step.seconds)
    if step.wanted:
        return f"{took}, {step.merges:,} {step.what} in {many(step.rounds, 'round')}"
    if not step.ledger.documents_in or not step.fresh:
        return took
    rate = f"{size_text(step.fresh / max(step.seconds, 1e-9))}/s"
    return f"{took}, {step.ledger.documents_in:,} documents, {rate}"
