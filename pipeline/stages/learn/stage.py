"""The stage that learns the vocabulary."""

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

__all__ = ["Learn"]


class Learn(Stage):
    """Word counts to a vocabulary."""

    name = "learn"
    help = "Learn the vocabulary, counting first if need be."
    after = "count"
    unless = "brings its vocabulary (vocabulary.from)"
    steps: ClassVar[Mapping[str, str]] = {
        "learn": "makes the merges in one task, or a vocabulary of those that rounds have made",
        "rounds": "makes the merges with members that hold a share of the words each",
        "segment": "makes the merges of the first stage in pieces, for superwords",
        "join": "makes the merges that join words, for superwords, in one task or in rounds",
    }

    def wanted(self, recipe: "Recipe") -> bool:
        """Where the recipe brings no vocabulary."""
        return recipe.learns

    def key(self, asked: "Asked", before: Mapping[str, str]) -> str:
        """The counts and what is to be learned of them; of a vocabulary that is there, its fingerprint."""
        if asked.vocabulary is not None:
            return asked.vocabulary.fingerprint
        if asked.kept is not None:
            return asked.kept.stage("learn").key
        choice = asked.recipe.vocabulary
        learned = choice.model_dump(
            mode="json", include={"size", "special_tokens", "min_count", "superwords"}
        )
        if choice.learner.identity != "bpe":  # those of before there were families are what they were
            learned["family"] = choice.learner.identity
        if choice.shape.named:
            learned["shape"] = choice.shape.named
        if choice.parity is not None:
            learned["parity"] = choice.parity.build().named
        if choice.modalities:
            learned["modalities"] = choice.modalities
        if choice.extend_by != "merges":
            learned["extend_by"] = choice.extend_by
        learned["base"] = None if asked.base is None else asked.base.fingerprint
        return fingerprint({"count": before["count"], "vocabulary": learned})

    def cost(self, plan: "Plan", cluster: "Cluster") -> "Cost":
        """One task, or members that learn in rounds."""
        from pairloom.pipeline.stages.learn.cost import cost

        return cost(plan, cluster)

    def run(self, job: "Job") -> "StageRecord":
        """Learn; with superwords in two stages."""
        from pairloom.pipeline.stages.learn.tasks import learn

        return learn(job)

    def summary(self, record: "StageRecord") -> dict[str, Any]:
        """How groups come off that were to be treated alike; the vocabulary is told of whether it was learned or not."""
        from pairloom.pipeline.stages.learn.groups import about_groups

        return about_groups(record.facts)

    def lines(self, summary: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        """The groups that come off best and worst, and how unequal all are."""
        from pairloom.pipeline.stages.learn.groups import lines_of_groups

        yield from lines_of_groups(summary)
