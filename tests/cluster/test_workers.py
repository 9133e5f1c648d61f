"""Crews here and on Ray: whoever is lost is told everything again; learning with them gives the same bytes after any kill."""

import os
import random
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from pairloom.operators.errors import DataError, PreemptedError, StorageError
from pairloom.pipeline import run
from pairloom.pipeline.execution.base import Workers, never
from pairloom.pipeline.execution.ray.actors import RayWorkers
from pairloom.pipeline.execution.ray.tasks import RayExecutor
from pairloom.pipeline.execution.retries import Retries
from pairloom.pipeline.execution.workers import LocalWorkers
from pairloom.pipeline.flow.events import Event, RoundDone
from pairloom.pipeline.store.merge_log import MergeLog
from tests.support.corpora import contents, open_objects_of, recipe_for, write_jsonl
from tests.support.specs import AdderSpec

QUICK = Retries(worker_deaths=1, storage_failures=2, first_wait=0.01)
CODE = """
import sys
from pathlib import Path
from tests.cluster.test_workers import drive
drive(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
"""


def local(specs: list[AdderSpec], stop: Callable[[], bool] = never) -> LocalWorkers:
    return LocalWorkers(specs, retries=QUICK, stop=stop)


def on_ray(specs: list[AdderSpec], stop: Callable[[], bool] = never) -> RayWorkers:
    return RayWorkers(specs, room=None, retries=QUICK, stop=stop)


def by_calls(specs: list[AdderSpec], stop: Callable[[], bool] = never) -> RayWorkers:
    """Workers that cannot be reached past Ray."""
    workers = on_ray(specs, stop)
    workers._reachable = False
    return workers


def told(workers: Workers, messages: list[object]) -> list[list[object]]:
    """The answers to each message; who begins anew is told all that came before without its failures."""
    answers = []
    for n, message in enumerate(messages):
        before = [m[0] if isinstance(m, tuple) else m for m in messages[:n]]
        answers.append(workers.ask(message, lambda before=before, message=message: [*before, message]))
    return answers


@pytest.mark.parametrize("make", [local, on_ray, by_calls])
def test_members_answer_in_order_and_remember(
    tmp_path: Path, cluster: str, make: Callable[..., Workers]
) -> None:
    specs = [AdderSpec(folder=str(tmp_path), name=name, starts=int(name == "b")) for name in "abc"]
    workers = make(specs)
    sums = [sum(range(n + 1)) for n in range(4)]
    assert told(workers, [0, 1, (2, "storage", 1), 3]) == [[(name, s) for name in "abc"] for s in sums]
    workers.close()


@pytest.mark.parametrize("make", [local, on_ray, by_calls])
def test_what_fails_is_named_and_a_stop_is_a_stop(
    tmp_path: Path, cluster: str, make: Callable[..., Workers]
) -> None:
    asked: list[int] = []
    workers = make([AdderSpec(folder=str(tmp_path), name="a")], stop=lambda: bool(asked))
    with pytest.raises(DataError, match="member a: row 3: bad"):
        told(workers, [(1, "data", 1)])
    with pytest.raises((ZeroDivisionError, RuntimeError), match="a bug"):
        told(workers, [(2, "bug", 1)])
    with pytest.raises(StorageError, match="member a: storage failed"):
        told(workers, [(3, "storage", 9)])
    assert told(workers, [4]) == [[("a", 4)]]
    asked.append(1)
    with pytest.raises(PreemptedError):
        told(workers, [5])
    workers.close()


def test_members_that_die_are_told_everything_again(tmp_path: Path, cluster: str) -> None:
    workers = on_ray([AdderSpec(folder=str(tmp_path), name=name) for name in "ab"])
    assert told(workers, [1, (2, "killed", 1), 3]) == [[(name, s) for name in "ab"] for s in (1, 3, 6)]
    workers.close()
    workers = on_ray([AdderSpec(folder=str(tmp_path), name="c")])
    with pytest.raises(StorageError, match=r"member c lost its worker 2 times in a row"):
        told(workers, [(5, "killed", 9)])
    workers.close()


def test_a_member_whose_connection_breaks_is_told_everything_again(tmp_path: Path, cluster: str) -> None:
    workers = on_ray([AdderSpec(folder=str(tmp_path), name=name) for name in "ab"])
    assert told(workers, [1, 2]) == [[(name, s) for name in "ab"] for s in (1, 3)]
    connection = workers._slots[1].connection
    assert connection is not None
    connection._socket.shutdown(socket.SHUT_RDWR)
    assert workers.ask(3, lambda: [1, 2, 3]) == [("a", 6), ("b", 6)]
    assert workers.ask(4, list) == [("a", 10), ("b", 10)]
    workers.close()


def corpus(folder: Path) -> None:
    rng = random.Random(3)
    syllables = ["ba", "co", "du", "fe", "gi", "ha", "ko", "li", "mu", "ne", "ñu", "日本"]
    words = ["".join(rng.choices(syllables, k=rng.randint(1, 5))) for _ in range(3000)]
    write_jsonl(
        folder / "in" / "a.jsonl", [(f"d{i}", " ".join(rng.choices(words, k=50))) for i in range(200)]
    )


SETTINGS = ["vocabulary.size=900", "vocabulary.learn.mode=sharded", "vocabulary.learn.checkpoint_seconds=0"]


# How many members are killed after which round.
STRIKES = {("rounds", 2): 1, ("rounds", 5): 2, ("join rounds", 3): 1, ("join rounds", 6): 2}


def whole(folder: Path, *settings: str) -> object:
    """What one learner makes."""
    recipe = recipe_for(folder, "vocabulary.size=900", *settings, root=folder / "single")
    return contents(run(recipe, until="learn"))


def hosts() -> list[int]:
    """The processes of members, of this process's cluster."""
    return [
        process.pid
        for process in psutil.Process().children(recursive=True)
        if " ".join(process.cmdline()).startswith("ray::_Host")
    ]


def test_learning_survives_the_members_that_are_killed(tmp_path: Path, cluster: str) -> None:
    corpus(tmp_path)
    superwords = "vocabulary.superwords={transition: 0.6}"  # two stages, each in rounds
    expected = whole(tmp_path, superwords)
    killed: list[int] = []

    def strike(event: Event) -> None:
        if isinstance(event, RoundDone) and (event.step, event.rounds) in STRIKES:
            victims = sorted(hosts())[: STRIKES[event.step, event.rounds]]
            for process in victims:
                os.kill(process, signal.SIGKILL)
            killed.extend(victims)

    recipe = recipe_for(tmp_path, *SETTINGS, superwords, "execution.engine=ray", root=tmp_path / "killed")
    executor = RayExecutor(retries=Retries(first_wait=0.05))
    assert contents(run(recipe, until="learn", executor=executor, observe=strike)) == expected
    assert len(killed) == sum(STRIKES.values())


def drive(folder: Path, engine: str, last_round: int) -> None:
    """Learn, and die after a round."""

    def strike(event: Event) -> None:
        if isinstance(event, RoundDone) and event.rounds == last_round:
            os.kill(os.getpid(), signal.SIGKILL)

    run(
        recipe_for(folder, *SETTINGS, f"execution.engine={engine}", root=folder / "killed"),
        until="learn",
        observe=strike,
    )


def test_drivers_that_are_killed_are_continued(tmp_path: Path, cluster: str) -> None:
    corpus(tmp_path)
    expected = whole(tmp_path)
    merges = 0
    for engine, last_round in (("local", 3), ("local", 5)):
        process = subprocess.run(
            [sys.executable, "-c", CODE, str(tmp_path), engine, str(last_round)],
            cwd=Path(__file__).parents[2],
            stderr=subprocess.DEVNULL,
        )
        assert process.returncode == -signal.SIGKILL
        (first,) = (tmp_path / "killed").rglob("*.merges-000000")
        unit = first.name.split(".")[0]
        stored = len(MergeLog(open_objects_of(tmp_path / "killed"), "learn", unit).merges)
        assert stored > merges
        merges = stored
    events: list[Event] = []
    recipe = recipe_for(tmp_path, *SETTINGS, "execution.engine=ray", root=tmp_path / "killed")
    made = run(recipe, until="learn", executor=RayExecutor(), observe=events.append)
    assert contents(made) == expected
    rounds = [event for event in events if isinstance(event, RoundDone)]
    assert rounds[0].merges == merges
    assert rounds[-1].merges == rounds[-1].wanted
    assert not list((tmp_path / "killed").rglob("*.merges-*"))
