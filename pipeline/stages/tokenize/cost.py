"""What tokenizing takes."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pairloom.operators.speeds import BYTE_LEVEL
from pairloom.pipeline.forecast.cost import Cost
from pairloom.pipeline.forecast.requests import Requests, committed, looked_up, reads_of_whole, written
from pairloom.pipeline.forecast.sizes import Sizes, encoding_of

if TYPE_CHECKING:
    from pairloom.pipeline.flow.plan import Plan

__all__ = ["TOKENIZE_MEMORY", "Tokenizing", "cost"]

# Stored bytes of the corpus a second of one worker, checks and writing included: English JSON Lines, 32k tokens of byte-level
# BPE, two workers on two cores of an AMD EPYC virtual machine. Another family takes as much longer as its encoding does.
RATE = 45e6
# Bytes of a task: the memo, the table of further words, and a few batches of text and tokens, whatever the unit.
TOKENIZE_MEMORY = 800_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokenizing:
    """How much is tokenized: units, and the bytes of the tokens of each."""

    units: int
    tokens: int = 0

    @property
    def requests(self) -> Requests:
        """What is asked of a store; the receipts of count, the memo and the vocabulary are read first."""
        asked = written(self.tokens, self.units) + looked_up(self.units) + committed(self.units)
        return asked + Requests(reads=reads_of_whole(0) + 1) + Requests(reads=self.units)


def cost(plan: "Plan") -> Cost:
    """What tokenizing asks."""
    sizes = Sizes.of(plan)
    tokens, unit = sizes.tokens * sizes.width, sizes.bytes / sizes.units
    longer = encoding_of(plan).seconds(unit) - BYTE_LEVEL.seconds(unit)
    return Cost(
        tasks=len(plan.units),
        memory=TOKENIZE_MEMORY,
        work=sizes.bytes / RATE + sizes.units * longer,
        disk=tokens,
        read=sizes.bytes + tokens,
        written=tokens,
        requests=Tokenizing(units=sizes.units, tokens=tokens // sizes.units).requests,
    )
