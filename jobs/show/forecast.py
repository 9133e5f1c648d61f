"""`pairloom plan` for a stated cluster: what each stage takes there, and what to do where processors are not the limit."""

import json
import re
import sys
from dataclasses import asdict
from typing import Any

from pydantic import TypeAdapter, ValidationError
from rich.table import Table

from pairloom.jobs.show.amounts import many, size_text, time_text
from pairloom.jobs.show.console import wide_console
from pairloom.operators.errors import RecipeError
from pairloom.pipeline.flow.plan import Plan
from pairloom.pipeline.forecast.cluster import Cluster, Forecast, forecast
from pairloom.pipeline.recipe.amounts import Size
from pairloom.pipeline.store.location import open_objects
from pairloom.pipeline.store.objects import LocalObjects

__all__ = ["cluster_of", "show_forecast"]

NETWORK = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*([MG])b(?:it|ps|/s)?\s*$")
ADVICE = {
    "memory": "give the machines more memory, lower execution.unit_bytes, or (for learn) raise vocabulary.learn.members: not "
    "every processor gets a task",
    "network": "use machines with a faster network, or more of them",
    "requests": "raise execution.unit_bytes and pack.file_tokens: their product decides how often the store is asked; "
    "or have the store split the root's names, which are spread over 256 prefixes (--prefixes tells what that gives)",
    "one task": "it is one task: more machines do not make it faster, a faster processor does",
    "local disk": "give the machines more memory, or take more of them with vocabulary.learn.members: what memory does not hold is "
    "written to their disks and read again, once at least",
    "rounds": "lower vocabulary.learn.members: every round asks all of them",
    "few tasks": "lower execution.unit_bytes: there are fewer tasks than processors",
}


def cluster_of(workers: int, processors: int, memory: str, network: str, prefixes: int = 1) -> Cluster:
    """A cluster from what people write: `64GB` of memory and `10Gb` (bits a second) of network for each machine."""
    found = NETWORK.match(network)
    if not found:
        raise RecipeError(
            f"--network {network!r} is no rate; write for example 10Gb or 800Mb (bits a second)"
        )
    try:
        room: int = TypeAdapter(Size).validate_python(memory)
    except ValidationError as error:
        raise RecipeError(f"--machine-memory {memory!r} is no size; write for example 64GB") from error
    bits = float(found[1]) * {"M": 1e6, "G": 1e9}[found[2]]
    machines = -(-workers // processors)
    return Cluster(
        machines=machines,
        processors=min(workers, processors),
        memory=room,
        network=bits / 8,
        prefixes=prefixes,
    )


def show_forecast(plan: Plan, cluster: Cluster, as_json: bool) -> None:
    """Print what a run from nothing would take on a cluster."""
    objects = open_objects(plan.recipe.root)
    stages = forecast(plan, cluster, remote=not isinstance(objects, LocalObjects))
    seconds = sum(stage.seconds for stage in stages)
    hours = sum(stage.busy for stage in stages) / 3600
    if as_json:
        facts: dict[str, Any] = {"files": len(plan.inputs), "bytes": plan.bytes, "units": len(plan.units)}
        facts |= {"cluster": asdict(cluster), "seconds": round(seconds, 1), "core_hours": round(hours, 2)}
        sys.stdout.write(json.dumps(facts | {"stages": [asdict(stage) for stage in stages]}) + "\n")
        return
    console = wide_console(130)
    console.print(
        f"{many(len(plan.inputs), 'file')}, {size_text(plan.bytes)}, {many(len(plan.units), 'unit')}, "
        f"on {many(cluster.machines, 'machine')} with {cluster.processors} processors, "
        f"{size_text(cluster.memory)} and {cluster.network * 8 / 1e9:g} Gb/s each; "
        f"root {objects.root}"
    )
    table = Table("stage", "tasks", "memory a task", "disk", "read", "written", box=None, pad_edge=False)
    for name in ("GET, HEAD", "PUT, LIST", "core hours", "time", "limited by"):
        table.add_column(name)
    for stage in stages:
        table.add_row(*_cells(stage))
    console.print(table)
    console.print(f"in all {time_text(seconds)} and {hours:,.1f} core hours")
    for stage in stages:
        if stage.memory > cluster.memory:
            console.print(
                f"{stage.stage} is projected to need {size_text(stage.memory)}, more than a machine has: it gets one for "
                "itself and may not fit; have one larger machine in the cluster"
            )
        if stage.spilled:
            console.print(
                f"{stage.stage} keeps {size_text(stage.spilled)} a task in files of its machine (vocabulary.learn.spill), which "
                "memory does not hold"
            )
    for limit in dict.fromkeys(stage.limit for stage in stages if stage.limit in ADVICE):
        named = ", ".join(stage.stage for stage in stages if stage.limit == limit)
        console.print(f"{named}, limited by {limit}: {ADVICE[limit]}")


def _cells(stage: Forecast) -> list[str]:
    return [
        stage.stage,
        f"{stage.tasks:,}",
        size_text(stage.memory),
        size_text(stage.disk),
        size_text(stage.read),
        size_text(stage.written),
        f"{stage.requests.reads:,}",
        f"{stage.requests.writes:,}",
        f"{stage.busy / 3600:,.2f}",
        time_text(stage.seconds),
        stage.limit,
    ]
