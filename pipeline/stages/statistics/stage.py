"""The stage that makes tables about the corpus."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from pairloom.pipeline.flow.stage import Stage
from pairloom.pipeline.identity import fingerprint

if TYPE_CHECKING:
    from pairloom.pipeline.dataset.dataset import Dataset
    from pairloom.pipeline.flow.job import Job
    from pairloom.pipeline.flow.plan import Asked, Plan
    from pairloom.pipeline.forecast.cost import Cluster, Cost
    from pairloom.pipeline.recipe import Recipe
    from pairloom.pipeline.store.manifest import StageRecord
    from pairloom.pipeline.store.receipts import Receipt

__all__ = ["Statistics", "by_source"]


class Statistics(Stage):
    """Token shards and texts to exact tables, one a statistic of the recipe."""

    name = "statistics"
    help = "Make the tables of the recipe's statistics, tokenizing first if need be."
    after = "tokenize"
    unless = "lists no statistics (such as statistics: [ngrams])"
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
        """Rows of each table, and what statistics tell of them."""
        told = {file.role: dict(file.facts) for file in record.files if file.facts}
        return {"statistics": dict(record.facts)} | ({"found": told} if told else {})

    def lines(self, summary: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        """The same."""
        tables = summary["statistics"].items()
        yield "statistics", ", ".join(f"{name} {rows:,} rows" for name, rows in tables)
        if "contamination" in summary["statistics"]:
            found = by_source(summary.get("found", {}).get("contamination", {}))
            yield (
                "contamination",
                "; ".join(map(_said, found)) or "no document shares a run with an evaluation",
            )

    def check(self, dataset: "Dataset", receipts: Sequence["Receipt"]) -> None:
        """Besides, the documents that were left out for an evaluation are those of the table."""
        from pairloom.pipeline.stages.statistics.checking import check_left_out

        super().check(dataset, receipts)
        check_left_out(dataset)


def by_source(facts: Mapping[str, int]) -> list[dict[str, Any]]:
    """What was found of evaluations: by source and evaluation, how many documents have something of how many items."""
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for key, count in facts.items():
        source, of, what = json.loads(key)
        rows.setdefault((source, of), {"source": source, "eval": of})[what] = count
    return [rows[key] for key in sorted(rows)]


def _said(row: Mapping[str, Any]) -> str:
    return (
        f"{row['source']}: {row['documents']:,} documents share with {row['items']:,} items of {row['eval']}"
    )
