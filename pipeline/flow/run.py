"""Running a recipe: the stages that are not committed yet, then one commit.

    plan ─▶ prepare ─▶ count ─▶ merge ─▶ learn ─▶ tokenize ─▶ survey ─▶ select ─▶ exchange ─▶ pack ─▶ manifest
               1        units    parts     1        units     shards    parts     shards    parts      1

Only recipes that deduplicate survey, and only those that mix or deduplicate select.

Everything before the manifest can be killed at any moment: units with a receipt are never done again, units without one
leave nothing that anybody would read.
"""

from collections.abc import Callable

from pairloom.operators.errors import CorruptionError, RecipeError
from pairloom.pipeline.execution.base import Executor, never
from pairloom.pipeline.execution.garbage import collected_rarely
from pairloom.pipeline.execution.local import LocalExecutor
from pairloom.pipeline.execution.machine import processors
from pairloom.pipeline.flow.engine import Engine, choose_engine, chosen_engine
from pairloom.pipeline.flow.events import Doing, Event
from pairloom.pipeline.flow.job import Job
from pairloom.pipeline.flow.plan import Plan, make_plan
from pairloom.pipeline.flow.prepare import PrepareTask, needed_kernels, needed_schemes, preparing
from pairloom.pipeline.recipe import Execution, Recipe
from pairloom.pipeline.stages import leading_to, stage
from pairloom.pipeline.store.gc import check_present
from pairloom.pipeline.store.location import check_writable, open_objects
from pairloom.pipeline.store.manifest import Manifest, commit, latest_manifest
from pairloom.pipeline.store.receipts import discard_all

__all__ = ["executor_of", "run"]


PREPARED = 64  # workers that are made ready before the first stage; more become so as they begin
RESTARTS = 3  # of a run whose own files are damaged while it goes on


def run(
    recipe: Recipe,
    *,
    until: str | None = None,
    observe: Callable[[Event], None] = lambda _: None,
    executor: Executor | None = None,
    plan: Plan | None = None,
    stop: Callable[[], bool] = never,
) -> Manifest:
    """Run every stage of a recipe, or those up to and with `until`, commit a generation, and return its manifest.

    Stages that the last generation holds already are not run; where nothing is left to do, that generation is returned.
    `stop` is asked often; once it says True no unit is begun any more, and PreemptedError is raised (it means nothing
    where `executor` is given). Raises RecipeError, DataError (bad input), ConflictError (another run committed first),
    StorageError.
    """
    plan = plan or make_plan(recipe, observe=observe)
    objects = open_objects(recipe.root)
    last = latest_manifest(objects)
    wanted = _wanted(plan, until)
    done = plan.done(last)
    if last is not None and set(wanted) <= set(done):
        return last
    check_writable(objects)
    engine = chosen_engine(plan, last)
    job = Job(
        plan=plan,
        objects=objects,
        observe=observe,
        executor=executor or executor_of(recipe.execution, stop, observe, engine),
        last=last,
        records={name: last.stages[name] for name in done} if last else {},
    )
    workers = (
        min(job.executor.places(), len(plan.units), PREPARED)
        if engine.name == "ray" and executor is None
        else 1
    )
    first = PrepareTask(schemes=needed_schemes(plan), places=needed_kernels(plan))
    job.prepare(preparing(first, max(1, workers)))
    with collected_rarely():
        for left in reversed(range(1 + RESTARTS)):
            if _complete(job, wanted, left):
                break
    observe(Doing(step="commit", what="looking for every file, and writing the manifest"))
    check_present(objects, job.records.values(), last)
    vocabulary = job.vocabulary_file()
    fingerprint = None if vocabulary is None else job.vocabulary().fingerprint
    manifest = Manifest(
        generation=1 if last is None else last.generation + 1,
        recipe=recipe.model_dump(mode="json", by_alias=True),
        vocabulary=vocabulary,
        fingerprint=fingerprint,
        learned_in=(last.learned_in or last.generation) if plan.kept and last is not None else None,
        given_in=_given_in(plan, last, fingerprint),
        revisions=dict(plan.revisions),
        stages={name: job.records[name] for name in plan.stages if name in job.records},
    )
    commit(objects, manifest)
    discard_all(objects, job.scratch)
    return manifest


def _complete(job: Job, wanted: tuple[str, ...], left: int) -> bool:
    """Do the stages that are not done; False where files that they rely on were damaged, and are to be made again.

    With no restarts `left`, raises CorruptionError instead: a disk that damages whatever is written is no place to go on.
    """
    try:
        for name in wanted:
            if name not in job.records:
                job.running = name
                job.records[name] = stage(name).run(job)
    except CorruptionError as error:
        if not left:
            raise
        job.start_over(error)
        return False
    return True


def _wanted(plan: Plan, until: str | None) -> tuple[str, ...]:
    """The stages to run, in order; raises RecipeError where the recipe has no stage `until`."""
    if until is None:
        return plan.stages
    if until not in plan.stages:
        raise RecipeError(f"the recipe {stage(until).unless}, so there is no stage {until} to run")
    return tuple(name for name in leading_to(until) if name in plan.stages)


def _given_in(plan: Plan, last: Manifest | None, fingerprint: str | None) -> int | None:
    """The generation that a vocabulary which the recipe brings came with, if the last one had it already."""
    brought = last is not None and last.vocabulary is not None and "learn" not in last.stages
    if plan.vocabulary is None or last is None or not brought or last.fingerprint != fingerprint:
        return None
    return last.given_in or last.generation


def executor_of(
    execution: Execution,
    stop: Callable[[], bool] = never,
    observe: Callable[[Event], None] = lambda _: None,
    engine: Engine | None = None,
) -> Executor:
    """Where work is to run; connects to the Ray cluster, or starts one, and tells `observe` which.

    `engine` is the one that was chosen already.
    """
    engine = engine or choose_engine(execution)
    if engine.name == "local":
        return LocalExecutor(stop=stop, at_once=processors())
    observe(Doing(step="start", what="loading Ray"))
    from pairloom.pipeline.execution.ray.cluster import connect
    from pairloom.pipeline.execution.ray.liveness import watched
    from pairloom.pipeline.execution.ray.tasks import RayExecutor

    connect(execution.address, lambda what: observe(Doing(step="start", what=what)))
    return RayExecutor(max_in_flight=execution.max_in_flight, stop=watched(stop))
