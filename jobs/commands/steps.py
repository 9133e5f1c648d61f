"""The steps that recipes can name: of documents, of tokens, of rows."""

import json
import sys

from pairloom.jobs.commands.options import AsJson

__all__ = ["steps_command"]


def steps_command(as_json: AsJson = False) -> None:
    """List the steps that a recipe can name, with their keys and what these are by default.

    pairloom steps
    pairloom steps --json
    """
    from pairloom.jobs.show.steps import described_steps, steps_in_words

    found = described_steps()
    if as_json:
        sys.stdout.write(json.dumps(found) + "\n")
    else:
        sys.stdout.write("\n".join(steps_in_words(found)) + "\n")
