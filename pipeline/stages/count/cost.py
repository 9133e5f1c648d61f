"""What counting takes: memory of its tasks, and what it asks of processors, disk, network and store.

units ── count ──▶ a file each ── combine, where the pieces are many ──▶ fewer files ── merge ──▶ partitions
"""

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

if TYPE_CHECKING:
    from pairloom.pipeline.flow.plan import Plan

__all__ = [
    "COMBINE_BYTES",
    "COMBINE_FILES",
    "COMBINE_FROM",
    "Counting",
    "combine_memory",
    "cost",
    "count_memory",
    "merge_memory",
]

# Stored bytes of the corpus a second of one worker, checks and writing included: English JSON Lines, 32k tokens, two
# workers on two cores of an AMD EPYC virtual machine.
RATE = 30e6
# Pieces from which on files are combined: in an object store, at three requests of 30 ms for each, workers would wait three
# hours in all for so many.
COMBINE_FROM = 1 << 17
COMBINE_BYTES = 512_000_000  # stored bytes of a group; each file may be held as a whole, as it is read ahead
COMBINE_FILES = 64
WORDS_SHARE = 10  # a unit's word counts take about a tenth of its stored bytes
HEAPS = 0.62  # the words of a text grow with this power of its length


def count_memory(size: int, *, repeats: bool) -> int:
    """Bytes for a unit of a size: a table of words and a few batches of text; pieces hardly repeat and are held whole."""
    return 600_000_000 + (2 if repeats else 8) * size


def combine_memory(size: int, parts: int) -> int:
    """Bytes for files of a size in all: the files, as they are read ahead, and a partition of them, twice."""
    return 300_000_000 + size + 4 * size // parts


def merge_memory(size: int) -> int:
    """Bytes for a partition of a size: its words, twice."""
    return 200_000_000 + 4 * size


@dataclass(frozen=True, slots=True, kw_only=True)
class Counting:
    """How much is counted: units, partitions, and the bytes of a unit's word counts.

    `groups` are the files, of `combined` bytes each, that counts are combined into before they are merged, 0 where they are
    merged as they are.
    """

    units: int
    partitions: int
    words: int = 0
    groups: int = 0
    combined: int = 0

    @staticmethod
    def of(plan: "Plan") -> "Counting":
        """What a plan counts."""
        units = max(1, len(plan.units))
        words = plan.bytes // units // (WORDS_SHARE if plan.cut.repeats else 1)
        some = max(1, min(COMBINE_FILES, COMBINE_BYTES // max(1, words)))  # files in a group
        groups = -(-units // some) if units * plan.partitions > COMBINE_FROM and some > 1 else 0
        combined = int(words * (some**HEAPS if plan.cut.repeats else some)) if groups else 0
        return Counting(
            units=units, partitions=plan.partitions, words=words, groups=groups, combined=combined
        )

    @property
    def requests(self) -> Requests:
        """What is asked of a store."""
        units, parts, part = self.units, self.partitions, self.words // max(1, self.partitions)
        asked = written(self.words, units) + looked_up(units)
        asked += written(part, parts) + written(0, parts, receipts=False) + looked_up(parts)
        if self.groups:  # each file is read from its start to its end, its footer first
            asked += written(self.combined, self.groups) + looked_up(self.groups)
            asked += Requests(reads=units * reads_of_batches(self.words))
            piece = reads_of_piece(self.combined // parts, self.combined)
            asked += Requests(reads=self.groups * parts * piece)
        else:
            asked += Requests(reads=units * parts * reads_of_piece(part, self.words))
        return asked + Requests(reads=2 * parts)  # words and pairs, when they are committed


def cost(plan: "Plan") -> Cost:
    """What counting asks."""
    sizes, counting = Sizes.of(plan), Counting.of(plan)
    kinds = 1 if plan.recipe.vocabulary.parity is None else 2  # words, and those of groups
    words, combined = counting.words * counting.units, counting.combined * counting.groups
    memory = max(
        count_memory(sizes.unit, repeats=plan.cut.repeats),
        merge_memory((combined or words) // plan.partitions),
    )
    if counting.groups:
        grouped = counting.words * -(-counting.units // counting.groups)
        memory = max(memory, combine_memory(grouped, plan.partitions))
    return Cost(
        tasks=len(plan.units) + kinds * (plan.partitions + counting.groups),
        memory=memory,
        work=sizes.bytes / RATE,
        disk=sizes.bytes // WORDS_SHARE if plan.cut.repeats else sizes.bytes,
        # What is written for good is read again once, before anybody may trust it.
        read=sizes.bytes + kinds * (3 * words + 2 * combined),
        written=kinds * (2 * words + combined),
        requests=counting.requests if kinds == 1 else counting.requests + counting.requests,
    )
