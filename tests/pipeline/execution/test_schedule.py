"""The simulated schedule: what becomes of the time of workers, counted by hand."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pairloom.operators.errors import PairloomError
from pairloom.pipeline.execution.retries import Retries
from pairloom.pipeline.flow.job import Job
from pairloom.pipeline.store.receipts import claim
from tests.support.schedule import Schedule, Used, machines_last, slow_attempts
from tests.support.simulation import MemoryObjects, count_tasks, simulated_plan, simulated_receipt

AT_ONCE = Retries(first_wait=0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Nap:
    """A task that says how long it takes."""

    unit: str
    seconds: float
    step: str = "nap"
    label: str = "nothing"

    def need(self) -> int:
        return 0

    def run(self, shared: Any) -> None: ...


def used(seconds: list[float], workers: int, **options: Any) -> tuple[Used, list[str]]:
    schedule = Schedule(
        workers_=workers,
        seconds=lambda task, _: task.seconds,
        result=lambda task: task.unit,
        retries=AT_ONCE,
        **options,
    )
    done = [one.unit for one in schedule.run([Nap(unit=str(i), seconds=s) for i, s in enumerate(seconds)])]
    return schedule.used[0], done


def test_the_largest_first_leaves_nobody_idle() -> None:
    found, done = used([3, 2, 2, 1], 2)
    assert (found.seconds, found.useful, found.share) == (4, 8, 1)
    assert done in (["1", "0", "3", "2"], ["1", "0", "2", "3"])


def test_one_that_takes_long_leaves_all_others_idle() -> None:
    found, _ = used([1, 1, 1, 10], 4)
    assert (found.seconds, found.useful, found.before, found.after) == (10, 13, 0, 27)
    assert found.limit == "stragglers"


def test_a_machine_that_is_taken_costs_its_work_and_the_boot_of_another() -> None:
    found, done = used([10], 1, lasts=lambda _, attempt: 4 if attempt == 0 else 99, boot=5)
    assert (found.seconds, found.useful, found.lost, found.booting, found.after) == (19, 10, 4, 5, 0)
    assert found.limit == "preemptions"
    assert done == ["0"]


def test_a_driver_that_cannot_keep_up_leaves_places_idle() -> None:
    """Of 2 places with at most 2 tasks in flight, each of 1 second and then 1 of the driver's: one task a second."""
    found, _ = used([1.0] * 10, 2, driver=1.0, most=2)
    assert (found.seconds, found.useful, found.limit) == (11, 10, "driver")


def test_a_unit_whose_machines_are_always_taken_ends_the_run() -> None:
    schedule = Schedule(
        workers_=1,
        seconds=lambda *_: 2,
        lasts=lambda *_: 1,
        result=lambda task: None,
        retries=Retries(node_deaths=3, first_wait=0.0),
    )
    with pytest.raises(PairloomError, match="nap unit x, nothing"):
        list(schedule.run([Nap(unit="x", seconds=2)]))
    assert schedule.used == []


def test_a_thousand_workers_whose_machines_come_and_go_do_each_unit_once(tmp_path: Path) -> None:
    plan, objects = simulated_plan(tmp_path, 5000), MemoryObjects()

    def receipt(task: Any) -> Any:
        made = simulated_receipt(task)
        objects.objects.update((file.path, b"") for file in made.files)
        return claim(objects, made)

    one_minute = slow_attempts(lambda *_: 60.0, share=0.02, times=4)
    schedule = Schedule(
        workers_=1000, seconds=one_minute, result=receipt, lasts=machines_last(1800), boot=90, driver=0.0001
    )
    retries: Counter[int] = Counter()
    job = Job(
        plan=plan,
        objects=objects,
        observe=lambda event: retries.update([event.retries] if hasattr(event, "retries") else []),
        executor=schedule,
        records={},
    )
    receipts = job.step("count", count_tasks(plan), sizes=[unit.bytes for unit in plan.units])
    assert [receipt.unit for receipt in receipts] == [task.unit for task in count_tasks(plan)]
    assert sum(retries.values()) == 5000
    assert retries[1] > 0
    (found,) = schedule.used
    parts = (found.useful, found.lost, found.booting, found.before, found.after)
    assert sum(parts) == pytest.approx(1000 * found.seconds)
    assert min(parts) >= 0
    assert found.limit == "stragglers"
