"""What to run, in which order, and how it becomes visible."""

if __name__ != "pairloom.pipeline":
    raise ImportError(
        "import this package as pairloom.pipeline (install the project with `pip install -e .`)"
    )

from pairloom.pipeline.dataset.dataset import Dataset, open_dataset
from pairloom.pipeline.flow.plan import Plan, make_plan
from pairloom.pipeline.recipe import Recipe, load_recipe, parse_recipe
from pairloom.pipeline.run import run

__all__ = ["Dataset", "Plan", "Recipe", "load_recipe", "make_plan", "open_dataset", "parse_recipe", "run"]
