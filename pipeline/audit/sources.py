"""The units of a generation as they are read again from their sources."""

from pairloom.operators import Vocabulary
from pairloom.operators.errors import RecipeError
from pairloom.pipeline.dataset.dataset import Dataset
from pairloom.pipeline.hub.repository import Repositories
from pairloom.pipeline.inputs.listing import list_inputs
from pairloom.pipeline.inputs.units import plan_units
from pairloom.pipeline.recipe import Recipe
from pairloom.pipeline.stages.tokenize.task import TokenizeTask, tokenize_task

__all__ = ["tasks_again"]


def tasks_again(
    dataset: Dataset, recipe: Recipe, vocabulary: Vocabulary, advice: str
) -> dict[str, TokenizeTask]:
    """The tasks that made the shards, by their units.

    Raises RecipeError for sources that are not as they were, which ends with `advice`.
    """
    wanted = dataset.manifest.stage("tokenize").units
    tasks: dict[str, TokenizeTask] = {}
    hub = Repositories(dataset.manifest.revisions)
    for source in recipe.corpus:
        files = list_inputs(source, recipe.root, hub)
        for unit in plan_units(source, files, recipe.execution.unit_bytes, hub):
            task = tokenize_task(recipe, unit, vocabulary)
            tasks[task.unit] = task
    if missing := [unit for unit in wanted if unit not in tasks]:
        raise RecipeError(
            f"{len(missing)} of {len(wanted)} units cannot be read again: the inputs are not those of generation "
            f"{dataset.manifest.generation}, or its tokens were made with another execution.unit_bytes. {advice}"
        )
    return tasks
