"""The stage that makes packed rows of tokens."""

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

__all__ = ["Pack"]


class Pack(Stage):
    """Token shards to packed rows."""

    name = "pack"
    help = "Pack the tokens into rows, tokenizing first if need be."
    after = "select"
    steps: ClassVar[Mapping[str, str]] = {
        "rank": "adds up tokens by the values of a column, where these order documents",
        "exchange": "sends each document to its partition",
        "regroup": "does so once more, where there are very many partitions",
        "rejoin": "sends the documents of partitions that have changed, where not all have",
        "pack": "puts the documents of each partition in order, and makes rows of them",
        "carry": "makes rows of what filled no row of its partition",
    }
    files_of_units = True

    def wanted(self, recipe: "Recipe") -> bool:
        """Always."""
        return True

    def key(self, asked: "Asked", before: Mapping[str, str]) -> str:
        """The tokens, how rows are made of them, steps included, and the mixture.

        What the loader applies changes no row, and yet a generation says so: its recipe is what the loader goes by.
        """
        recipe = asked.recipe
        sources = [
            source.model_dump(include={"weight", "epochs", "tokens", "keep"}) for source in recipe.corpus
        ]
        mixture = {"sources": sources, "mixture": recipe.mixture.model_dump()} if recipe.mixes else None
        rows = {"tokenize": before["tokenize"], "pack": recipe.pack.model_dump(), "mixture": mixture}
        steps = [[step.identity() for step in some] for some in (recipe.pack.steps, recipe.pack.rows)]
        return fingerprint(rows | {"steps": steps} if any(steps) else rows)

    def cost(self, plan: "Plan", cluster: "Cluster") -> "Cost":
        """Every shard once, then every packed file."""
        from pairloom.pipeline.stages.pack.cost import cost

        return cost(plan)

    def run(self, job: "Job") -> "StageRecord":
        """Exchange shards, pack every partition, pack what they leave."""
        from pairloom.pipeline.stages.pack.tasks import pack_rows

        return pack_rows(job)

    def summary(self, record: "StageRecord") -> dict[str, Any]:
        """Rows, by split, and what became of each source."""
        rows: dict[str, int] = {}
        for file in record.files:
            rows[file.role] = rows.get(file.role, 0) + file.rows
        packed = record.facts | {
            "files": len(record.files),
            "rows_of": rows,
            "by_buckets": len({file.facts["seq_len"] for file in record.files}) > 1,
            "padding_share": _padding(record.facts),
            "splits_of": {
                split: fact
                | {"padding_share": _padding(fact), "documents_per_row": fact["segments"] / fact["rows"]}
                for split, fact in record.splits.items()
            },
        }
        sources = {"sources": [source.model_dump() for source in record.sources]} if record.sources else {}
        return {**sources, "pack": packed}

    def lines(self, summary: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        """Rows and files; then how well each split is packed."""
        pack = summary["pack"]
        splits = ", ".join(f"{rows:,} {split}" for split, rows in pack["rows_of"].items())
        files = f"{pack['files']:,} file{'' if pack['files'] == 1 else 's'}"
        upto = "up to " if pack["by_buckets"] else ""
        yield "rows", f"{pack['rows']:,} of {upto}{pack['seq_len']:,} tokens ({splits}) in {files}"
        if "added_tokens" in pack:
            yield "steps", f"{pack['added_tokens']:,} tokens added, {pack['removed_tokens']:,} removed"
        for split, fact in pack["splits_of"].items():
            packed = (
                f"{fact['padding_share']:.3%} padding, {fact['documents_per_row']:.2f} documents a row, "
                f"{fact['splits']:,} cuts inside documents"
            )
            if fact["truncated_tokens"] + fact["dropped_tokens"]:
                packed += (
                    f", {fact['truncated_tokens']:,} tokens truncated, {fact['dropped_tokens']:,} dropped with "
                    f"{fact['dropped_documents']:,} documents"
                )
            yield split, packed


def _padding(facts: Mapping[str, int]) -> float:
    """Padding, of all positions of rows."""
    return facts["padding"] / max(1, facts["padding"] + facts["tokens"])
