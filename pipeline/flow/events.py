"""What a run tells whoever watches it."""

from dataclasses import dataclass, field

from pairloom.pipeline.phases import Usage
from pairloom.pipeline.store.receipts import Ledger

__all__ = ["Event", "Notice", "RoundDone", "StepFinished", "StepStarted", "UnitDone"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StepStarted:
    """A step begins: `units` of work over `bytes`, of which `reused` were done by an earlier run.

    `says` is what people read for the step, if not its name. `in_rounds` says that its units are workers that make merges
    together, round by round.
    """

    step: str
    units: int
    reused: int
    bytes: int
    says: str = ""
    in_rounds: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitDone:
    """A unit of a step is done; `usage` is what it took, empty for one that was done before.

    `retries` is how often it had failed and was tried again.
    """

    step: str
    bytes: int
    ledger: Ledger
    usage: Usage = field(default_factory=Usage)
    retries: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundDone:
    """A round of learning is done: so many rounds by this run, so many merges in all, of so many at most."""

    step: str
    rounds: int
    merges: int
    wanted: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StepFinished:
    """A step is over; `ledger` sums its units."""

    step: str
    ledger: Ledger


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What whoever looks after the run should know: a line of text."""

    text: str


Event = StepStarted | UnitDone | RoundDone | StepFinished | Notice
