"""What packing takes, its exchange included.

shards ── exchange ──▶ a file each ── regroup, where partitions are very many ──▶ files ── pack ──▶ packed files
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pairloom.pipeline.forecast.cost import Cost
from pairloom.pipeline.forecast.requests import Requests, looked_up, reads_of_piece, reads_of_whole, written
from pairloom.pipeline.forecast.sizes import Sizes
from pairloom.pipeline.stages.exchange.cost import REGROUP_BYTES, exchange_memory, regroup_memory

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pairloom.operators.transforms import TokenStep
    from pairloom.pipeline.flow.plan import Plan

__all__ = ["Packing", "carry_memory", "cost", "pack_memory"]

# Tokens a second of one worker, checks and writing included: 45 MB/s of English JSON Lines, 3.5 bytes a token, two workers on
# two cores of an AMD EPYC virtual machine.
RATE = 45e6 / 3.5


def pack_memory(size: int, documents: int, steps: "Sequence[TokenStep]" = (), width: int = 2) -> int:
    """Bytes for a partition with tokens of a size: as it is read, the plan, a batch of rows, and what steps need.

    `width` is that of a token, in bytes.
    """
    needed = sum(step.need(size // width, width) for step in steps)
    return 300_000_000 + 5 * size // 2 + 200 * documents + needed


def carry_memory(size: int) -> int:
    """Bytes for leftovers of a size: the leftovers, and a batch of rows."""
    return 300_000_000 + 2 * size


@dataclass(frozen=True, slots=True, kw_only=True)
class Packing:
    """How much is packed: units, packed files, and bytes of each.

    `width` is how many packed files share a batch of an exchange file: 1, unless there are very many. `leftovers` are files
    of what fills no row of its partition; `kept` are files that spare the next generation work: an index, and what is held
    out of each unit. `pieces` are units and packed files that have documents in common, all of them if it is None.
    """

    units: int
    files: int
    width: int = 1
    leftovers: int = 0
    kept: int = 0
    pieces: int | None = None
    tokens: int = 0  # bytes of a unit's tokens
    rows: int = 0  # bytes of a packed file

    @staticmethod
    def of(plan: "Plan") -> "Packing":
        """What a plan packs."""
        from pairloom.pipeline.stages.exchange.partitions import Splits

        sizes, choice = Sizes.of(plan), plan.recipe.pack
        shuffle, held = choice.shuffle, int(choice.validation > 0)
        splits = Splits.of(
            sizes.taken, choice.file_tokens, choice.validation, mode=shuffle.mode, groups=shuffle.groups
        )
        files = len(splits)
        ordered = not splits.order.scatters  # then a slice of an input is in few packed files, mostly in one
        slices = sum(len(unit.slices) for unit in plan.units)
        carries = (
            choice.strategy.carries and not splits.order.ranks and not choice.related and not choice.join
        )
        return Packing(
            units=sizes.units,
            files=files,
            width=splits.width,
            leftovers=sum(n for n in (splits.train, splits.validation) if n > 1) if carries else 0,
            kept=1 + held * sizes.units if ordered and not plan.recipe.selects else 0,
            pieces=files + (1 + held) * slices if ordered else None,
            tokens=sizes.taken * sizes.width // sizes.units,
            rows=sizes.taken * sizes.width // files,
        )

    @property
    def batches(self) -> int:
        """Batches of an exchange file."""
        return -(-self.files // self.width)

    @property
    def again(self) -> int:
        """Tasks that spread one batch of the exchange files over the packed files that share it; 0 in one step."""
        return max(1, -(-self.tokens * self.units // (self.batches * REGROUP_BYTES))) if self.width > 1 else 0

    @property
    def requests(self) -> Requests:
        """What is asked of a store."""
        units, files, batches = self.units, self.files, self.batches
        asked = written(self.tokens, units, checked=False) + looked_up(units)
        asked += Requests(reads=units * reads_of_whole(self.tokens))  # shards
        asked += written(self.rows, files) + looked_up(files)
        pieces = units * batches if self.pieces is None else self.pieces
        asked += Requests(reads=pieces * reads_of_piece(self.tokens // batches, self.tokens))
        if self.width > 1:  # each batch is spread again, and a packed file reads from what became of its own
            again, tasks = self.again, batches * self.again
            size = self.tokens * units // tasks
            asked += written(size, tasks, checked=False) + looked_up(tasks)
            asked += Requests(reads=files * again * reads_of_piece(size // self.width, size))
        asked += written(0, self.leftovers, receipts=False)
        asked += Requests(reads=self.leftovers * reads_of_whole(0))
        asked += written(0, self.kept, receipts=False)
        return asked + Requests(reads=files + self.leftovers + self.kept)  # when they are committed


def cost(plan: "Plan") -> Cost:
    """What packing asks."""
    sizes, packing = Sizes.of(plan), Packing.of(plan)
    tokens, taken = sizes.tokens * sizes.width, sizes.taken * sizes.width
    share, tasks = sizes.unit / max(1, sizes.bytes), packing.batches * packing.again
    documents = sizes.documents * sizes.taken // max(1, sizes.tokens)
    planned = 2 * documents if plan.recipe.pack.join else documents  # with what joining adds
    memory = max(
        exchange_memory(int(share * tokens), int(share * documents) if plan.recipe.selects else 0),
        pack_memory(packing.rows, planned // packing.files, plan.recipe.pack.steps, sizes.width),
        regroup_memory(taken // tasks) if tasks else 0,
    )
    again = taken if tasks else 0
    return Cost(
        tasks=len(plan.units) + packing.files + tasks,
        memory=memory,
        work=sizes.taken / RATE,
        disk=2 * taken + again,
        read=tokens + 2 * taken + again,
        written=2 * taken + again,
        requests=packing.requests,
    )
