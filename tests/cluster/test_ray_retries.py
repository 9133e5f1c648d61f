"""Retry budgets on Ray: deaths are survived, failures are named, nothing is unschedulable, a stop is a clean one."""

from pathlib import Path

import pytest

from pairloom.operators.errors import DataError, PreemptedError, StorageError
from pairloom.pipeline.execution.ray.tasks import RayExecutor
from pairloom.pipeline.execution.retries import Retries
from pairloom.pipeline.store.receipts import Receipt
from tests.support.tasks import Scripted

QUICK = Retries(worker_deaths=2, storage_failures=2, first_wait=0.01)


def test_deaths_and_storage_failures_are_survived(tmp_path: Path, cluster: str) -> None:
    scripts = {
        "well": (),
        "killed": ("killed", "killed"),
        "stored": ("storage", "storage"),
        "both": ("killed", "storage", "killed", "storage"),
    }
    tasks = [Scripted(folder=str(tmp_path), name=name, script=script) for name, script in scripts.items()]
    receipts = [done.result for done in RayExecutor(retries=QUICK).run(tasks, 5)]
    assert sorted(receipt.unit for receipt in receipts) == sorted(task.unit for task in tasks)
    assert {receipt.facts["shared"] for receipt in receipts} == {5}
    assert [task.invocations() for task in tasks] == [len(script) + 1 for script in scripts.values()]


def test_a_unit_that_keeps_killing_its_workers_is_named(tmp_path: Path, cluster: str) -> None:
    task = Scripted(folder=str(tmp_path), name="hungry", script=("killed",) * 9, memory=2_000_000_000)
    with pytest.raises(StorageError, match=r"file:///hungry\.txt killed its worker 3 times.*2\.0 GB"):
        list(RayExecutor(retries=QUICK).run([task]))
    assert task.invocations() == 3


@pytest.mark.parametrize(
    ("script", "error", "message", "times"),
    [
        (("data",), DataError, r"scripted, file:///x\.txt: row 3: bad", 1),
        (("bug",), RuntimeError, r"scripted unit \w{12}, file:///x\.txt failed: ZeroDivisionError", 1),
        (("storage",) * 9, StorageError, r"file:///x\.txt: storage failed for the 2\. time", 3),
    ],
)
def test_what_fails_is_named(
    tmp_path: Path, cluster: str, script: tuple[str, ...], error: type[Exception], message: str, times: int
) -> None:
    task = Scripted(folder=str(tmp_path), name="x", script=script)
    with pytest.raises(error, match=message):
        list(RayExecutor(retries=QUICK).run([task]))
    assert task.invocations() == times


def test_a_task_larger_than_any_machine_runs_alone(tmp_path: Path, cluster: str) -> None:
    tasks = [Scripted(folder=str(tmp_path), name=f"big{i}", memory=1 << 50) for i in range(3)]
    assert len(list(RayExecutor().run(tasks))) == 3


def test_a_run_that_is_asked_to_stop_keeps_what_is_done(tmp_path: Path, cluster: str) -> None:
    endless = Scripted(folder=str(tmp_path), name="endless", script=("endless",))
    slow = [Scripted(folder=str(tmp_path), name=f"slow{i}", script=("slow",)) for i in range(30)]
    executor = RayExecutor(
        max_in_flight=3, grace=3.0, stop=lambda: bool(endless.invocations() and slow[1].invocations())
    )
    receipts: list[Receipt] = []
    with pytest.raises(PreemptedError, match="1 units were given up"):
        receipts.extend(done.result for done in executor.run([endless, *slow]))
    assert len(receipts) < len(slow)
    assert sorted(receipt.unit for receipt in receipts) == sorted(
        task.unit for task in slow if task.invocations()
    )
