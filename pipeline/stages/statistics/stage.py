"""The stage that makes tables about the corpus."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from pairloom.pipeline.flow.stage import Stage
from pairloom.pipeline.identity import fingerprint

if TYPE_CHECKING:
    from pairloom.pipeline.flow.job import Job
    from pairloom.pipeline.flow.plan import Asked, Plan
    from pairloom.pipeline.forecast.cost import Cluster, Cost
    from pairloom.pipeline.recipe import Recipe
    from pairloom.pipeline.store.manifest import StageRecord

__all__ = ["Statistics"]


class Statistics(Stage):
    """Token shards and texts to exact tables, one a statistic of the recipe."""

    name = "statistics"
    help = "Make the tables of the recipe's statistics, tokenizing first if need be."
    after = "tokenize"
    unless = "lists no statistics"
    steps: ClassVar[Mapping[str, str]] = {
        "measure": "counts the keys of each shard, or of the texts of each unit",
        "recount": "counts what is left once more, where a statistic leaves out what is rare",
        "combine": "adds up the counts of neighbouring shards, where there are very many",
        "merge": "adds up the counts of all shards, partition by partition",
        "finish": "makes the table",
    }

    def wanted(self, recipe: "Recipe") -> bool:
        """Where the recipe lists any."""
        return bool(recipe.tables)

    def key(self, asked: "Asked", before: Mapping[str, str]) -> str:
        """The tokens, and what is counted of them."""
        counted = [statistic.identity() for statistic in asked.recipe.tables]
        return fingerprint({"tokenize": before["tokenize"], "statistics": counted})

    def cost(self, plan: "Plan", cluster: "Cluster") -> "Cost":
        """Every shard once for each statistic, and its counts."""
        from pairloom.pipeline.stages.statistics.cost import cost

        return cost(plan)

    def run(self, job: "Job") -> "StageRecord":
        """Count, merge, finish."""
        from pairloom.pipeline.stages.statistics.tasks import measure

        return measure(job)

    def summary(self, record: "StageRecord") -> dict[str, Any]:
        """Rows of each table."""
        return {"statistics": dict(record.facts)}

    def lines(self, summary: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        """The same."""
        tables = summary["statistics"].items()
        yield "statistics", ", ".join(f"{name} {rows:,} rows" for name, rows in tables)
