"""The log of a run: what it says while the run goes on, when it ends, when its driver dies; and `pairloom status`."""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pairloom.jobs.cli import main
from pairloom.jobs.show.status import status_of
from pairloom.operators.errors import CorruptionError, DataError, PreemptedError, RecipeError, StorageError
from pairloom.pipeline import make_plan, run
from pairloom.pipeline.execution.local import LocalExecutor
from pairloom.pipeline.execution.retries import Retries
from pairloom.pipeline.flow.events import Event, StepFinished, StepStarted, UnitDone
from pairloom.pipeline.flow.log import BEAT_SECONDS, RunLog, RunRecord, list_runs, read_run
from pairloom.pipeline.phases import Usage
from pairloom.pipeline.store.gc import LOGS_KEPT, collect
from pairloom.pipeline.store.location import open_objects
from pairloom.pipeline.store.receipts import Ledger
from tests.support.corpora import documents, open_objects_of, recipe_for, write_jsonl
from tests.support.simulation import MemoryObjects, simulated_plan
from tests.support.tasks import Scripted

LEDGER = Ledger(documents_in=12, documents_out=10, rejected={"null_text": 2}, tokens=70)


@dataclass
class Clock:
    now: float = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Logged:
    """A log over objects in memory, whose time is set by the test."""

    log: RunLog
    objects: MemoryObjects
    clock: Clock

    def says(self) -> RunRecord:
        return read_run(self.objects, list_runs(self.objects)[-1])

    def begin(self) -> None:
        self.log(StepStarted(step="count", units=10, reused=2, bytes=1000))
        for _ in range(2):
            self.log(UnitDone(step="count", bytes=100, ledger=Ledger()))

    def unit(self) -> None:
        usage = Usage(seconds={"read": 1.5}, memory=500)
        self.log(UnitDone(step="count", bytes=100, ledger=LEDGER, usage=usage, retries=3))


@pytest.fixture
def logged(tmp_path: Path) -> Logged:
    clock, objects = Clock(), MemoryObjects()
    log = RunLog(objects, simulated_plan(tmp_path, 10), clock=clock, beat=3600.0)
    return Logged(log=log, objects=objects, clock=clock)


def test_a_step_is_counted_timed_and_projected(logged: Logged) -> None:
    with logged.log:
        logged.begin()
        logged.clock.now += 20
        logged.unit()
        logged.unit()
        logged.log(StepFinished(step="count", ledger=LEDGER))
        (step,) = logged.says().steps
        assert (step.units, step.reused, step.done, step.done_bytes, step.fresh_bytes) == (10, 2, 4, 400, 200)
        assert step.ledger == LEDGER + LEDGER
        assert (step.retries, step.seconds, step.memory) == (6, {"read": 3.0}, 500)
        assert step.rate == 10.0
        assert step.remaining(logged.clock.now) is None
        step.ended = None
        assert step.remaining(logged.clock.now) == 60.0
        assert step.remaining(logged.clock.now + 15) == 45.0
    assert logged.says().state == "done"


def test_units_cost_no_request(logged: Logged) -> None:
    with logged.log:
        logged.begin()
        for _ in range(1000):
            logged.unit()
        assert logged.objects.asked["put"] == 1
    assert logged.objects.asked["put"] == 2
    assert logged.says().steps[0].done == 1002


@pytest.mark.parametrize(
    ("error", "state", "message"),
    [
        (DataError("1 of 9 records were rejected"), "failed", "1 of 9 records were rejected"),
        (PreemptedError("asked to stop"), "stopped", "asked to stop"),
        (KeyboardInterrupt(), "stopped", "KeyboardInterrupt"),
        (ZeroDivisionError("x" * 9999), "failed", "x" * 4000),
    ],
)
def test_how_a_run_ended_is_said(logged: Logged, error: BaseException, state: str, message: str) -> None:
    logged.begin()
    assert logged.says().state == "running"
    logged.log.__exit__(type(error), error, None)
    assert (logged.says().state, logged.says().message) == (state, message)


def test_a_driver_that_is_gone_is_noticed(logged: Logged) -> None:
    logged.begin()  # and then nothing: `kill -9`
    record, now = logged.says(), logged.clock.now
    record.beat = BEAT_SECONDS
    assert not record.lost(now + 3 * BEAT_SECONDS)
    assert status_of(record, now + 3 * BEAT_SECONDS)["state"] == "running"
    assert record.lost(now + 5 * BEAT_SECONDS)
    facts = status_of(record, now + 5 * BEAT_SECONDS)
    assert (facts["state"], facts["silent_seconds"]) == ("lost", 5 * BEAT_SECONDS)
    record.state = "done"
    assert not record.lost(now + 5 * BEAT_SECONDS)


def test_a_driver_that_waits_shows_that_it_lives(tmp_path: Path) -> None:
    objects = MemoryObjects()
    with RunLog(objects, simulated_plan(tmp_path, 1), beat=0.01) as log:
        log(StepStarted(step="count", units=1, reused=0, bytes=1))
        first = read_run(objects, log.record.run).written
        while read_run(objects, log.record.run).written == first:
            pass
    beats = objects.asked["put"]
    assert beats >= 3
    assert read_run(objects, log.record.run).state == "done"
    assert objects.asked["put"] == beats


def test_a_store_that_refuses_the_log_does_not_stop_the_run(tmp_path: Path) -> None:
    @dataclass(eq=False)
    class Refusing(MemoryObjects):
        refusals: list[Exception] = field(default_factory=lambda: [StorageError("busy"), OSError("full")])

        def put(self, path: str, data: bytes) -> None:
            if self.refusals:
                raise self.refusals.pop()
            super().put(path, data)

    objects = Refusing()
    with RunLog(objects, simulated_plan(tmp_path, 1), beat=3600.0) as log:
        for event in (
            StepStarted(step="count", units=0, reused=0, bytes=0),
            StepFinished(step="count", ledger=Ledger()),
        ):
            log(event)
        assert list_runs(objects) == []
    assert read_run(objects, log.record.run).missed == 2


def test_a_damaged_log_and_a_log_that_is_not_there_are_named() -> None:
    objects = MemoryObjects(objects={"log/a.json": b'{"format": 9}'})
    with pytest.raises(CorruptionError, match=r"memory://log/a\.json is no log"):
        read_run(objects, "a")
    with pytest.raises(RecipeError, match="no run b has logged"):
        read_run(objects, "b")


def test_retries_are_counted(tmp_path: Path) -> None:
    task = Scripted(folder=str(tmp_path), name="x", script=("storage", "storage"))
    (done,) = LocalExecutor(retries=Retries(first_wait=0.001)).run([task])
    assert done.retries == 2


@pytest.fixture
def pairloom(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["pairloom", *map(str, arguments)])
        code = 0
        try:
            main()
        except SystemExit as ended:
            code = int(ended.code or 0)
        return code, *capsys.readouterr()

    return call


RECIPE = """
root: {root}
corpus: [{{name: lines, paths: ["{folder}/in/*"], id: id}}]
vocabulary: {{size: 400}}
pack: {{seq_len: 64}}
execution: {{engine: local, unit_bytes: 3000}}
"""


def test_status_from_the_command_line(
    tmp_path: Path,
    pairloom: Callable[..., tuple[int, str, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write_jsonl(tmp_path / "in" / "a.jsonl", documents(40))
    recipe, root = tmp_path / "recipe.yaml", tmp_path / "out"
    recipe.write_text(RECIPE.format(root=root, folder=tmp_path))
    code, _, err = pairloom("status", root)
    assert code == 2
    assert "no run has logged" in err
    monkeypatch.setenv("PAIRLOOM_LOG", "json")
    assert pairloom("tokenize", recipe)[0] == 0
    (tmp_path / "in" / "b.jsonl").write_text("nonsense\n")
    code, _, err = pairloom("run", recipe)
    lines = [json.loads(line) for line in err.splitlines()]
    assert code == 1
    told = [
        (line["event"], line["stage"], line["step"]) for line in lines if line["event"] in ("begin", "end")
    ]
    assert told[:7] == [
        ("begin", "start", "start"),
        ("end", "start", "start"),
        ("begin", "plan", "plan"),
        ("end", "plan", "plan"),
        ("begin", "prepare", "prepare"),
        ("end", "prepare", "prepare"),
        ("begin", "count", "count"),
    ]
    assert lines[-1]["event"] == "error"
    code, out, _ = pairloom("status", root, "--json")
    facts = json.loads(out)
    assert (code, facts["state"], facts["runs"], facts["generation"]) == (0, "failed", 2, None)
    assert facts["message"] == lines[-1]["message"]
    first = min(list_runs(open_objects_of(root)))
    code, out, _ = pairloom("status", root, "--run", first)
    assert code == 0
    assert "generation 1 committed" in out
    assert "40" in out
    assert pairloom("run", recipe, "--set", 'corpus.0.exclude=["b.jsonl"]')[0] == 0
    runs = list_runs(open_objects_of(root))
    assert pairloom("run", recipe, "--set", 'corpus.0.exclude=["b.jsonl"]')[0] == 0
    assert list_runs(open_objects_of(root)) == runs  # a run with nothing to do leaves no log
    monkeypatch.setenv("PAIRLOOM_LOG", "yaml")
    code, _, err = pairloom("run", recipe)
    assert code == 2
    assert "set it to text or json" in err


def test_a_log_in_a_bucket(tmp_path: Path, s3_root: str) -> None:
    write_jsonl(tmp_path / "in" / "a.jsonl", documents(16))
    recipe = recipe_for(tmp_path, f"root={s3_root}")
    plan, objects = make_plan(recipe), open_objects(s3_root)
    with RunLog(objects, plan) as log:
        log.committed(run(recipe, plan=plan, observe=log))
    record = read_run(objects, list_runs(objects)[-1])
    assert (record.state, record.generation, record.missed) == ("done", 1, 0)
    steps = {step.step: step for step in record.steps}
    assert list(steps) == ["prepare", "count", "merge", "learn", "tokenize", "exchange", "pack"]
    assert all(step.done == step.units and step.ended is not None for step in record.steps)
    assert steps["tokenize"].ledger.documents_in == 16
    found = collect(objects, now=4e9, grace=0.0, delete=True)
    assert not [path for path in found.garbage if path.startswith("log/")]
    assert read_run(objects, record.run) == record


def test_garbage_collection_bounds_the_logs(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "in" / "a.jsonl", documents(16))
    run(recipe_for(tmp_path))
    objects = open_objects_of(tmp_path / "out")
    names = [f"log/20260101T{number:06}Z-ab.json" for number in range(LOGS_KEPT + 3)]
    for name in [*names, "log/.x.json.1.tmp"]:
        objects.put(name, b"{}")
    found = collect(objects, now=4e9, grace=0.0, delete=True)
    assert [path for path in found.garbage if path.startswith("log/")] == ["log/.x.json.1.tmp", *names[:3]]
    assert objects.list("log") == names[3:]


def test_every_event_is_taken_as_the_run_tells_it(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "in" / "a.jsonl", documents(60))
    recipe = recipe_for(tmp_path, "execution.unit_bytes=3000")
    plan, objects = make_plan(recipe), MemoryObjects()
    events: list[Event] = []
    with RunLog(objects, plan) as log:

        def observe(event: Event) -> None:
            events.append(event)
            log(event)

        run(recipe, plan=plan, observe=observe)
    for step in log.record.steps:
        mine = [event for event in events if isinstance(event, UnitDone) and event.step == step.step]
        assert step.done == len(mine)
        assert step.ledger == Ledger.sum(event.ledger for event in mine)
