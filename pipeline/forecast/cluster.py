"""What a run would take on a stated cluster, and what would limit it: processors, memory, network, requests or one task.

Requests follow from how the store is used, file by file (`shape.py`); times are estimates from measured rates.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from pairloom.pipeline.flow.plan import RATES, Plan, Projection, project
from pairloom.pipeline.forecast.shape import Requests, Shape, requests_of, shape_of
from pairloom.pipeline.stages.learn.rounds import MEMBERS

__all__ = ["Cluster", "Forecast", "forecast"]

KEPT_BY_RAY = 0.3  # share of a machine's memory that its object store and Ray itself take
REQUEST_SECONDS = 0.03  # that a worker waits for a small request; object stores answer within 10 to 50 ms
# What S3 states for a prefix; it splits prefixes as load grows.
READS_A_SECOND, WRITES_A_SECOND = 5500.0, 3500.0
# Learning in rounds, as measured with 1 to 4 members and vocabularies of 32,768 and 131,072 tokens (README): its processor
# time beside that of one learner, rounds (and how they grow with the vocabulary), bytes that a member tells a round, what
# asking it costs the driver, and bytes of answers that the driver deals with in a second.
SHARDED_WORK = 2.2
ROUNDS_OF_32K, ROUNDS_POWER = 309, 0.61
TOLD, ASKING_SECONDS, DEALT = 120_000, 0.0004, 0.56e9

Limit = Literal["processors", "memory", "network", "requests", "one task", "few tasks", "rounds"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """Machines of a kind: `processors` and bytes of `memory` of each, `network` in bytes a second of each."""

    machines: int
    processors: int
    memory: int
    network: float

    @property
    def workers(self) -> int:
        """Processors of all machines."""
        return self.machines * self.processors


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What a stage is expected to take on a cluster.

    `read` and `written` are bytes over the network, `memory` bytes a task, `busy` seconds of processors. `seconds` is the
    longest of what processors, network and requests take, and `limit` says which that is.
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


def forecast(plan: Plan, cluster: Cluster, *, remote: bool) -> list[Forecast]:
    """Forecast each stage of a plan on a cluster; `remote` says whether the root is in an object store."""
    plan = _with_learner(plan, cluster)
    shape = shape_of(plan)
    asked, moved = requests_of(shape), _moved(plan, shape)
    out = []
    for stage in (_in_two_steps(one, shape) for one in project(plan, cluster.workers)):
        read, written = moved[stage.stage]
        requests = asked[stage.stage] if remote else Requests()
        waits = (requests.reads + requests.writes) * REQUEST_SECONDS
        busy = plan.bytes / RATES[stage.stage] + waits
        room = int(cluster.memory * (1 - KEPT_BY_RAY) // max(1, stage.memory)) * cluster.machines
        tasks, rounds = stage.tasks, 0.0
        if stage.stage == "learn":
            tasks = _members(plan, cluster) if _sharded(plan) else 1
            if _sharded(plan):
                busy, rounds = SHARDED_WORK * busy, _rounds(plan, tasks, cluster)
        at_once = max(1, min(tasks, cluster.workers, room))
        machines = min(cluster.machines, at_once)
        needs: dict[Limit, float] = {
            _narrowest(tasks, cluster.workers, room): busy / at_once,
            "network": (read + written) / (cluster.network * machines),
            "requests": max(requests.reads / READS_A_SECOND, requests.writes / WRITES_A_SECOND),
        }
        longest = max(needs.values())
        limit = "rounds" if rounds > longest else max(needs, key=lambda name: needs[name])
        out.append(
            Forecast(
                stage=stage.stage,
                tasks=stage.tasks,
                memory=stage.memory,
                disk=stage.disk,
                read=read,
                written=written,
                requests=requests,
                busy=busy,
                seconds=longest + rounds,  # while the driver asks, members wait
                limit=limit,
            )
        )
    return out


def _moved(plan: Plan, shape: Shape) -> Mapping[str, tuple[int, int]]:
    """Bytes that each stage reads and writes. What is written for good is read again once, before anybody may trust it."""
    words, tokens = shape.words * shape.units, shape.tokens * shape.units
    combined, again = shape.combined * shape.groups, tokens if shape.again else 0
    digests = tokens // 100 if shape.digests else 0
    return {
        "count": (plan.bytes + 3 * words + (2 * combined if combined else 0), 2 * words + combined),
        "learn": (words, 0),
        "tokenize": (plan.bytes + tokens, tokens),
        "select": (tokens + 2 * digests, digests),
        "pack": (3 * tokens + again, 2 * tokens + again),
    }


def _in_two_steps(stage: Projection, shape: Shape) -> Projection:
    """A stage with the tasks that are between its first and its last: counts that are combined, batches spread again."""
    if stage.stage == "count" and shape.groups:
        memory = max(stage.memory, 300_000_000 + shape.words * -(-shape.units // shape.groups))
        return replace(stage, tasks=stage.tasks + shape.groups, memory=memory)
    if stage.stage == "pack" and shape.again:
        batches, tokens = -(-shape.files // shape.width), shape.tokens * shape.units
        memory = max(stage.memory, 300_000_000 + 2 * tokens // (batches * shape.again))
        return replace(
            stage, tasks=stage.tasks + batches * shape.again, memory=memory, disk=stage.disk + tokens
        )
    return stage


def _with_learner(plan: Plan, cluster: Cluster) -> Plan:
    """A plan that is to learn as its words allow for, with the way of learning that a run would choose on the cluster."""
    learn = plan.recipe.vocabulary.learn
    if learn.mode != "auto" or "learn" not in plan.stages:
        return plan
    single = next(stage for stage in project(plan, cluster.workers) if stage.stage == "learn")
    mode = "sharded" if single.memory > cluster.memory * (1 - KEPT_BY_RAY) else "single"
    members = learn.members or min(MEMBERS, cluster.workers)
    chosen = learn.model_copy(update={"mode": mode, "members": members})
    vocabulary = plan.recipe.vocabulary.model_copy(update={"learn": chosen})
    return replace(plan, recipe=plan.recipe.model_copy(update={"vocabulary": vocabulary}))


def _sharded(plan: Plan) -> bool:
    return plan.recipe.vocabulary.learn.mode == "sharded"


def _members(plan: Plan, cluster: Cluster) -> int:
    wanted = plan.recipe.vocabulary.learn.members or min(MEMBERS, cluster.workers)
    return max(1, min(plan.partitions, wanted))


def _rounds(plan: Plan, members: int, cluster: Cluster) -> float:
    """Seconds of the driver's asking, and of the answers on their way to it and dealt with there."""
    rounds = ROUNDS_OF_32K * (plan.recipe.vocabulary.size / 32_768) ** ROUNDS_POWER
    seconds: float = rounds * members * (ASKING_SECONDS + TOLD / cluster.network + TOLD / DEALT)
    return seconds


def _narrowest(tasks: int, workers: int, room: int) -> Limit:
    """What bounds how many tasks run at a time."""
    if tasks == 1:
        return "one task"
    if tasks < min(workers, room):
        return "few tasks"
    return "memory" if room < workers else "processors"
