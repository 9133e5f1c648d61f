"""What a run would take on a stated cluster, and what would limit it: processors, memory, network, requests or one task.

Every stage says what it asks (`Stage.cost`); here is what a cluster makes of it. Times are estimates from measured rates.
"""

from dataclasses import dataclass
from typing import Literal

from pairloom.pipeline.flow.plan import Plan
from pairloom.pipeline.forecast.cost import Cluster, Cost
from pairloom.pipeline.forecast.requests import Requests
from pairloom.pipeline.stages import stages
from pairloom.pipeline.store.files import SPREAD

__all__ = ["LOCAL_DISK", "Cluster", "Forecast", "forecast"]

REQUEST_SECONDS = 0.03  # that a worker waits for a small request; object stores answer within 10 to 50 ms
# Bytes a second of a machine's own disk, an assumption: what is kept there is written once and read once, at least.
LOCAL_DISK = 500e6
# What S3 states for a prefix; it splits prefixes as load grows (`Cluster.prefixes`).
READS_A_SECOND, WRITES_A_SECOND = 5500.0, 3500.0

Limit = Literal[
    "processors", "memory", "network", "requests", "one task", "few tasks", "rounds", "local disk"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What a stage is expected to take on a cluster.

    `read` and `written` are bytes over the network, `memory` bytes a task, `spilled` those that it keeps on a disk of its machine,
    `busy` seconds of processors. `seconds` is the longest of what processors, network and requests take, and what members wait
    for the driver and for that disk; `limit` says which of all these is the longest.
    """

    stage: str
    tasks: int
    memory: int
    disk: int
    read: int
    written: int
    requests: Requests
    busy: float
    seconds: float
    limit: Limit
    spilled: int = 0


def forecast(plan: Plan, cluster: Cluster, *, remote: bool = False) -> list[Forecast]:
    """Forecast each stage of a plan on a cluster; `remote` says whether the root is in an object store."""
    wanted = [stage for stage in stages() if stage.name in plan.stages]
    return [_forecast(stage.name, stage.cost(plan, cluster), cluster, remote) for stage in wanted]


def _forecast(name: str, cost: Cost, cluster: Cluster, remote: bool) -> Forecast:
    requests = cost.requests if remote else Requests()
    busy = cost.work + (requests.reads + requests.writes) * REQUEST_SECONDS
    room = cluster.room // max(1, cost.memory) * cluster.machines
    tasks = cost.tasks if cost.at_once is None else min(cost.tasks, cost.at_once)
    at_once = max(1, min(tasks, cluster.workers, room))
    machines = min(cluster.machines, at_once)
    needs: dict[Limit, float] = {
        _narrowest(tasks, cluster.workers, room): busy / at_once,
        "network": (cost.read + cost.written) / (cluster.network * machines),
        "requests": max(requests.reads / READS_A_SECOND, requests.writes / WRITES_A_SECOND)
        / min(cluster.prefixes, SPREAD),
    }
    longest = max(needs.values())
    # While the driver asks, and while what is mapped is read, members do nothing else.
    waits: dict[Limit, float] = {
        "rounds": cost.waiting,
        "local disk": 2 * cost.spilled * -(-at_once // cluster.machines) / LOCAL_DISK,
    }
    return Forecast(
        stage=name,
        tasks=cost.tasks,
        memory=cost.memory,
        disk=cost.disk,
        read=cost.read,
        written=cost.written,
        requests=requests,
        busy=busy,
        spilled=cost.spilled,
        seconds=longest + sum(waits.values()),
        limit=max({**needs, **waits}.items(), key=lambda one: one[1])[0],
    )


def _narrowest(tasks: int, workers: int, room: int) -> Limit:
    """What bounds how many tasks run at a time."""
    if tasks == 1:
        return "one task"
    if tasks < min(workers, room):
        return "few tasks"
    return "memory" if room < workers else "processors"
