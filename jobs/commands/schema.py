"""`pairloom schema`: the recipe as a JSON schema, for editors."""

import json
import sys

__all__ = ["schema_command"]


def schema_command() -> None:
    """Print the JSON schema of recipes, by which editors complete keys and mark what is wrong.

    pairloom schema > recipe.schema.json

    and `# yaml-language-server: $schema=recipe.schema.json` as the first line of a recipe.
    """
    from pairloom.pipeline.recipe.schema import recipe_schema

    sys.stdout.write(json.dumps(recipe_schema(), indent=1) + "\n")
