"""Running recipes: `run`, a command for each stage, and `plan`."""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

import typer

from pairloom.jobs.commands.options import AsJson, RecipeOptions, spread
from pairloom.pipeline.stages import stages

__all__ = ["PlanOptions", "RunOptions", "plan_command", "stage_commands"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions(RecipeOptions):
    """What a run is asked."""

    as_json: AsJson = False
    profile: Annotated[bool, typer.Option("--profile", help="print where the workers' time went")] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanOptions(RecipeOptions):
    """What a plan is made for."""

    workers: Annotated[int | None, typer.Option(min=1, help="processors to plan for")] = None
    machine_memory: Annotated[str | None, typer.Option(help="plan for machines with this much, as 64GB")] = (
        None
    )
    machine_processors: Annotated[int, typer.Option(min=1, help="processors of a machine")] = 16
    network: Annotated[str, typer.Option(help="of a machine, in bits a second, as 10Gb or 800Mb")] = "10Gb"
    prefixes: Annotated[
        int, typer.Option(min=1, max=256, help="parts that the store has split the root's names into")
    ] = 1
    as_json: AsJson = False


def stage_commands() -> dict[str, Callable[..., None]]:
    """`run`, and by its name a command that runs up to and with each stage."""
    return {"run": _run_command(None, "Run every stage that is not committed yet.")} | {
        stage.name: _run_command(stage.name, stage.help) for stage in stages()
    }


def _run_command(until: str | None, said: str) -> Callable[..., None]:
    def command(asked: RunOptions) -> None:
        _run(asked, until)

    name = "run" if until is None else until
    command.__doc__ = (
        f"{said}\n\npairloom {name} recipe.yaml\npairloom {name} recipe.yaml --set pack.seq_len=8192 --json"
    )
    return spread(command)


def _run(asked: RunOptions, until: str | None) -> None:
    recipe = asked.load()
    from pairloom.jobs.show.watch import STARTING, watched, watching

    with watching() as progress:
        progress(STARTING)
        from pairloom.jobs.show.summary import show_profile, show_summary, summary
        from pairloom.pipeline import make_plan, run

        plan = make_plan(recipe, observe=progress)
        with watched(plan, progress) as watch:
            manifest = watch.log.committed(
                run(recipe, until=until, observe=watch.observe, plan=plan, stop=watch.stop)
            )
    result = summary(manifest, recipe.root, progress, watch.engine)
    if asked.as_json:
        sys.stdout.write(json.dumps(result) + "\n")
        return
    show_summary(result)
    if asked.profile:
        show_profile(result)


@spread
def plan_command(asked: PlanOptions) -> None:
    """Show what would run, with memory, disk and time; run nothing.

    With --machine-memory also the requests to the store, and what limits each stage on such a cluster.

    pairloom plan recipe.yaml
    pairloom plan recipe.yaml --workers 240 --machine-memory 64GB --network 10Gb
    """
    recipe = asked.load()
    from pairloom.jobs.show.watch import watching
    from pairloom.pipeline import make_plan

    with watching(patient=True) as progress:
        plan = make_plan(recipe, observe=progress)
    if asked.machine_memory is None:
        from pairloom.jobs.show.plan import show_plan

        show_plan(plan, asked.workers, asked.as_json)
        return
    from pairloom.jobs.show.forecast import cluster_of, show_forecast
    from pairloom.pipeline.execution.machine import processors

    workers = asked.workers or processors()
    cluster = cluster_of(
        workers, asked.machine_processors, asked.machine_memory, asked.network, asked.prefixes
    )
    show_forecast(plan, cluster, asked.as_json)
