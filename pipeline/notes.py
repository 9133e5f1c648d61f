"""What a task says of itself while it works: how much of it is done by now, for whoever watches.

    with heard(print):                     # whoever runs tasks, around them: what is to be done with a note
        with noting("count", unit):        # the executor, around a task
            note(12_000_000, 90_000_000)   # wherever the work is done: so much of so much
            note(12, 80, "kernels")        # or of something that has a name

A note is passed on at most twice a second, and may be lost; nothing depends on it. Where nobody hears, a note costs a look at
a context variable.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

__all__ = ["NOTE_SECONDS", "Note", "hear", "heard", "is_heard", "note", "noting"]

NOTE_SECONDS = 0.5  # between two notes of a task


@dataclass(frozen=True, slots=True)
class Note:
    """`done` of `of` things of a unit are done; `what` names them, and where it is empty they are shares of the unit's bytes."""

    step: str
    unit: str
    done: int
    of: int
    what: str = ""


Hear = Callable[[Note], None]


@dataclass(slots=True)
class _Speaker:
    """A task that is running here. `next` is when it may say something again."""

    step: str
    unit: str
    hear: Hear
    next: float


_hear: ContextVar[Hear | None] = ContextVar("hear", default=None)
_speaker: ContextVar[_Speaker | None] = ContextVar("speaker", default=None)


@contextmanager
def heard(hear: Hear) -> Iterator[None]:
    """While the block runs, what tasks note goes to `hear`: of those that run here, and of those that an executor hears of."""
    token = _hear.set(hear)
    try:
        yield
    finally:
        _hear.reset(token)


def hear(noted: Note) -> None:
    """Pass a note on to whoever hears; an executor calls this for tasks that run elsewhere."""
    if (listener := _hear.get()) is not None:
        listener(noted)


def is_heard() -> bool:
    """Whether anybody hears what tasks note."""
    return _hear.get() is not None


@contextmanager
def noting(step: str, unit: str) -> Iterator[None]:
    """While the block runs, what `note` is told is of this unit."""
    listener = _hear.get()
    if listener is None:
        yield
        return
    token = _speaker.set(_Speaker(step, unit, listener, time.monotonic() + NOTE_SECONDS))
    try:
        yield
    finally:
        _speaker.reset(token)


def note(done: int, of: int, what: str = "") -> None:
    """Say how much of the task that runs here is done by now.

    >>> with heard(print), noting("learn", "1f2e"):
    ...     note(1_000, 32_000, "merges")  # at once, and nobody is told: less than half a second has passed
    """
    speaker = _speaker.get()
    if speaker is None or (now := time.monotonic()) < speaker.next:
        return
    speaker.next = now + NOTE_SECONDS
    speaker.hear(Note(speaker.step, speaker.unit, done, of, what))
