"""`pairloom doctor`: whether a run would work here, before there is one."""

import dataclasses
import json
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from pairloom.jobs.commands.completion import recipes
from pairloom.jobs.commands.options import AsJson

if TYPE_CHECKING:
    from pairloom.pipeline.checkup import Finding

__all__ = ["doctor_command"]


def doctor_command(
    recipe: Annotated[
        str | None,
        typer.Argument(
            metavar="[RECIPE]", help="look at its root and its sources too", autocompletion=recipes
        ),
    ] = None,
    ray: Annotated[bool, typer.Option(help="start Ray once, to see whether it does")] = True,
    as_json: AsJson = False,
) -> None:
    """Look at this machine, and at what a recipe names: each line is ok, or says what to do.

    Python, compiler, processors, memory, /dev/shm, temporary folder, open files, clock, compiled kernels and Ray; with a
    recipe, that its root takes a commit and how fast its disk is, and that its sources can be read. Nothing is kept. The exit
    code is 1 if anything is wrong, and 0 if something is only slow.

    pairloom doctor
    pairloom doctor recipe.yaml --no-ray --json
    """
    findings = []
    for finding in _findings(recipe, ray):
        findings.append(finding)
        if not as_json:
            advice = f"\n{'':25}{finding.advice}" if finding.advice else ""
            sys.stdout.write(f"{finding.state:<6}{finding.check + ':':<18} {finding.said}{advice}\n")
            sys.stdout.flush()
    if as_json:
        sys.stdout.write(json.dumps([dataclasses.asdict(finding) for finding in findings]) + "\n")
    if any(finding.state == "wrong" for finding in findings):
        raise typer.Exit(1)


def _findings(name: str | None, ray: bool) -> Iterator["Finding"]:
    from pairloom.jobs.recipes import named_recipe
    from pairloom.operators.errors import RecipeError
    from pairloom.pipeline.checkup import Finding, examine, examine_recipe

    yield from examine(ray=ray)
    if name is None:
        return
    try:
        recipe = named_recipe(name, (), None)
    except RecipeError as error:
        yield Finding(check="recipe", state="wrong", said=str(error), advice="correct it")
        return
    yield Finding(check="recipe", state="ok", said=name)
    yield from examine_recipe(recipe)
