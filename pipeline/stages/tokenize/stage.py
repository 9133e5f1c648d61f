"""The stage that makes tokens of text."""

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

__all__ = ["Tokenize"]


class Tokenize(Stage):
    """Text to token shards."""

    name = "tokenize"
    help = "Tokenize the corpus, learning first if need be."
    after = "learn"
    steps: ClassVar[Mapping[str, str]] = {
        "tokenize": "encodes the documents of each unit, with the vocabulary and a memo of frequent words"
    }
    reads_inputs = True
    files_of_units = True

    def wanted(self, recipe: "Recipe") -> bool:
        """Always."""
        return True

    def key(self, asked: "Asked", before: Mapping[str, str]) -> str:
        """The corpus, the vocabulary, what is done to documents, and which columns go with them."""
        settings = asked.recipe.tokenize.model_dump()
        if columns := asked.recipe.given_columns:
            settings["columns"] = [one.identity() for one in columns]
        made = {**asked.inputs, "vocabulary": before["learn"], "tokenize": settings}
        attributes = [[one.identity() for one in source.attributes] for source in asked.recipe.corpus]
        return fingerprint(made | {"attributes": attributes} if any(attributes) else made)

    def cost(self, plan: "Plan", cluster: "Cluster") -> "Cost":
        """Every unit once."""
        from pairloom.pipeline.stages.tokenize.cost import cost

        return cost(plan)

    def run(self, job: "Job") -> "StageRecord":
        """Tokenize every unit."""
        from pairloom.pipeline.stages.tokenize.units import tokenize

        return tokenize(job)

    def check(self, dataset: "Dataset", receipts: Sequence["Receipt"]) -> None:
        """Every unit agrees with its file, and with what count read of the same inputs."""
        from pairloom.pipeline.stages.agreement import check_tokenized

        check_filed(dataset, self.name, receipts)
        manifest = dataset.manifest
        counted = manifest.stages.get("count") if manifest.learned_in is None else None
        check_tokenized(dataset.objects, receipts, counted)

    def summary(self, record: "StageRecord") -> dict[str, Any]:
        """Tokens, and how much text each stands for."""
        ledger = record.ledger
        found = {"tokens": ledger.tokens, "bytes_per_token": ledger.text_bytes / max(1, ledger.tokens)}
        return found | ({"trained_tokens": ledger.trained} if ledger.trained else {})

    def lines(self, summary: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        """The same."""
        each = f", {summary['bytes_per_token']:.3f} bytes each" if summary["bytes_per_token"] else ""
        yield "tokens", f"{summary['tokens']:,}{each}"
        if trained := summary.get("trained_tokens"):
            yield "trained", f"{trained:,} tokens, {trained / summary['tokens']:.1%} of all"
        of_sources = summary.get("trained_of", {})
        for source, count in of_sources.items() if len(of_sources) > 1 else ():
            yield f"  of {source}", f"{count:,} tokens trained"
