"""What a corpus of many units costs the driver, in requests: a listing a step, and a read for each unit that is done."""

from collections import Counter
from pathlib import Path

import pytest

from pairloom.pipeline.flow.events import Event, StepFinished
from pairloom.pipeline.flow.job import Job
from pairloom.pipeline.flow.plan import Plan
from pairloom.pipeline.store.receipts import FEW, Receipt, find_receipts
from tests.support.simulation import DOCUMENTS, MemoryObjects, Returning, count_tasks, simulated_plan

UNITS = 3000


def counted(
    plan: Plan, objects: MemoryObjects, fail_after: int | None = None
) -> tuple[list[Receipt], list[Event]]:
    events: list[Event] = []
    executor = Returning(objects=objects, fail_after=fail_after)
    job = Job(plan=plan, objects=objects, observe=events.append, executor=executor, records={})
    objects.asked.clear()
    return job.step("count", count_tasks(plan), sizes=[unit.bytes for unit in plan.units]), events


def test_a_step_costs_a_listing_of_receipts_one_of_files_and_a_request_a_unit(tmp_path: Path) -> None:
    plan, objects = simulated_plan(tmp_path, UNITS), MemoryObjects()
    with pytest.raises(KeyboardInterrupt):
        counted(plan, objects, fail_after=1000)
    assert objects.asked == Counter(list=1, put=1000)
    whole, events = counted(plan, objects)
    assert objects.asked == Counter(list=2, read=1000, put=UNITS - 1000)
    assert [receipt.unit for receipt in whole] == [task.unit for task in count_tasks(plan)]
    assert isinstance(events[-1], StepFinished)
    assert events[-1].ledger.documents_in == UNITS * DOCUMENTS
    assert counted(plan, objects)[0] == whole
    assert objects.asked == Counter(list=2, read=UNITS)


def test_a_listing_that_misses_a_receipt_costs_a_unit_of_work_and_nothing_else(tmp_path: Path) -> None:
    plan, objects = simulated_plan(tmp_path, 10 * FEW), MemoryObjects()
    whole, _ = counted(plan, objects)

    class Late(MemoryObjects):
        def list(self, prefix: str) -> list[str]:
            return super().list(prefix)[5:]

    late = Late(objects=objects.objects)
    assert sum(receipt is None for receipt in find_receipts(late, [("count", r.unit) for r in whole])) == 5
    again, _ = counted(plan, late)
    assert again == whole
    assert late.asked["put"] == 5


def test_few_units_are_asked_for_without_a_listing(tmp_path: Path) -> None:
    plan, objects = simulated_plan(tmp_path, FEW), MemoryObjects()
    counted(plan, objects)
    assert objects.asked == Counter(read=FEW, put=FEW)
