"""Running recipes: `run`, a command for each stage, and `plan`."""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pairloom.jobs.commands.completion import recipes
from pairloom.jobs.commands.options import AsJson, RecipeOptions, spread
from pairloom.pipeline.stages import stages

if TYPE_CHECKING:
    from pairloom.pipeline.flow.events import Event

__all__ = ["PlanOptions", "RunOptions", "WholeRunOptions", "plan_command", "stage_commands"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions(RecipeOptions):
    """What a run is asked."""

    as_json: AsJson = False
    profile: Annotated[bool, typer.Option("--profile", help="print where the workers' time went")] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class WholeRunOptions(RunOptions):
    """What a run of all stages is asked."""

    sample: Annotated[
        str | None,
        typer.Option(
            metavar="SHARE",
            help="a trial on so many of the documents, as 0.1%, in a root of its own; says what all will take",
        ),
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanOptions(RecipeOptions):
    """What a plan is made for."""

    recipe: Annotated[
        str,
        typer.Argument(
            metavar="[RECIPE]",
            help="as `run` takes it; with a budget it may be left out",
            show_default=False,
            autocompletion=recipes,
        ),
    ] = ""
    budget: Annotated[
        float | None,
        typer.Option(
            metavar="FLOPS", help="floating-point operations of a training run: what to spend them on"
        ),
    ] = None
    parameters: Annotated[float | None, typer.Option(help="of the model, as 7e9, instead or beside")] = None
    tokens: Annotated[float | None, typer.Option(help="training tokens, as 2e12, instead or beside")] = None
    epochs: Annotated[
        float | None, typer.Option(help="training tokens as so many times the different ones, instead")
    ] = None
    unique: Annotated[
        float | None, typer.Option(help="different tokens that there are; by default those of the recipe")
    ] = None
    law: Annotated[
        str | None, typer.Option(help="chinchilla, replication or repeated; otherwise all that apply")
    ] = None
    runs: Annotated[
        Path | None,
        typer.Option(
            help="CSV or JSON Lines with parameters, tokens, loss of own runs, to which a law is fitted"
        ),
    ] = None
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
    return {"run": _whole_run} | {stage.name: _run_command(stage.name, stage.help) for stage in stages()}


@spread
def _whole_run(asked: WholeRunOptions) -> None:
    """Run every stage that is not committed yet.

    pairloom run recipe.yaml
    pairloom run recipe.yaml --set pack.seq_len=8192 --json
    pairloom run recipe.yaml --sample 0.1%
    """
    if asked.sample is None:
        _run(asked, None)
    else:
        _try(asked, asked.sample)


def _run_command(until: str, said: str) -> Callable[..., None]:
    def command(asked: RunOptions) -> None:
        _run(asked, until)

    command.__doc__ = (
        f"{said}\n\npairloom {until} recipe.yaml\npairloom {until} recipe.yaml --set pack.seq_len=8192 --json"
    )
    return spread(command)


def _try(asked: RunOptions, sample: str) -> None:
    """Run a trial, and say what the whole run will give and take."""
    from pairloom.pipeline.forecast.trial import Spent, foretell, read_share, trial_recipe

    share, recipe = read_share(sample), asked.load()
    trial, spent = trial_recipe(recipe, share), Spent()
    from pairloom.jobs.show.watch import STARTING, watched, watching

    with watching() as progress:
        progress(STARTING)
        from pairloom.jobs.show.summary import show_profile, show_summary, summary
        from pairloom.jobs.show.trial import show_trial, trial_facts
        from pairloom.pipeline import make_plan, run
        from pairloom.pipeline.execution.machine import processors
        from pairloom.pipeline.forecast.cluster import Cluster, forecast
        from pairloom.pipeline.store.location import open_objects

        plan, workers = make_plan(trial, observe=progress), processors()
        with watched(plan, progress) as watch:

            def observe(event: "Event") -> None:
                spent(event)
                watch.observe(event)

            manifest = watch.log.committed(run(trial, observe=observe, plan=plan, stop=watch.stop))
    memory = max(one.memory for one in forecast(replace(plan, recipe=recipe), Cluster.of(workers)))
    objects = open_objects(trial.root)
    took = spent if progress.ran else None
    found = foretell(recipe, share, manifest, objects, spent=took, workers=workers, memory=memory)
    result = summary(manifest, trial.root, progress, watch.engine) | {"foretold": trial_facts(found)}
    if asked.as_json:
        sys.stdout.write(json.dumps(result) + "\n")
        return
    show_summary(result)
    show_trial(found, workers)
    if asked.profile:
        show_profile(result)


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

    With --machine-memory also the requests to the store, and what limits each stage on such a cluster. With --budget,
    --parameters, --tokens or --epochs instead: which model to train on how many tokens, by published scaling laws.

    pairloom plan recipe.yaml
    pairloom plan recipe.yaml --workers 240 --machine-memory 64GB --network 10Gb
    pairloom plan --budget 1e21 --unique 25e9
    pairloom plan recipe.yaml --parameters 1.4e9 --epochs 4 --json
    """
    if any(one is not None for one in (asked.budget, asked.parameters, asked.tokens, asked.epochs)):
        from pairloom.jobs.show.budget import show_budget

        show_budget(
            asked.load() if asked.recipe else None,
            flops=asked.budget,
            parameters=asked.parameters,
            tokens=asked.tokens,
            epochs=asked.epochs,
            unique=asked.unique,
            law=asked.law,
            runs=asked.runs,
            as_json=asked.as_json,
        )
        return
    if not asked.recipe:
        raise typer.BadParameter("name a recipe, or give --budget", param_hint="RECIPE")
    for name in ("unique", "law", "runs"):
        if getattr(asked, name) is not None:
            raise typer.BadParameter(
                "it goes with --budget, --parameters, --tokens or --epochs: give one of these too",
                param_hint=f"--{name}",
            )
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
