"""Retry budgets in this process: what is tried again, how often, and what is said when the budget is spent."""

from pathlib import Path

import pytest

from pairloom.operators.errors import DataError, PreemptedError, StorageError
from pairloom.pipeline.execution.base import Done
from pairloom.pipeline.execution.local import LocalExecutor
from pairloom.pipeline.execution.retries import Retries
from pairloom.pipeline.identity import unit_id
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
    with pytest.raises(DataError, match=rf"scripted unit {bad.unit[:12]}, file:///bad\.txt: row 3: bad"):
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
