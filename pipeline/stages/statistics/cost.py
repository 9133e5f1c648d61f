"""What statistics take: each counts the keys of every shard, merges them and makes a table."""

from typing import TYPE_CHECKING

from pairloom.pipeline.forecast.cost import Cost
from pairloom.pipeline.forecast.requests import (
    Requests,
    looked_up,
    reads_of_batches,
    reads_of_piece,
    reads_of_whole,
    written,
)
from pairloom.pipeline.forecast.sizes import Sizes

if TYPE_CHECKING:
    from pairloom.pipeline.flow.plan import Plan

__all__ = ["cost", "finish_memory", "measure_memory"]

# Stored bytes of the corpus a second of one worker, for bigrams and trigrams of tokens, storage left out: 64 MB of English on
# an AMD EPYC virtual machine (`tests/bench/bench_ngrams.py`).
RATE = 6.8e6
# Bytes that the counts of a token take, where few keys repeat: of the tokens themselves, and of two lengths of n-grams.
BYTES_A_TOKEN = 30


def measure_memory(tokens: int) -> int:
    """Bytes for a shard of so many tokens: a batch of them, and a table in which most keys may be distinct."""
    return 400_000_000 + 200 * tokens


def finish_memory(size: int) -> int:
    """Bytes for partitions of at most this size: one as it is read and as it is ranked, and what was chosen before."""
    return 600_000_000 + 8 * size


def cost(plan: "Plan") -> Cost:
    """What all statistics of a recipe ask."""
    sizes, many, parts = Sizes.of(plan), len(plan.recipe.statistics), plan.partitions
    stored = BYTES_A_TOKEN * sizes.tokens
    unit, part = stored // sizes.units, stored // parts
    tokens = int(sizes.tokens * sizes.unit / max(1, sizes.bytes))  # of the largest unit
    asked = Requests(reads=sizes.units * reads_of_batches(sizes.tokens * sizes.width // sizes.units))
    asked += written(unit, sizes.units) + looked_up(sizes.units)
    asked += Requests(reads=sizes.units * parts * reads_of_piece(unit // parts, unit))
    asked += written(part, parts) + looked_up(parts)
    asked += Requests(reads=3 * parts * reads_of_whole(part)) + written(0, 1) + looked_up(1)
    requests = sum((asked for _ in range(many)), Requests(reads=many))
    return Cost(
        tasks=many * (len(plan.units) + parts + 1),
        memory=max(measure_memory(tokens), finish_memory(part)),
        work=many * sizes.bytes / RATE,
        disk=many * stored,
        read=many * (sizes.tokens * sizes.width + 6 * stored),
        written=many * 2 * stored,
        requests=requests,
    )
