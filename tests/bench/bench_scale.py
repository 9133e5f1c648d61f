"""What a unit costs the driver: plan, steps from nothing, steps that were done before, manifest; for corpora of two sizes.

    python tests/bench/bench_scale.py [UNITS ...]        10000 100000 by default

Each size runs in a process of its own: the planner and the receipts are the real ones, tasks only return, and objects are
kept in memory. Prints processor seconds, microseconds a unit, and the most memory that the process has had.
"""

import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

sys.path.insert(0, str(Path(__file__).parents[2]))

from pairloom.jobs.show.progress import Progress
from pairloom.pipeline.flow.job import Job
from pairloom.pipeline.store.manifest import Manifest, StageRecord, commit, latest_manifest
from pairloom.pipeline.store.receipts import Ledger
from tests.support.simulation import MemoryObjects, Returning, count_tasks, simulated_plan

T = TypeVar("T")


def main(units: int) -> None:
    def timed(what: str, work: Callable[[], T]) -> T:
        started = time.process_time()
        result = work()
        seconds = time.process_time() - started
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
        print(
            f"{units:>8,} {what:<12} {seconds:8.2f} s {seconds / units * 1e6:8.1f} us a unit {peak:8.0f} MB"
        )
        return result

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        simulated_plan(folder, units)
        plan = timed("plan", lambda: simulated_plan(folder, units))
    assert len(plan.units) == units
    objects = MemoryObjects()
    job = Job(plan=plan, objects=objects, observe=Progress(), executor=Returning(objects=objects), records={})

    def step() -> StageRecord:
        receipts = job.step("count", count_tasks(plan), sizes=[unit.bytes for unit in plan.units])
        return StageRecord(
            key=plan.keys["count"],
            units=tuple(receipt.unit for receipt in receipts),
            files=tuple(receipt.file("words") for receipt in receipts),
            ledger=Ledger.sum(receipt.ledger for receipt in receipts),
        )

    record = timed("step", step)
    again = timed("step, done", step)
    assert again == record
    manifest = Manifest(generation=1, recipe={}, stages={"count": record})
    timed("commit", lambda: commit(objects, manifest))
    assert timed("read", lambda: latest_manifest(objects)) == manifest
    size = len(objects.objects["manifests/00000001.json"])
    print(
        f"{units:>8,} manifest     {size / 1e6:8.1f} MB {size / units:8.0f} bytes a unit; {dict(objects.asked)}"
    )


if __name__ == "__main__":
    if len(sys.argv) == 2:
        main(int(sys.argv[1]))
    else:
        for size in sys.argv[1:] or ["10000", "100000"]:
            subprocess.run([sys.executable, __file__, size], check=True)
