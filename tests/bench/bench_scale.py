"""What a unit costs the driver: plan, steps from nothing, steps that were done before, manifest; for corpora of two sizes.

    python tests/bench/bench_scale.py [UNITS ...]        10000 100000 by default
    python tests/bench/bench_scale.py --workers 1000 [--units 26250] [--seconds 64] [--driver 0.00012]

Each size runs in a process of its own: the planner and the receipts are the real ones, tasks only return, and objects are
kept in memory. Prints processor seconds, microseconds a unit, and the most memory that the process has had.

With `--workers` a step of so many units, of so many seconds each on average, is run over a simulated clock by so many workers: as
they are, with stragglers, on machines that are taken, and with a driver that takes so long for a result. Prints what share of the
workers' time was useful, where the rest went, and what limits it.
"""

import argparse
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
from tests.support.schedule import Attempt, Schedule, chance, machines_last, slow_attempts
from tests.support.simulation import (
    MemoryObjects,
    Returning,
    count_tasks,
    simulated_plan,
    simulated_receipt,
)

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


def schedules(workers: int, units: int, seconds: float, driver: float) -> None:
    """Print how a step's time is used in several worlds: units differ by a fifth each way in what they take."""

    def plain(task: object, _attempt: int) -> float:
        return seconds * (0.8 + 0.4 * chance("size", getattr(task, "unit")))  # noqa: B009  (any task has one)

    never: Attempt = lambda _task, _attempt: float("inf")  # noqa: E731
    slow, taken = slow_attempts(plain, share=0.01, times=5), machines_last(4 * 3600)
    often = machines_last(1800)
    worlds: dict[str, tuple[Attempt, Attempt, float]] = {
        "nothing fails": (plain, never, 0.0),
        "1 % of tries take 5 times as long": (slow, never, 0.0),
        "machines last 4 h": (plain, taken, 0.0),
        "machines last 30 min": (plain, often, 0.0),
        f"a result takes the driver {driver * 1e6:g} us": (plain, never, driver),
        f"a result takes the driver {seconds / workers * 1e3:.1f} ms": (plain, never, seconds / workers),
        "all: 1 % slow, 4 h, the driver": (slow, taken, driver),
    }
    with tempfile.TemporaryDirectory() as name:
        tasks = count_tasks(simulated_plan(Path(name), units))
    print(f"{workers:,} workers, {units:,} units of {seconds:g} s, 120 s until another machine is there")
    for what, (takes, lasts, dealing) in worlds.items():
        schedule = Schedule(
            workers_=workers,
            seconds=takes,
            result=simulated_receipt,
            lasts=lasts,
            boot=120.0,
            driver=dealing,
        )
        retries = sum(done.retries for done in schedule.run(tasks))
        (used,) = schedule.used
        whole = used.seconds * used.places / 100
        print(
            f"{what:<34} {used.seconds / 60:7.1f} min, useful {used.useful / whole:5.1f} %, lost {used.lost / whole:4.1f}, "
            f"booting {used.booting / whole:4.1f}, idle before the last begins {used.before / whole:4.1f} and after "
            f"{used.after / whole:4.1f}; {retries:,} tries again; most by {used.limit}"
        )


def asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--workers", type=int, required=True)
    parser.add_argument("--units", type=int, default=26_250)
    parser.add_argument("--seconds", type=float, default=64.0)
    parser.add_argument("--driver", type=float, default=120e-6)
    return parser.parse_args()


if __name__ == "__main__":
    if any(one.startswith("--") for one in sys.argv[1:]):
        options = asked()
        schedules(options.workers, options.units, options.seconds, options.driver)
    elif len(sys.argv) == 2:
        main(int(sys.argv[1]))
    else:
        for size in sys.argv[1:] or ["10000", "100000"]:
            subprocess.run([sys.executable, __file__, size], check=True)
