"""Retry budgets in this process: what is tried again, how often, and what is said when the budget is spent."""

from pathlib import Path

import pytest

from pairloom.operators.errors import DataError, PreemptedError, StorageError
from pairloom.pipeline.execution.base import Done
from pairloom.pipeline.execution.local import LocalExecutor
from pairloom.pipeline.execution.retries import RETRIES, Retries, Tries
from pairloom.pipeline.identity import unit_id
from tests.support.specs import AdderSpec
from tests.support.tasks import Scripted

QUICK = Retries(storage_failures=2, first_wait=0.001)


def test_storage_is_tried_again_as_often_as_the_budget_says(tmp_path: Path) -> None:
    task = Scripted(folder=str(tmp_path), name="a", script=("storage", "storage", "ok"))
    (done,) = LocalExecutor(retries=QUICK).run([task], 7)
    assert done.result.facts == {"shared": 7}
    assert task.invocations() == 3
    task = Scripted(folder=str(tmp_path), name="b", script=("storage",) * 9)
    with pytest.raises(
        StorageError, match=rf"scripted unit {task.unit[:12]}, file:///b\.txt: storage failed for the 2"
    ):
        list(LocalExecutor(retries=QUICK).run([task]))
    assert task.invocations() == 3


def test_bad_data_and_bugs_are_never_tried_again(tmp_path: Path) -> None:
    bad = Scripted(folder=str(tmp_path), name="bad", script=("data",))
    bug = Scripted(folder=str(tmp_path), name="bug", script=("bug",))
    after = Scripted(folder=str(tmp_path), name="after")
    with pytest.raises(DataError, match=r"^scripted, file:///bad\.txt: row 3: bad"):
        list(LocalExecutor(retries=QUICK).run([bad, after]))
    with pytest.raises(ZeroDivisionError) as caught:
        list(LocalExecutor(retries=QUICK).run([bug, after]))
    assert caught.value.__notes__ == [f"in scripted unit {bug.unit[:12]}, file:///bug.txt"]
    assert (bad.invocations(), bug.invocations(), after.invocations()) == (1, 1, 0)


def test_a_run_that_is_asked_to_stop_stops_between_units(tmp_path: Path) -> None:
    tasks = [Scripted(folder=str(tmp_path), name=f"t{i}") for i in range(4)]
    done: list[Done] = []
    executor = LocalExecutor(stop=lambda: len(done) == 2)
    with pytest.raises(PreemptedError, match=rf"asked to stop before scripted unit {tasks[2].unit[:12]}"):
        done.extend(executor.run(tasks))
    assert [one.unit for one in done] == [task.unit for task in tasks[:2]]
    assert [task.invocations() for task in tasks] == [1, 1, 0, 0]


def test_waits_grow_up_to_a_bound_and_differ_between_units() -> None:
    retries = Retries(first_wait=1.0, longest_wait=20.0)
    units = [unit_id("x", i) for i in range(100)]
    for failures in range(1, 40):
        longest = min(20.0, 2.0 ** (failures - 1))
        waits = [retries.wait(unit, failures) for unit in units]
        assert longest / 2 <= min(waits) < max(waits) <= longest
        assert len(set(waits)) > 90
    assert retries.wait(units[0], 3) == retries.wait(units[0], 3)


def test_each_kind_of_failure_has_a_budget_of_its_own(tmp_path: Path) -> None:
    task = Scripted(folder=str(tmp_path), name="a", memory=3_000_000_000)
    retries = Retries(worker_deaths=1, node_deaths=2, storage_failures=1)
    tries = Tries.of(task, retries)
    waits = [
        tries.failed(OSError("gone"), "machine"),
        tries.failed(OSError("gone"), "worker"),
        tries.failed(StorageError("busy")),
        tries.failed(OSError("gone"), "machine"),
    ]
    assert waits == [retries.wait(task.unit, n) for n in (1, 2, 3, 4)]
    assert tries.count == 4
    where = rf"^scripted unit {task.unit[:12]}, file:///a\.txt"
    with pytest.raises(StorageError, match=where + r": 3 machines died under it: gone"):
        tries.failed(OSError("gone"), "machine")
    with pytest.raises(StorageError, match=where + r" killed its worker 2 times.*3\.0 GB.*gone"):
        tries.failed(OSError("gone"), "worker")
    with pytest.raises(StorageError, match=where + ": busy"):
        tries.failed(StorageError("busy"))


def test_what_would_fail_again_is_raised_at_once(tmp_path: Path) -> None:
    tries = Tries.of(Scripted(folder=str(tmp_path), name="a"), RETRIES)
    with pytest.raises(DataError, match=r"file:///a\.txt: row 3: bad"):
        tries.failed(DataError("row 3: bad"))
    with pytest.raises(DataError, match=r"^scripted: file:///a\.txt, row 3: bad"):
        tries.failed(DataError("file:///a.txt, row 3: bad"))
    with pytest.raises(RuntimeError, match=r"file:///a\.txt failed: ZeroDivisionError\('a bug'\)"):
        tries.failed(ZeroDivisionError("a bug"))
    assert tries.count == 0


def test_a_worker_has_its_budgets_anew_with_each_answer(tmp_path: Path) -> None:
    tries = Tries.of_worker(AdderSpec(folder=str(tmp_path), name="a"), RETRIES)
    for _ in range(5):
        assert tries.failed(StorageError("busy")) > 0
        tries.succeeded()
    for _ in range(5):
        tries.failed(OSError("gone"), "worker")
    with pytest.raises(StorageError, match=r"^member a lost its worker 6 times in a row \(it is projected"):
        tries.failed(OSError("gone"), "worker")


def test_a_run_that_is_asked_to_stop_waits_for_no_other_try(tmp_path: Path) -> None:
    task = Scripted(folder=str(tmp_path), name="a", script=("storage",) * 9)
    executor = LocalExecutor(retries=QUICK, stop=lambda: task.invocations() > 0)
    with pytest.raises(PreemptedError, match="asked to stop; what is finished is kept"):
        list(executor.run([task]))
    assert task.invocations() == 1
