"""What to run, in which order, and how it becomes visible."""

if __name__ != "pairloom.pipeline":
    raise ImportError(
        "import this package as pairloom.pipeline (install the project with `pip install -e .`)"
    )

from typing import TYPE_CHECKING

from pairloom.operators.lazy import lazily

if TYPE_CHECKING:
    from pairloom.pipeline.dataset.dataset import Dataset, open_dataset
    from pairloom.pipeline.flow.plan import Plan, make_plan
    from pairloom.pipeline.flow.run import run
    from pairloom.pipeline.recipe import Recipe, load_recipe, parse_recipe

__all__ = [
    "Dataset",
    "Plan",
    "Recipe",
    "load_recipe",
    "make_plan",
    "open_dataset",
    "parse_recipe",
    "run",
]

if not TYPE_CHECKING:  # to type checkers, what is not imported above does not exist
    __getattr__, __dir__ = lazily(
        __name__,
        {
            "pairloom.pipeline.dataset.dataset": (
                "Dataset",
                "open_dataset",
            ),
            "pairloom.pipeline.flow.plan": (
                "Plan",
                "make_plan",
            ),
            "pairloom.pipeline.flow.run": ("run",),
            "pairloom.pipeline.recipe": (
                "Recipe",
                "load_recipe",
                "parse_recipe",
            ),
        },
    )
