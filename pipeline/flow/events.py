"""What a run tells whoever watches it."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from pairloom.pipeline.notes import Note, heard
from pairloom.pipeline.phases import Usage
from pairloom.pipeline.store.receipts import Ledger

__all__ = [
    "Doing",
    "Event",
    "Notice",
    "PartDone",
    "RoundDone",
    "StepFinished",
    "StepStarted",
    "UnitDone",
    "called",
    "hearing",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class StepStarted:
    """A step begins: `units` of work over `bytes`, of which `reused` were done by an earlier run.

    `stage` is the stage that it is a step of, "" where there is none. `in_rounds` says that its units are workers that make
    merges together, round by round.
    """

    step: str
    units: int
    reused: int
    bytes: int
    stage: str = ""
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
    unit: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartDone:
    """Of a unit of a step that is being worked on, about so many bytes are done by now; `UnitDone` has all of them."""

    step: str
    unit: str
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Doing:
    """What a step is at, for people: `what`, or `done` of `of` things that `what` names.

        Doing(step="plan", what="listing the inputs")
        Doing(step="prepare", what="kernels compiled", done=12, of=80)

    A step need not have been started to say so; one that was not is over with whatever comes next, and `stage` is what it is
    a step of. Only what is said without numbers is worth a line of its own.
    """

    step: str
    what: str
    done: int = 0
    of: int = 0
    stage: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundDone:
    """A round of learning is done: so many rounds by this run, so many merges in all, of so many at most.

    `what` is what people call them, where a family learns something else.
    """

    step: str
    rounds: int
    merges: int
    wanted: int
    what: str = "merges"


@dataclass(frozen=True, slots=True, kw_only=True)
class StepFinished:
    """A step is over; `ledger` sums its units."""

    step: str
    ledger: Ledger


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What whoever looks after the run should know: a line of text."""

    text: str


Event = StepStarted | UnitDone | PartDone | Doing | RoundDone | StepFinished | Notice


def called(stage: str, step: str) -> str:
    """What people read for a step, wherever they read of it.

    >>> called("count", "count"), called("count", "merge"), called("", "prepare")
    ('count', 'count: merge', 'prepare')
    """
    return f"{stage}: {step}" if stage not in ("", step) else step


def hearing(
    observe: Callable[[Event], None], step: str, weight: Mapping[str, int]
) -> AbstractContextManager[None]:
    """While the block runs, what tasks note is told as events of a step; `weight` are the bytes of each unit."""

    def take(noted: Note) -> None:
        if noted.what:
            observe(Doing(step=step, what=noted.what, done=noted.done, of=noted.of))
        elif noted.of > 0:
            share = min(noted.done, noted.of) / noted.of
            observe(PartDone(step=step, unit=noted.unit, bytes=int(share * weight.get(noted.unit, 0))))

    return heard(take)
