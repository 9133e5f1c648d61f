"""SIGTERM, with which schedulers announce that a machine is about to be taken away."""

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event
from types import FrameType

__all__ = ["stop_on_sigterm"]


@contextmanager
def stop_on_sigterm() -> Iterator[Callable[[], bool]]:
    """While the block runs, the first SIGTERM is remembered, and what is yielded says so; the second ends the process."""
    asked = Event()

    def handle(number: int, _: FrameType | None) -> None:
        if asked.is_set():
            raise SystemExit(128 + number)
        asked.set()
        sys.stderr.write("pairloom: asked to stop: no further unit is begun\n")

    before = signal.signal(signal.SIGTERM, handle)
    try:
        yield asked.is_set
    finally:
        signal.signal(signal.SIGTERM, before)
