"""Generations: bringing a root up to date, looking at what it has been, going back."""

import json
import sys
from dataclasses import dataclass
from typing import Annotated

import typer

from pairloom.jobs.commands.options import AsJson, RecipeOptions, RootArgument, spread

__all__ = ["RetokenizeOptions", "generations_command", "retokenize_command", "rollback_command"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RetokenizeOptions(RecipeOptions):
    """What re-tokenizing is asked."""

    relearn: Annotated[bool, typer.Option("--relearn", help="learn the vocabulary anew")] = False
    if_changed: Annotated[
        bool, typer.Option("--if-changed", help="say nothing where nothing has changed")
    ] = False
    as_json: AsJson = False


@spread
def retokenize_command(asked: RetokenizeOptions) -> None:
    """Tokenize and pack only what has changed since the last generation, with its vocabulary.

    pairloom retokenize recipe.yaml
    pairloom retokenize recipe.yaml --if-changed --json
    """
    recipe = asked.load()
    from pairloom.jobs.show.watch import STARTING, watched, watching

    with watching() as progress:
        if not asked.if_changed:
            progress(STARTING)
        from pairloom.jobs.show.drift import difference_facts, show_drift
        from pairloom.jobs.show.generations import show_difference
        from pairloom.jobs.show.summary import show_summary, summary
        from pairloom.pipeline.generations.retokenize import plan_again, retokenize, unchanged

        if asked.if_changed and unchanged(recipe, relearn=asked.relearn):
            return
        plan = plan_again(recipe, relearn=asked.relearn, observe=progress)
        with watched(plan, progress) as watch:
            manifest, found = retokenize(recipe, plan=plan, observe=watch.observe, stop=watch.stop)
            watch.log.committed(manifest)
            watch.log.warned(found.drift.warnings if found.drift is not None else ())
    result = summary(manifest, recipe.root, progress, watch.engine) | {"difference": difference_facts(found)}
    if asked.as_json:
        sys.stdout.write(json.dumps(result) + "\n")
        return
    show_difference(found)
    if found.drift is not None:
        show_drift(found.drift)
    show_summary(result)


def generations_command(root: RootArgument, as_json: AsJson = False) -> None:
    """List the generations of a root, and what each holds.

    pairloom generations out
    pairloom generations s3://bucket/out --json
    """
    from pairloom.jobs.show.generations import show_generations
    from pairloom.pipeline.store.location import open_objects

    show_generations(open_objects(root), as_json)


def rollback_command(
    root: RootArgument,
    generation: Annotated[int, typer.Argument(metavar="GENERATION", help="the one to go back to")],
    as_json: AsJson = False,
) -> None:
    """Make an earlier generation the newest again, by committing it once more.

    pairloom rollback out 3
    pairloom rollback s3://bucket/out 3 --json
    """
    from pairloom.pipeline.generations.retokenize import rollback

    manifest = rollback(root, generation)
    if as_json:
        again = {"root": root, "generation": manifest.generation, "again": generation}
        sys.stdout.write(json.dumps(again) + "\n")
        return
    sys.stdout.write(f"generation {manifest.generation} of {root} is generation {generation} again\n")
