"""Which engine does the work, and why: this process, or Ray.

    asked for by name                        that one
    a cluster is named, or runs here         Ray
    starting Ray takes longer than it saves  this process
    else                                     Ray, started on this machine

Neither changes a byte of the result. This process works with a thread for each processor: reading, encoding, sorting, hashing
and writing let other threads go on, and what does not is a small share of the work, which limits how many threads are of
use. Ray's workers are processes, of which there can be as many as there are processors, once they have started.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pairloom.pipeline.execution.machine import processors
from pairloom.pipeline.execution.named import named_cluster
from pairloom.pipeline.recipe import Execution
from pairloom.pipeline.stages import stages

if TYPE_CHECKING:
    from pairloom.pipeline.flow.plan import Plan
    from pairloom.pipeline.store.manifest import Manifest

__all__ = ["START_SECONDS", "Engine", "choose_engine", "chosen_engine", "start_seconds"]

# Seconds from the start of Ray on this machine to workers that are as warm as this process: starting it 6, a worker and its
# kernels 3, ending it 1 (two cores of an AMD EPYC virtual machine).
RAY_SECONDS = 10.0
# Seconds in which this process imports what it needs and loads its kernels, whatever the engine.
START_SECONDS = 2.0
# The share of a task's time in which no other thread can work, and such seconds for each file (its opening, its ledger, its
# record batch; in two stages), as `tests/bench/bench_held.py` has found: 0.31 to 0.37 of runs over JSON Lines, 0.85 over 20,000
# text files of 200 bytes, which take 0.26 processor milliseconds each.
HELD = 0.35
FILE_SECONDS = 2.2e-4


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """The engine that a run uses, and the reason in words that people read."""

    name: Literal["ray", "local"]
    why: str

    @property
    def says(self) -> str:
        """What people read of it.

        >>> Engine(name="ray", why="as asked").says
        'Ray (as asked)'
        """
        return f"{'Ray' if self.name == 'ray' else 'this process'} ({self.why})"


def start_seconds(engine: Engine, execution: Execution, environment: Mapping[str, str] = os.environ) -> float:
    """Seconds before and after the work itself: importing, loading kernels, starting Ray where that is to be done.

    >>> start_seconds(Engine(name="local", why="as asked"), Execution())
    2.0
    """
    started = engine.name == "ray" and named_cluster(execution.address, environment) is None
    return START_SECONDS + (RAY_SECONDS if started else 0.0)


def choose_engine(
    execution: Execution,
    *,
    work: float = 0.0,
    held: float = HELD,
    places: int | None = None,
    environment: Mapping[str, str] = os.environ,
) -> Engine:
    """The engine for `work` seconds of one processor, of which a share `held` is done by one thread at a time.

    >>> choose_engine(Execution(), work=20.0, places=2, environment={"RAY_TMPDIR": "/none"}).name
    'local'
    >>> choose_engine(Execution(), work=20_000.0, places=64, environment={"RAY_TMPDIR": "/none"}).name
    'ray'
    >>> choose_engine(Execution(), environment={"RAY_ADDRESS": "10.0.0.7:6379"}).says
    'Ray (RAY_ADDRESS names the cluster 10.0.0.7:6379)'
    """
    if execution.engine != "auto":
        return Engine(name=execution.engine, why="as asked")
    if execution.address is not None:
        return Engine(name="ray", why=f"execution.address is {execution.address}")
    if found := named_cluster(None, environment):
        return Engine(name="ray", why=found.says)
    places = places or processors()
    here = work * max(held, 1 / places)
    there = RAY_SECONDS + work / places
    seconds = f"about {here:.0f} s of work here, {there:.0f} s with Ray, which has to be started"
    return Engine(name="local" if here <= there else "ray", why=f"no cluster is named; {seconds}")


def chosen_engine(plan: "Plan", last: "Manifest | None") -> Engine:
    """The engine for what is left to do of a plan, where `last` is what was committed."""
    from pairloom.pipeline.forecast.cost import Cluster

    execution = plan.recipe.execution
    if execution.engine != "auto" or not plan.units:
        return choose_engine(execution)
    places = processors()
    done = set(plan.done(last))
    wanted = [one for one in stages() if one.name in plan.stages and one.name not in done]
    work = sum(one.cost(plan, Cluster.of(places)).work for one in wanted)
    files = (
        FILE_SECONDS * sum(len(unit.slices) for unit in plan.units) * any(one.reads_inputs for one in wanted)
    )
    held = work if _in_python(plan) else HELD * work
    return choose_engine(
        execution, work=work + files, held=(held + files) / ((work + files) or 1.0), places=places
    )


def _in_python(plan: "Plan") -> bool:
    """Whether text goes through code that lets no other thread work: of others, or a pattern of the recipe's own."""
    steps = [step for source in plan.recipe.corpus for step in source.steps]
    if any(not type(step).__module__.startswith("pairloom.") for step in steps):
        return True
    if plan.vocabulary is not None:
        return plan.vocabulary.slow_path is not None
    cut = plan.cut
    return any(getattr(one, "pattern", None) is not None for one in (cut.first, cut.weaker, cut.last))
