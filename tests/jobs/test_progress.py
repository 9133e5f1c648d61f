"""What people see while something works: nothing is silent, steps have one name, times are foretold from what was done (U6)."""

import json
from collections.abc import Iterator

import pytest
from rich.console import Console

from pairloom.jobs.show import lines, progress
from pairloom.jobs.show.bars import Bars, drawn
from pairloom.jobs.show.json_lines import JsonLines
from pairloom.jobs.show.lines import Lines
from pairloom.jobs.show.progress import Pace, Progress, state_text
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
from pairloom.pipeline.store.receipts import Ledger

MB = 1_000_000
LEDGER = Ledger(documents_in=10, documents_out=10)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def strftime(self, form: str) -> str:
        return "12:00:00"

    def time(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    clock = Clock()
    for module in (progress, lines):
        monkeypatch.setattr(module, "time", clock)
    return clock


def counting(units: int = 4) -> StepStarted:
    return StepStarted(stage="count", step="count", units=units, reused=0, bytes=units * 100 * MB)


def test_what_is_done_of_units_counts_at_once(clock: Clock) -> None:
    """A unit of which half is done is half a unit, until it is done, and never more than that."""
    shown = Progress()
    shown(counting())
    step = shown.steps["count"]
    clock.now = 10
    shown(PartDone(step="count", unit="a", bytes=50 * MB))
    shown(PartDone(step="count", unit="b", bytes=30 * MB))
    assert step.counted == (80 * MB, 400 * MB)
    assert step.rate == 8 * MB
    clock.now = 20
    shown(UnitDone(step="count", unit="a", bytes=100 * MB, ledger=LEDGER))
    assert step.counted == (130 * MB, 400 * MB)
    assert "130.0 MB of 400.0 MB, 1 of 4 units, 10 documents, 6.5 MB/s, 20.0 s so far" in state_text(step, 20)
    for unit in "bcd":
        shown(UnitDone(step="count", unit=unit, bytes=100 * MB, ledger=LEDGER))
    assert (step.counted, step.begun, step.remaining(20)) == ((400 * MB, 400 * MB), 0, None)


def test_what_is_left_is_foretold_by_the_later_half() -> None:
    """A slow begin says nothing about the end, and time that has passed since is no longer to come."""
    pace = Pace()
    assert pace.left(100, 0) is None
    pace.add(0, 0)
    assert pace.left(100, 0) is None
    for now, done in ((10, 1), (20, 2), (30, 22), (40, 42)):
        pace.add(now, done)
    assert pace.left(100, 40) == pytest.approx(58 / 2)
    assert pace.left(100, 50) == pytest.approx(58 / 2 - 10)
    assert pace.left(100, 1000) == 0


def test_a_pace_of_many_hours_remembers_little() -> None:
    """And foretells the same."""
    pace = Pace()
    for second in range(100_000):
        pace.add(second, 3 * second)
    assert len(pace.points) <= progress.PACES
    assert pace.left(600_000, 99_999) == pytest.approx(100_001, rel=0.02)


def test_units_of_earlier_runs_are_no_pace(clock: Clock) -> None:
    """What was found done takes no time, and what is left is foretold by what this run does."""
    shown = Progress()
    shown(StepStarted(stage="count", step="count", units=4, reused=2, bytes=400 * MB))
    for unit in "ab":
        shown(UnitDone(step="count", unit=unit, bytes=100 * MB, ledger=LEDGER))
    step = shown.steps["count"]
    assert (step.rate, step.remaining(0)) == (0, None)
    for now in (10, 20, 30):
        clock.now = now
        shown(PartDone(step="count", unit="c", bytes=now * MB))
    assert step.remaining(30) == pytest.approx(170)


def test_merges_are_counted_in_one_task_and_in_rounds(clock: Clock) -> None:
    """Learning says how many merges are made of those that were asked for, and what is left of them."""
    shown = Progress()
    shown(StepStarted(stage="learn", step="learn", units=1, reused=0, bytes=100))
    for now in (1, 2, 3):
        clock.now = now
        shown(Doing(step="learn", what="merges", done=1000 * now, of=9000))
    said = state_text(shown.steps["learn"], 3)
    assert said == "3,000 of 9,000 merges, 3.0 s so far, about 6.0 s left"
    shown(StepStarted(stage="learn", step="rounds", units=2, reused=0, bytes=100, in_rounds=True))
    for now in (4, 5):
        clock.now = now
        shown(RoundDone(step="rounds", rounds=now, merges=1000 * now, wanted=9000))
    assert state_text(shown.steps["rounds"], 5).startswith("5,000 of 9,000 merges, 5 rounds, 2.0 s so far")


def test_lines_come_soon_and_then_every_ten_seconds(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    """Whether anything is done or not: a step that is silent itself is spoken for."""
    shown = Lines()
    shown(counting())
    step = shown.steps["count"]
    said: list[float] = []
    capsys.readouterr()
    for half in range(1, 80):
        clock.now = half / 2
        shown.advance(step, clock.now)
        if capsys.readouterr().err:
            said.append(clock.now)
    assert said == [1.5, 11.5, 21.5, 31.5]


def test_what_was_never_started_is_a_step_that_ends_with_the_next(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    """Planning and starting have names and times as other steps have; what goes on later is the same step."""
    shown = Lines()
    for now, event in enumerate(
        (
            Doing(step="start", what="loading what is needed"),
            Doing(step="plan", what="listing the files of web"),
            Doing(step="plan", what="reading a record of each source"),
            Notice(text="corpus: 4 files"),
            Doing(step="start", what="loading Ray"),
            counting(),
            StepFinished(step="count", ledger=Ledger()),
            Doing(step="commit", what="writing the manifest"),
        )
    ):
        clock.now = float(now)
        shown(event)
    clock.now = 10.0
    shown.close()
    assert {name: step.seconds for name, step in shown.steps.items()} == {
        "start": 2.0,
        "plan": 3.0,
        "count": 1.0,
        "commit": 3.0,
    }
    assert [line[9:] for line in capsys.readouterr().err.splitlines()] == [
        "start: loading what is needed",
        "plan: listing the files of web",
        "plan: reading a record of each source",
        "corpus: 4 files",
        "start: loading Ray",
        "count: 4 units, 400.0 MB",
        "count: done in 1.0 s",
        "commit: writing the manifest",
    ]


def test_bars_show_the_same(clock: Clock) -> None:
    """A name, a bar, what is done; and a notice is above them, whatever brackets it has."""
    console = Console(width=140, record=True, force_terminal=True, color_system=None)
    with drawn(console) as bars:
        shown = Bars(bars)
        events: tuple[Event, ...] = (
            Doing(step="start", what="loading"),
            Notice(text="left out: [x]/*.jsonl"),
            StepStarted(stage="pack", step="exchange", units=2, reused=0, bytes=200 * MB),
            PartDone(step="exchange", unit="a", bytes=50 * MB),
            UnitDone(step="exchange", unit="a", bytes=100 * MB, ledger=LEDGER),
            UnitDone(step="exchange", unit="b", bytes=100 * MB, ledger=LEDGER),
            StepFinished(step="exchange", ledger=LEDGER),
            Doing(step="start", what="again"),
        )
        for event in events:
            shown(event)
        shown.close()
        assert [task.description for task in bars.tasks] == ["pack: exchange", "start"]
        assert all(task.finished for task in bars.tasks)
    assert "left out: [x]/*.jsonl" in console.export_text()


def test_json_lines_name_stage_and_step(capsys: pytest.CaptureFixture[str]) -> None:
    """The same names as for people, and the same numbers."""
    shown = JsonLines()
    shown(StepStarted(stage="count", step="merge", units=2, reused=0, bytes=200))
    shown.steps["merge"].started -= 100
    shown._next = 0
    shown(PartDone(step="merge", unit="a", bytes=50))
    shown(StepFinished(step="merge", ledger=Ledger()))
    begin, part, end = map(json.loads, capsys.readouterr().err.splitlines())
    assert [line["event"] for line in (begin, part, end)] == ["begin", "progress", "end"]
    assert {(line["stage"], line["step"]) for line in (begin, part, end)} == {("count", "merge")}
    assert (part["bytes_done"], part["bytes"]) == (50, 200)
    assert part["seconds"] >= 100
