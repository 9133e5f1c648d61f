"""Tasks in threads of this process: how many at a time, and what becomes of those that run when one fails or the run is to stop."""

import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from pairloom.operators.errors import DataError, PreemptedError
from pairloom.pipeline import run
from pairloom.pipeline.execution.base import Done
from pairloom.pipeline.execution.local import LocalExecutor
from pairloom.pipeline.notes import Note, heard, note
from tests.support.corpora import documents, recipe_for, write_jsonl


@dataclass
class Site:
    """What tasks see of each other."""

    together: threading.Barrier = field(default_factory=lambda: threading.Barrier(2, timeout=20))
    running: int = 0
    most: int = 0
    begun: int = 0
    ended: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)


@dataclass
class Job:
    """A task that counts how many run beside it."""

    site: Site
    unit: str
    memory: int = 0
    how: str = ""
    step: str = "work"
    label: str = "a file"

    def need(self) -> int:
        return self.memory

    def run(self, shared: Any) -> tuple[str, Any]:
        site = self.site
        with site.lock:
            site.begun += 1
            site.running += 1
            site.most = max(site.most, site.running)
        if self.how in ("meet", "fail"):
            site.together.wait()
        if self.how == "fail":
            raise DataError("row 3: bad")
        time.sleep(0.01)
        note(1, 2)
        with site.lock:
            site.running -= 1
            site.ended += 1
        return self.unit, shared


def test_two_run_at_a_time_and_each_is_told_what_is_shared() -> None:
    site = Site()
    tasks = [Job(site, str(i), how="meet") for i in range(8)]
    done = list(LocalExecutor(at_once=2).run(tasks, "tables"))
    assert sorted(one.result for one in done) == [(str(i), "tables") for i in range(8)]
    assert site.most == 2, "those that waited for each other have met"


def test_no_more_run_than_the_memory_of_the_machine_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LocalExecutor, "room", lambda self, workers=1: 1000)
    for need, most in ((200, 3), (400, 1), (5000, 1)):
        site = Site()
        done = list(LocalExecutor(at_once=4).run([Job(site, str(i), need) for i in range(9)]))
        assert len(done) == 9
        assert site.most <= most, need


def test_a_failure_is_raised_when_nothing_runs_any_more_and_nothing_is_begun_after_it() -> None:
    site = Site()
    tasks = [
        Job(site, "bad", how="fail"),
        Job(site, "good", how="meet"),
        *(Job(site, str(i)) for i in range(50)),
    ]
    with pytest.raises(DataError, match=r"^work, a file: row 3: bad"):
        list(LocalExecutor(at_once=2).run(tasks))
    begun, ended = site.begun, site.ended
    assert ended == begun - 1
    assert begun < len(tasks)
    assert not [one for one in threading.enumerate() if one.name.startswith("pairloom ")]


def test_what_runs_when_the_run_is_to_stop_comes_to_its_end() -> None:
    site = Site()
    done: list[Done] = []
    tasks = [Job(site, str(i)) for i in range(50)]
    with pytest.raises(PreemptedError, match="asked to stop before work unit"):
        done.extend(LocalExecutor(at_once=2, stop=lambda: site.ended >= 4).run(tasks))
    assert len(done) == site.begun == site.ended


def test_notes_of_threads_are_heard_where_the_run_is_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pairloom.pipeline.notes.NOTE_SECONDS", 0.0)
    threads: set[threading.Thread] = set()
    units: list[str] = []

    def take(noted: Note) -> None:
        threads.add(threading.current_thread())
        units.append(noted.unit)

    site = Site()
    with heard(take):
        list(LocalExecutor(at_once=2).run([Job(site, str(i)) for i in range(4)]))
    assert sorted(units) == ["0", "1", "2", "3"]
    assert threads == {threading.current_thread()}


@dataclass(frozen=True)
class MeetingSpec:
    """A worker that answers once another one is answering too, and fails where it is told to."""

    name: str
    together: threading.Barrier

    @property
    def label(self) -> str:
        return f"worker {self.name}"

    def need(self) -> int:
        return 0

    def start(self) -> "MeetingSpec":
        return self

    def answer(self, message: str) -> str:
        self.together.wait()
        if self.name in message:
            raise DataError(f"row {self.name}: bad")
        return self.name


def test_workers_answer_side_by_side_in_order_and_the_first_failure_is_raised() -> None:
    together = threading.Barrier(2, timeout=20)
    workers = LocalExecutor(at_once=2).workers([MeetingSpec(name, together) for name in "ab"])
    assert workers.ask("", lambda: [""]) == ["a", "b"]
    with pytest.raises(DataError, match="worker a: row a: bad"):
        workers.ask("ba", lambda: ["ba"])
    assert workers.ask("", lambda: [""]) == ["a", "b"]
    workers.close()


def test_sharded_learning_gives_the_same_bytes_with_members_in_turn_and_side_by_side(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "in" / "a.jsonl", documents(120))
    found = []
    for at_once in (1, 3):
        recipe = recipe_for(
            tmp_path / str(at_once), "vocabulary.learn.mode=sharded", "vocabulary.learn.members=3"
        )
        recipe = recipe.model_copy(update={"corpus": recipe_for(tmp_path).corpus})
        manifest = run(recipe, until="learn", executor=LocalExecutor(at_once=at_once))
        found.append([file.sha256 for file in manifest.stage("learn").files])
    assert found[0] == found[1]
