"""What learning takes: memory of its tasks and members, rounds, and what it asks of processors, disk, network and store."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pairloom.pipeline.forecast.cost import Cluster, Cost
from pairloom.pipeline.forecast.requests import Requests, looked_up, reads_of_whole, written
from pairloom.pipeline.forecast.sizes import Sizes
from pairloom.pipeline.stages.count.cost import Counting

if TYPE_CHECKING:
    from pairloom.pipeline.flow.plan import Plan

__all__ = [
    "MEMBERS",
    "Learning",
    "assemble_memory",
    "cost",
    "extend_memory",
    "segment_memory",
]

# Stored bytes of the corpus a second of one learner, measured as that of the other stages was: English, 32k tokens. A large
# corpus has relatively fewer words to learn from. A family's `work` says how many times as long it takes.
RATE = 100e6
# What all members tell is added up by one driver: some 120 kB a round each.
MEMBERS = 64
# Learning in rounds, as measured with 1 to 4 members and vocabularies of 32,768 and 131,072 tokens (README): its processor
# time beside that of one learner, rounds (and how they grow with the vocabulary), bytes that a member tells a round, what
# asking it costs the driver, and bytes of answers that the driver deals with in a second.
SHARDED_WORK = 2.2
# The same for groups that are treated alike, and their processor time in one task beside that of learning without groups: 120 MB in
# 19 languages, 32k tokens. In one task 2 groups took 1.4 times as long, 114 7.7 times; how many a column has, no plan knows.
SHARDED_GROUPS_WORK = 4.0
GROUPS_WORK = 3.0
ROUNDS_OF_32K, ROUNDS_POWER = 309, 0.61
TOLD, ASKING_SECONDS, DEALT = 120_000, 0.0004, 0.56e9
MEMBER_BYTES = 500_000_000  # of a member, besides what grows with the words
MERGED_SHARE = 48  # stored bytes of the corpus for each byte of merged word counts, about
SYMBOL_BYTES = (
    17  # of memory for a symbol of a text that does not repeat: a byte, or a token of the first stage
)


def extend_memory(words: int) -> int:
    """Bytes for merged counts of a size: the words and their symbols, tokens of the base at first."""
    return 300_000_000 + 16 * words


def assemble_memory(largest: int) -> int:
    """Bytes for partitions of which the largest file has a size: its words and the memo's, twice."""
    return 600_000_000 + 4 * largest


def segment_memory(pieces: int) -> int:
    """Bytes for a partition of pieces of a size: the pieces twice, and at most one id of 4 bytes a byte."""
    return 400_000_000 + 6 * pieces


@dataclass(frozen=True, slots=True, kw_only=True)
class Learning:
    """How much is learned from: partitions of word counts, and the bytes that all units have for each."""

    partitions: int
    part: int = 0

    @property
    def requests(self) -> Requests:
        """What is asked of a store: words and pairs are read, a vocabulary and a memo written, and looked for at last."""
        asked = Requests(reads=2 * self.partitions * reads_of_whole(self.part))
        # The vocabulary and the memo when they are committed, and the memo's size before it is compared.
        return asked + written(0, 1) + written(0, 1, receipts=False) + looked_up(1) + Requests(reads=3)


def cost(plan: "Plan", cluster: Cluster) -> Cost:
    """What learning asks: of one task, or of members that learn in rounds where one does not fit, or the recipe says so."""
    sizes, counting, choice = Sizes.of(plan), Counting.of(plan), plan.recipe.vocabulary
    pieces = plan.cut.weaker is not None
    steps = 2 + plan.partitions if pieces else 1  # of superwords both stages, and the pieces' segments
    symbols = 0 if plan.cut.repeats else SYMBOL_BYTES * (sizes.tokens if pieces else sizes.bytes)
    alone = choice.learner.need(sizes.bytes // MERGED_SHARE) + symbols
    work, sharded = choice.learner.work, SHARDED_WORK
    if choice.parity is not None:  # groups share some of their words
        work, sharded = GROUPS_WORK * work, SHARDED_GROUPS_WORK
        alone = max(alone, choice.learner.need_groups(2 * sizes.bytes // MERGED_SHARE))
    found = Cost(
        tasks=steps,
        memory=alone,
        work=work * sizes.bytes / RATE,
        disk=10 * choice.size,
        read=counting.words * counting.units,
        requests=Learning(
            partitions=plan.partitions, part=counting.words // max(1, plan.partitions) * counting.units
        ).requests,
        at_once=1,
    )
    mode = choice.learn.mode
    if not choice.learner.by_rounds or mode == "single" or (mode == "auto" and alone <= cluster.room):
        return found
    members = max(1, min(plan.partitions, choice.learn.members or min(MEMBERS, cluster.workers)))
    held = (sizes.bytes + 2 * symbols) // members
    spills = MEMBER_BYTES + held > cluster.share(members)
    return Cost(
        tasks=(2 if pieces else 1) * members + steps,
        memory=MEMBER_BYTES + (0 if spills else held),
        spilled=held if spills else 0,
        work=sharded * found.work,
        disk=found.disk,
        read=found.read,
        requests=found.requests,
        at_once=members,
        waiting=_rounds(choice.size, members, cluster),
    )


def _rounds(size: int, members: int, cluster: Cluster) -> float:
    """Seconds of the driver's asking, and of the answers on their way to it and dealt with there."""
    rounds = ROUNDS_OF_32K * (size / 32_768) ** ROUNDS_POWER
    seconds: float = rounds * members * (ASKING_SECONDS + TOLD / cluster.network + TOLD / DEALT)
    return seconds
