"""What tasks say of themselves reaches whoever watches, as events of their step, and nobody depends on it (U6)."""

from dataclasses import dataclass
from typing import Any

import pytest

from pairloom.pipeline import notes
from pairloom.pipeline.execution.local import LocalExecutor
from pairloom.pipeline.flow.events import Doing, Event, PartDone, hearing
from pairloom.pipeline.notes import Note, hear, heard, note, noting


@dataclass(frozen=True)
class _Noting:
    """A task that says how far it is: (done, of, what), one after another."""

    said: tuple[tuple[int, int, str], ...]
    step: str = "count"
    unit: str = "a"
    label: str = "a"

    def need(self) -> int:
        return 0

    def run(self, shared: Any) -> None:
        for done, of, what in self.said:
            note(done, of, what)


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every note is passed on."""
    monkeypatch.setattr(notes, "NOTE_SECONDS", 0.0)


def test_notes_of_a_task_here_are_events_of_its_step(at_once: None) -> None:
    """Shares of a unit are bytes of it, whatever they were counted in; what has a name is told by its name."""
    events: list[Event] = []
    task = _Noting(((1, 4, ""), (3, 4, ""), (9, 4, ""), (2, 7, "kernels"), (1, 0, "")))
    with hearing(events.append, "count", {"a": 1000}):
        list(LocalExecutor().run([task]))
    assert events == [
        PartDone(step="count", unit="a", bytes=250),
        PartDone(step="count", unit="a", bytes=750),
        PartDone(step="count", unit="a", bytes=1000),
        Doing(step="count", what="kernels", done=2, of=7),
    ]


def test_a_task_says_no_more_than_is_read() -> None:
    """The first half second is silent, and so is every half second after a note."""
    said: list[Note] = []
    with heard(said.append), noting("count", "a"):
        for done in range(10_000):
            note(done, 10_000)
    assert len(said) < 10


def test_nobody_need_hear(at_once: None) -> None:
    """Notes of a task that nobody watches, and of code that is no task, go nowhere."""
    list(LocalExecutor().run([_Noting(((1, 2, ""),))]))
    note(1, 2)
    hear(Note("count", "a", 1, 2))


def test_what_runs_elsewhere_is_heard_through_the_executor() -> None:
    """An executor passes on what it hears of its tasks."""
    said: list[Note] = []
    with heard(said.append):
        hear(Note("count", "a", 1, 2))
    hear(Note("count", "a", 2, 2))
    assert said == [Note("count", "a", 1, 2)]
