"""Memory that was promised by a machine that is gone: its tasks run on what is left."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import ray
from ray.cluster_utils import Cluster

from pairloom.operators.errors import RecipeError
from pairloom.pipeline.execution.ray.tasks import RayExecutor, _largest_machine
from pairloom.pipeline.execution.retries import Retries
from pairloom.pipeline.store.receipts import Receipt
from tests.support.tasks import Scripted

MB = 1 << 20


@pytest.fixture
def cluster(no_cluster: None) -> Iterator[Cluster]:
    # A machine that is gone is noticed within seconds.
    watch = {
        "health_check_initial_delay_ms": 0,
        "health_check_period_ms": 500,
        "health_check_timeout_ms": 2000,
    }
    head = {"num_cpus": 1, "memory": 200 * MB, "include_dashboard": False, "_system_config": watch}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    yield cluster
    ray.shutdown()
    cluster.shutdown()


@pytest.mark.rare("pipeline/execution", "tests/support/tasks.py", "pyproject.toml")
def test_tasks_shrink_to_the_machines_that_are_left(
    tmp_path: Path, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    large = cluster.add_node(num_cpus=1, memory=1000 * MB)
    cluster.wait_for_nodes()
    ray.init(address=cluster.address, log_to_driver=False)
    monkeypatch.setattr(sys.modules["pairloom.pipeline.execution.ray.tasks"], "SURVEY_SECONDS", 1.0)
    tasks = [
        Scripted(folder=str(tmp_path), name=f"t{i}", script=("slow",), memory=900 * MB) for i in range(3)
    ]
    receipts: list[Receipt] = []
    for done in RayExecutor(max_in_flight=3, retries=Retries(first_wait=0.01)).run(tasks):
        if not receipts:
            cluster.remove_node(large, allow_graceful=False)
        receipts.append(done.result)
    assert sorted(receipt.unit for receipt in receipts) == sorted(task.unit for task in tasks)


@pytest.mark.parametrize(
    ("machines", "room"),
    [
        ([], None),
        ([{"Alive": True, "Resources": {"memory": 9e9}}], None),
        (
            [
                {"Alive": True, "Resources": {"CPU": 4.0, "memory": 1e9}},
                {"Alive": True, "Resources": {"CPU": 1.0, "memory": 2e9}},
                {"Alive": False, "Resources": {"CPU": 4.0, "memory": 9e9}},
            ],
            2_000_000_000,
        ),
    ],
)
def test_the_room_is_that_of_the_largest_machine_that_lives(
    monkeypatch: pytest.MonkeyPatch, machines: list[dict[str, object]], room: int | None
) -> None:
    monkeypatch.setattr(ray, "nodes", lambda: machines)
    assert _largest_machine() == room


def test_machines_without_memory_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray, "nodes", lambda: [{"Alive": True, "Resources": {"CPU": 4.0, "memory": 5e6}}])
    with pytest.raises(RecipeError, match="offers 5 MB of memory to tasks"):
        _largest_machine()


@pytest.mark.rare("pipeline/execution", "tests/support/tasks.py", "pyproject.toml")
def test_a_cluster_that_grows_is_given_more_to_do(
    tmp_path: Path, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    ray.init(address=cluster.address, log_to_driver=False)
    monkeypatch.setattr(sys.modules["pairloom.pipeline.execution.ray.tasks"], "SURVEY_SECONDS", 0.5)
    tasks = iter(
        [Scripted(folder=str(tmp_path), name=f"t{i}", script=("slow",), memory=10 * MB) for i in range(12)]
    )
    taken = 0

    def counted() -> Iterator[Scripted]:
        nonlocal taken
        for task in tasks:
            taken += 1
            yield task

    ahead = []
    for done, _ in enumerate(RayExecutor().run(counted())):
        ahead.append(taken - done)  # in flight before this one was done
        if done == 0:
            cluster.add_node(num_cpus=2, memory=1000 * MB)
            cluster.wait_for_nodes()
    assert ahead[0] == 2
    assert max(ahead) == 6
