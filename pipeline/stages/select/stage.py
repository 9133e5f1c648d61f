"""The stage that finds out which documents there are to take."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from pairloom.pipeline.flow.stage import Stage, check_filed
from pairloom.pipeline.identity import fingerprint

if TYPE_CHECKING:
    from pairloom.pipeline.dataset.dataset import Dataset
    from pairloom.pipeline.flow.job import Job
    from pairloom.pipeline.flow.plan import Asked, Plan
    from pairloom.pipeline.forecast.cost import Cluster, Cost
    from pairloom.pipeline.recipe import Recipe
    from pairloom.pipeline.store.manifest import StageRecord
    from pairloom.pipeline.store.receipts import Receipt

__all__ = ["Select"]


class Select(Stage):
    """Token shards to what each source has, and which of its documents an earlier one holds already."""

    name = "select"
    help = "Survey the sources and drop duplicates, tokenizing first if need be."
    after = "tokenize"
    unless = "neither mixes nor deduplicates (weight of a source, pack.deduplicate)"
    steps: ClassVar[Mapping[str, str]] = {
        "survey": "takes a digest of the tokens of each document, to find duplicates",
        "sign": "takes the keys of each document, by which those that are nearly the same are found",
        "band": "finds documents that have a key in common",
        "fetch": "sends the words of documents to those that they are compared with",
        "compare": "compares the words of documents that have a key in common",
        "join": "finds out which documents hang together, within a range of the corpus",
        "answer": "tells ranges of the corpus what the documents of others hang together with",
        "offer": "ranks the documents of a range that hang together",
        "decide": "decides which of the documents that hang together is kept",
        "choose": "counts documents by the value of a column, where that decides which are taken",
        "select": "finds duplicates, and measures what each source has to give",
    }
    files_of_units = True

    def wanted(self, recipe: "Recipe") -> bool:
        """Where any document may be left out or taken more than once."""
        return recipe.selects

    def key(self, asked: "Asked", before: Mapping[str, str]) -> str:
        """The tokens, what is held out and left out of them, and what is chosen by a column; not the mixture."""
        choice = asked.recipe.pack.model_dump(include={"deduplicate", "validation"})
        near = asked.recipe.pack.nearness
        if near is not None:
            choice["near"] = near.model_dump()
        made = {"tokenize": before["tokenize"], "pack": choice}
        rules = {
            source.name: rule.model_dump(mode="json")
            for source in asked.recipe.corpus
            if (rule := source.keep or source.epochs_by) is not None
        }
        return fingerprint(made | {"chosen": rules} if rules else made)

    def cost(self, plan: "Plan", cluster: "Cluster") -> "Cost":
        """Every shard once, and every digest."""
        from pairloom.pipeline.stages.select.cost import cost

        return cost(plan)

    def run(self, job: "Job") -> "StageRecord":
        """Survey every shard; find the duplicates among all of them."""
        from pairloom.pipeline.stages.select.mixed import select

        return select(job)

    def check(self, dataset: "Dataset", receipts: Sequence["Receipt"]) -> None:
        """What is left and what is left out are what was tokenized."""
        from pairloom.pipeline.stages.agreement import check_deduplicated
        from pairloom.pipeline.stages.select.near.proving import check_kept

        check_filed(dataset, self.name, receipts)
        stages = dataset.manifest.stages
        if stages[self.name].files:
            check_deduplicated(stages["tokenize"], stages[self.name])
            check_kept(dataset.objects, stages[self.name].files)

    def summary(self, record: "StageRecord") -> dict[str, Any]:
        """Duplicates, and their tokens."""
        ledger = record.ledger
        found: dict[str, Any] = {"deduplicated": ledger.deduplicated}
        found["deduplicated_tokens"] = ledger.deduplicated_tokens
        chosen = {
            source.name: {
                "by": source.chosen.by,
                "documents": source.chosen.documents,
                "tokens": source.chosen.tokens,
                "document_share": source.chosen.documents / max(1, source.train_documents),
                "token_share": source.chosen.tokens / max(1, source.train_tokens),
            }
            for source in record.sources
            if source.chosen is not None
        }
        return found | {"chosen": chosen} if chosen else found

    def lines(self, summary: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        """What is left out, if anything is."""
        if summary["deduplicated"]:
            tokens = f"{summary['deduplicated_tokens']:,} tokens"
            yield "duplicates", f"{summary['deduplicated']:,} documents, {tokens}, left out"
        for name, chosen in summary.get("chosen", {}).items():
            shares = f"{chosen['document_share']:.1%} of its documents for training"
            yield (
                "chosen",
                f"of {name}, by {chosen['by']}: {shares}, {chosen['token_share']:.1%} of their tokens",
            )
