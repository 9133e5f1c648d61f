"""The steps that recipes can name: of documents, of tokens, of rows."""

import json
import sys
from typing import Annotated

import typer

from pairloom.jobs.commands.completion import step_names
from pairloom.jobs.commands.options import AsJson, known

__all__ = ["steps_command"]


def steps_command(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME]...", help="only these", autocompletion=step_names),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the steps that a recipe can name, with their keys and what these are by default.

    pairloom steps
    pairloom steps fim masked_lm
    pairloom steps --json
    """
    from pairloom.jobs.show.steps import described_steps, steps_in_words

    found = described_steps()
    if names:
        there = [name for kind in found.values() for name in kind["steps"]]
        wanted = {known(name, there, "NAME") for name in names}
        for kind in found.values():
            kind["steps"] = {name: step for name, step in kind["steps"].items() if name in wanted}
        found = {kind: said for kind, said in found.items() if said["steps"]}
    if as_json:
        sys.stdout.write(json.dumps(found) + "\n")
    else:
        sys.stdout.write("\n".join(steps_in_words(found)) + "\n")
