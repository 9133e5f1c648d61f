"""The process of a command: Ctrl-C and SIGTERM from its first moment to its last, and an end without waiting.

    begin ── imports, kernels, Ray, stages, summary ── end
      │ Ctrl-C: one line at once; the main thread unwinds ─┐ code 130
      │ Ctrl-C again, or unwinding takes `UNWINDING` s ────┴ the process ends as it is
      │ SIGTERM: the same with 143, but while a run is on, which ends by itself (`show/signals.py`)

A thread of its own hears of signals, because the main thread may be in the compiler or in Ray, where Python hears nothing.
It is safe to end a process anywhere: what it wrote without a receipt counts for nothing, and a Ray that was started here
ends with whoever started it.
"""

import os
import signal
import sys
import threading
from contextlib import suppress
from types import FrameType
from typing import NoReturn

__all__ = ["STOPPED", "main"]

UNWINDING = 5.0  # seconds from Ctrl-C to the end, at most
CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}
STOPPED = "stopped; what is finished is kept, and the same command goes on from there"


class _Signals:
    """What was asked of this process from outside."""

    def __init__(self) -> None:
        self.asked: int | None = None  # the exit code that was asked for
        self._first = threading.Lock()
        heard, self._told = os.pipe()
        os.set_blocking(self._told, False)
        signal.signal(signal.SIGINT, self._unwind)
        signal.signal(signal.SIGTERM, self._unwind)
        signal.set_wakeup_fd(self._told, warn_on_full_buffer=False)
        threading.Thread(target=self._hear, args=(heard,), daemon=True).start()

    def _hear(self, heard: int) -> None:
        """Act on each signal as it comes, whatever the main thread is doing."""
        before = 0
        while True:
            for number in os.read(heard, 64):
                if number == signal.SIGTERM and signal.getsignal(signal.SIGTERM) != self._unwind:
                    continue  # a run is on, and ends by itself
                if number not in CODES:
                    continue
                self._ask(number)
                before += 1
                if before > 1:
                    os._exit(self.asked or 1)
                _end_within(UNWINDING, self.asked or 1)

    def _ask(self, number: int) -> None:
        """Say that the process ends, and remember why: by whoever comes first, the main thread or the other."""
        if self._first.acquire(blocking=False):
            self.asked = CODES[signal.Signals(number)]
            with suppress(OSError):
                os.write(2, f"pairloom: {STOPPED}\n".encode())

    def _unwind(self, number: int, frame: FrameType | None) -> None:
        """In the main thread: leave whatever is being done."""
        self._ask(number)
        sys.unraisablehook = lambda _: None  # what is torn down now has no more to say
        threading.excepthook = lambda _: None
        raise KeyboardInterrupt


def main() -> NoReturn:
    """Run the command line and end the process."""
    signals = _Signals()
    try:
        from pairloom.jobs.boundary import ending, output

        output()
        from pairloom.jobs.cli import run

        code = ending(run, sys.argv[1:], lambda: signals.asked is not None)
        _leave_cluster(code)
    except BaseException:
        if signals.asked is None:
            raise
        code = signals.asked
    with suppress(BaseException):
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code if signals.asked is None else signals.asked)


def _leave_cluster(code: int) -> None:
    """Leave Ray, if it was used; a cluster that is dead is not waited for."""
    if "pairloom.pipeline.execution.ray.cluster" in sys.modules:
        from pairloom.pipeline.execution.ray.cluster import leave

        sys.stdout.flush()
        _end_within(UNWINDING, code)
        leave()


def _end_within(seconds: float, code: int) -> None:
    ending = threading.Timer(seconds, os._exit, (code,))
    ending.daemon = True
    ending.start()
