"""The stage that counts the words of the corpus."""

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from typing import TYPE_CHECKING, Any, ClassVar

from pairloom.pipeline.flow.stage import Stage
from pairloom.pipeline.identity import FORMAT_VERSION, fingerprint

if TYPE_CHECKING:
    from pairloom.pipeline.dataset.dataset import Dataset
    from pairloom.pipeline.flow.job import Job
    from pairloom.pipeline.flow.plan import Asked, Plan
    from pairloom.pipeline.forecast.cost import Cluster, Cost
    from pairloom.pipeline.recipe import Recipe
    from pairloom.pipeline.store.files import StoredFile
    from pairloom.pipeline.store.manifest import StageRecord
    from pairloom.pipeline.store.receipts import Receipt

__all__ = ["Count"]


class Count(Stage):
    """Text to word counts."""

    name = "count"
    help = "Count the words of the corpus."
    after = None
    unless = "brings its vocabulary (vocabulary.from)"
    steps: ClassVar[Mapping[str, str]] = {
        "count": "counts the words of each unit; for superwords pieces of text besides, for parity the words of each group",
        "combine": "adds up the counts of neighbouring units, where there are very many",
        "merge": "adds up the counts of all units, partition by partition",
    }
    reads_inputs = True

    def wanted(self, recipe: "Recipe") -> bool:
        """Where there is a vocabulary to learn."""
        return recipe.learns

    def key(self, asked: "Asked", before: Mapping[str, str]) -> str:
        """The corpus, how it is cut and normalized, and how much each source counts."""
        from pairloom.operators.text.normalize import normalizer_identity

        if asked.kept is not None:
            return asked.kept.stage("count").key
        base, choice = asked.base, asked.recipe.vocabulary
        words: dict[str, Any]
        if base is None:
            words = {"cut": choice.cut().counted, "normalizer": normalizer_identity(choice.normalizer)}
        else:
            words = {
                "cut": [base.pretokenizer.identity, None],
                "normalizer": normalizer_identity(base.normalizer),
            }
        weights = asked.recipe.count_weights()
        if len(set(weights.values())) > 1:
            words["weights"] = weights
        if choice.parity is not None:
            by_source = choice.parity.by == "source"
            words["groups"] = [choice.parity.by, sorted(weights) if by_source else []]
        return fingerprint({"format": FORMAT_VERSION, **asked.inputs, **words})

    def cost(self, plan: "Plan", cluster: "Cluster") -> "Cost":
        """Every unit once, then every partition."""
        from pairloom.pipeline.stages.count.cost import cost

        return cost(plan)

    def run(self, job: "Job") -> "StageRecord":
        """Count, then merge."""
        from pairloom.pipeline.stages.count.tasks import count

        return count(job)

    def remake(self, job: "Job", record: "StageRecord", lost: Set[str]) -> "Iterable[StoredFile]":
        """Count what is lost; merge where a merged file is."""
        from pairloom.pipeline.stages.count.tasks import recount

        return recount(job, record, lost)

    def check(self, dataset: "Dataset", receipts: Sequence["Receipt"]) -> None:
        """Nothing more: the files are merged ones, and in no receipt of a unit."""

    def summary(self, record: "StageRecord") -> dict[str, Any]:
        """Words and pretokens."""
        return dict(record.facts)

    def lines(self, summary: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        """Distinct words, of how many pretokens."""
        yield "words", f"{summary['words']:,} distinct of {summary['pretokens']:,}"
