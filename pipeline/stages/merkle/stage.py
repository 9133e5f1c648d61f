"""The stage that makes one hash of all tokens."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from pairloom.pipeline.flow.stage import Stage
from pairloom.pipeline.identity import fingerprint

if TYPE_CHECKING:
    from pairloom.pipeline.dataset.dataset import Dataset
    from pairloom.pipeline.flow.job import Job
    from pairloom.pipeline.flow.plan import Asked, Plan
    from pairloom.pipeline.forecast.cost import Cluster, Cost
    from pairloom.pipeline.store.manifest import StageRecord
    from pairloom.pipeline.store.receipts import Receipt

__all__ = ["Merkle"]


class Merkle(Stage):
    """Token shards to the root hash of a Merkle tree over blocks of tokens; where the recipe lists `stages: [merkle]`."""

    name = "merkle"
    help = "Make the root hash of all tokens, by which `prove` proves documents, tokenizing first if need be."
    after = "tokenize"
    unless = "does not list it under stages"
    steps: ClassVar[Mapping[str, str]] = {"merkle": "hashes the blocks of tokens of each shard"}

    def key(self, asked: "Asked", before: Mapping[str, str]) -> str:
        """The tokens."""
        return fingerprint({"merkle": 1, "tokenize": before["tokenize"]})

    def cost(self, plan: "Plan", cluster: "Cluster") -> "Cost":
        """Every shard once; nothing is stored but receipts."""
        from pairloom.pipeline.stages.merkle.tasks import cost

        return cost(plan)

    def run(self, job: "Job") -> "StageRecord":
        """Hash every shard that was not hashed before."""
        from pairloom.pipeline.stages.merkle.tasks import hashed

        return hashed(job)

    def check(self, dataset: "Dataset", receipts: Sequence["Receipt"]) -> None:
        """Every shard has the hash that its receipt says, and these have the root hash."""
        from pairloom.pipeline.stages.merkle.tasks import check_hashed

        check_hashed(dataset, receipts)

    def summary(self, record: "StageRecord") -> dict[str, Any]:
        """The root hash."""
        return {"merkle": {"root": record.merkle, **record.facts}}

    def lines(self, summary: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        """The same."""
        found = summary["merkle"]
        yield "root hash", f"{found['root']} over {found['blocks']:,} blocks of tokens"
