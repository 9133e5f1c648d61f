"""`pairloom schema`: the recipe as a JSON schema, for editors."""

import json
import sys

__all__ = ["schema_command"]


def schema_command() -> None:
    """Print the JSON schema of recipes, by which editors complete keys and mark what is wrong.

    The first line of a recipe says where it is: `# yaml-language-server: $schema=recipe.schema.json`.

    pairloom schema > recipe.schema.json
    pairloom schema | jq .properties.pack
    """
    from pairloom.pipeline.recipe.schema import recipe_schema

    sys.stdout.write(json.dumps(recipe_schema(), indent=1) + "\n")
