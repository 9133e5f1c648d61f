"""What selecting takes: every shard is read once; where documents are compared, so is every digest."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pairloom.pipeline.forecast.cost import Cost
from pairloom.pipeline.forecast.requests import (
    Requests,
    looked_up,
    reads_of_batches,
    reads_of_piece,
    written,
)
from pairloom.pipeline.forecast.sizes import Sizes
from pairloom.pipeline.stages.select.near.cost import near_cost

if TYPE_CHECKING:
    from pairloom.pipeline.flow.plan import Plan

__all__ = ["Selecting", "compare_memory", "cost", "digest_partitions", "survey_memory"]

RATE = 500e6  # stored bytes of the corpus a second of one worker, measured as that of the other stages was
PARTITION_DOCUMENTS = 1 << 23  # whose digests a task sorts, in about a gigabyte
BYTES_PER_DIGEST = 33  # of a document: its digest, its place, its tokens, its split


def digest_partitions(documents: int) -> int:
    """Into how many partitions the digests of so many documents go."""
    return max(1, -(-documents // PARTITION_DOCUMENTS))


def survey_memory(size: int, documents: int) -> int:
    """Bytes for a shard of a size: a batch of tokens, and the digests twice."""
    return 200_000_000 + size + 100 * documents


def compare_memory(documents: int) -> int:
    """Bytes for a partition of so many documents: their digests as read and as sorted."""
    return 200_000_000 + 120 * documents


@dataclass(frozen=True, slots=True, kw_only=True)
class Selecting:
    """How much there is to select from: units, the bytes of the tokens of each, and the partitions of the digests.

    `digests` is 0 where documents are not compared.
    """

    units: int
    tokens: int = 0
    digests: int = 0

    @property
    def requests(self) -> Requests:
        """What is asked of a store."""
        asked = Requests(reads=self.units * reads_of_batches(self.tokens)) + looked_up(self.units)
        if not self.digests:
            return asked + Requests(writes=self.units)
        size = self.tokens // 100
        asked += written(size, self.units) + written(0, self.digests) + looked_up(self.digests)
        asked += Requests(reads=self.units * self.digests * reads_of_piece(size // self.digests, size))
        return asked + Requests(reads=self.digests)  # when they are committed


def cost(plan: "Plan") -> Cost:
    """What selecting asks."""
    near = plan.recipe.pack.nearness
    if near is not None:
        return near_cost(Sizes.of(plan), near, len(plan.units), digest_partitions)
    sizes = Sizes.of(plan)
    exact = plan.recipe.pack.deduplicate == "exact"
    tokens, digests = sizes.tokens * sizes.width, digest_partitions(sizes.documents) if exact else 0
    stored = BYTES_PER_DIGEST * sizes.documents if exact else 0
    share = sizes.unit / max(1, sizes.bytes)  # of the largest unit
    memory = survey_memory(int(share * tokens), int(share * sizes.documents) if exact else 0)
    return Cost(
        tasks=len(plan.units) + digests,
        memory=max(memory, compare_memory(sizes.documents // digests)) if exact else memory,
        work=sizes.bytes / RATE,
        disk=stored,
        read=tokens + 2 * stored,
        written=stored,
        requests=Selecting(units=sizes.units, tokens=tokens // sizes.units, digests=digests).requests,
    )
