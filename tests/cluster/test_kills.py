"""Workers, a machine and drivers are killed at random: the result has the same bytes, and nothing refers to a leftover.

`PAIRLOOM_KILLS=30` kills so many workers instead of a handful, `PAIRLOOM_DRIVER_KILLS=10` so many drivers.
"""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import ray
from ray.cluster_utils import Cluster

from pairloom.pipeline import open_dataset, run
from pairloom.pipeline.audit.roundtrip import round_trip
from pairloom.pipeline.audit.verify import verify
from pairloom.pipeline.execution.ray.tasks import RayExecutor
from pairloom.pipeline.execution.retries import Retries
from pairloom.pipeline.flow.events import Doing, Event, StepStarted
from pairloom.pipeline.store.gc import collect
from tests.support.corpora import contents, documents, recipe_for, write_jsonl

KILLS = int(os.environ.get("PAIRLOOM_KILLS", "4"))
DRIVER_KILLS = int(os.environ.get("PAIRLOOM_DRIVER_KILLS", "2"))
SETTINGS = ["execution.unit_bytes=3000", "pack.file_tokens=2000", "execution.engine=ray"]
CODE = """
import sys
from pathlib import Path
from tests.cluster.test_kills import drive
drive(Path(sys.argv[1]), sys.argv[2])
"""
NO_TASKS = ("ray::IDLE", "ray::DashboardAgent", "ray::RuntimeEnvAgent")


@pytest.fixture(scope="module")
def cluster(no_cluster: None) -> Iterator[Cluster]:
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    cluster.add_node(num_cpus=1)
    cluster.add_node(num_cpus=1)
    cluster.wait_for_nodes()
    yield cluster
    ray.shutdown()
    cluster.shutdown()


class Killer(threading.Thread):
    """Kills workers of this process's cluster that run a task, and half way a machine, until it is told to stop."""

    def __init__(self, cluster: Cluster, kills: int) -> None:
        super().__init__(daemon=True)
        self._cluster, self._kills, self._rng = cluster, kills, random.Random(1)
        self._over = threading.Event()
        self.killed = self.machines = 0

    def run(self) -> None:
        while self.killed < self._kills and not self._over.wait(self._rng.random() * 0.5):
            if busy := self._busy():
                try:
                    os.kill(self._rng.choice(busy), signal.SIGKILL)
                except ProcessLookupError:
                    continue
                self.killed += 1
            if self.killed == self._kills // 2 and not self.machines:
                self._cluster.remove_node(next(iter(self._cluster.worker_nodes)), allow_graceful=False)
                self.machines += 1

    def stop(self) -> None:
        self._over.set()
        if self.is_alive():
            self.join()

    def _busy(self) -> list[int]:
        found = []
        for process in psutil.Process().children(recursive=True):
            try:
                title = " ".join(process.cmdline())
            except psutil.Error:
                continue
            if title.startswith("ray::") and not title.startswith(NO_TASKS):
                found.append(process.pid)
        return found


def check(folder: Path, whole: object) -> None:
    """What was made under fire is what is made in peace, and stays it when the leftovers are gone."""
    dataset = open_dataset(str(folder / "killed"))
    assert contents(dataset.manifest) == whole
    round_trip(dataset, verify(dataset), sample=2)
    collect(dataset.objects, now=time.time() + 60, grace=0.0, delete=True)
    round_trip(dataset, verify(dataset), sample=2, everything=True)
    events: list[Event] = []
    recipe = recipe_for(folder, *SETTINGS, root=folder / "killed")
    assert run(recipe, observe=events.append) == dataset.manifest
    assert [event for event in events if not isinstance(event, Doing)] == []


def drive(folder: Path, address: str) -> None:
    run(recipe_for(folder, *SETTINGS, f"execution.address={address}", root=folder / "killed"))


def test_killed_drivers_are_continued(tmp_path: Path, cluster: Cluster) -> None:
    write_jsonl(tmp_path / "in" / "a.jsonl", documents(300))
    whole = contents(run(recipe_for(tmp_path, SETTINGS[0], SETTINGS[1])))
    rng, killed, receipts = random.Random(1), 0, tmp_path / "killed" / "receipts"
    command = [sys.executable, "-c", CODE, str(tmp_path), cluster.address]
    for _ in range(DRIVER_KILLS):
        process = subprocess.Popen(command, cwd=Path(__file__).parents[2], stderr=subprocess.DEVNULL)
        before = len(list(receipts.rglob("*.json")))
        while process.poll() is None and len(list(receipts.rglob("*.json"))) <= before:
            time.sleep(0.01)
        time.sleep(rng.random() * 0.2)
        process.send_signal(signal.SIGKILL)
        killed += process.wait() == -signal.SIGKILL
    sys.stderr.write(f"{killed} drivers killed\n")
    assert killed > 0
    subprocess.run(command, cwd=Path(__file__).parents[2], check=True, stderr=subprocess.DEVNULL)
    check(tmp_path, whole)


def test_killed_workers_and_machines_cost_nothing_but_time(tmp_path: Path, cluster: Cluster) -> None:
    write_jsonl(tmp_path / "in" / "a.jsonl", documents(100 * KILLS))
    whole = contents(run(recipe_for(tmp_path, SETTINGS[0], SETTINGS[1])))
    ray.init(address=cluster.address, log_to_driver=False)
    killer = Killer(cluster, KILLS)

    def strike(event: Event) -> None:
        # Not before there are units: whatever is killed while the first worker prepares is that one.
        if isinstance(event, StepStarted) and event.step == "count":
            killer.start()

    recipe = recipe_for(tmp_path, *SETTINGS, root=tmp_path / "killed")
    try:
        run(recipe, executor=RayExecutor(retries=Retries(worker_deaths=50, first_wait=0.05)), observe=strike)
    finally:
        killer.stop()
    sys.stderr.write(f"{killer.killed} workers and {killer.machines} machines killed\n")
    assert killer.killed >= KILLS // 2
    assert killer.machines == 1
    check(tmp_path, whole)
