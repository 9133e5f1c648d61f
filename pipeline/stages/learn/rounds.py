"""learn, sharded: the partitions stay with workers, and the driver learns from all of them in rounds.

    words of partitions ─▶ members ◀── rounds ──▶ driver ── segments of merges ──▶ store ─▶ one task: vocabulary, memo

For superwords that happens twice: with words as bytes, then with pieces as tokens of the first stage.

A member that is lost reads its words again and encodes them with the merges so far; a driver that is lost is continued from
the segments that it has stored. Members whose words the machines' memory does not hold keep them in files (`arena`). The
vocabulary is that of one learner (`tasks.py`), byte for byte, under the same receipt.
"""

import time
from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from pairloom.operators import WordCounts, count_pairs
from pairloom.operators.errors import CorruptionError, PreemptedError, StorageError
from pairloom.operators.learners import Allocate, Decider, Member, Rounds
from pairloom.operators.models.bpe.sharded import partition_memory
from pairloom.pipeline.execution.arena import arena
from pairloom.pipeline.execution.base import Executor, Task, Workers
from pairloom.pipeline.flow.events import RoundDone, StepFinished, StepStarted, UnitDone
from pairloom.pipeline.flow.job import Job
from pairloom.pipeline.flow.prepare import SHARDED_KERNELS, PrepareTask, preparing
from pairloom.pipeline.stages.count.files import read_pairs, read_words
from pairloom.pipeline.stages.learn.cost import MEMBERS
from pairloom.pipeline.stages.learn.groups import StoredGroups
from pairloom.pipeline.store.files import StoredFile
from pairloom.pipeline.store.location import open_objects
from pairloom.pipeline.store.merge_log import MergeLog
from pairloom.pipeline.store.objects import Objects
from pairloom.pipeline.store.receipts import Ledger

__all__ = [
    "GroupsSpec",
    "MemberSpec",
    "StoredWords",
    "WordsSpec",
    "in_rounds",
    "learn_in_rounds",
    "share_out",
]


# Bytes of a group's table of pairs, of 114 groups that speak 19 languages: 1.4 MB with 32k tokens, 2.6 MB with 128k.
GROUP_TABLE = 3_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberSpec:
    """A member that holds some partitions.

    Where it is projected to need more than `allowed` bytes of memory, what grows with the words lies in files in `folder`
    of its machine (by default the folder for temporary files).
    """

    root: str
    number: int
    allowed: int | None = None
    folder: str | None = None

    @property
    @abstractmethod
    def label(self) -> str:
        """The member."""

    @property
    @abstractmethod
    def held(self) -> tuple[int, int]:
        """Words and symbols of all partitions."""

    @property
    @abstractmethod
    def least(self) -> int:
        """Bytes of memory besides the partition: the process, and one file as it is read."""

    def memory(self, words: int, symbols: int) -> int:
        """Bytes of what is held of so many words of so many symbols together."""
        return partition_memory(words, symbols)

    @property
    def projected(self) -> int:
        """Bytes that the member takes at most."""
        return self.least + self.memory(*self.held)

    @property
    def spills(self) -> bool:
        """Whether the partition lies in files."""
        return self.allowed is not None and self.projected > self.allowed

    def need(self) -> int:
        """What the member takes of its machine's memory at most."""
        return self.least + self.memory(0, 0) if self.spills else self.projected

    @property
    def empty(self) -> Allocate:
        """What makes the arrays that grow with the words."""
        return arena(self.folder) if self.spills else np.empty

    @abstractmethod
    def start(self) -> Member:
        """See that the words can be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WordsSpec(MemberSpec):
    """A member that holds the words of some merged partitions."""

    words: tuple[StoredFile, ...]
    pairs: tuple[StoredFile, ...] = ()
    rounds: Rounds

    @property
    def label(self) -> str:
        """The member."""
        return f"learn member {self.number} ({len(self.words)} partitions)"

    @property
    def held(self) -> tuple[int, int]:
        """Distinct words, and their bytes."""
        words = sum(file.facts["words"] for file in self.words)
        return words, max(0, sum(file.bytes for file in self.words) - 16 * words)

    def memory(self, words: int, symbols: int) -> int:
        """Bytes of what is held, as the family says."""
        return self.rounds.member_memory(words, symbols)

    @property
    def least(self) -> int:
        """The process, and one file of words as it is read."""
        return 300_000_000 + 2 * max((file.bytes for file in self.words), default=0)

    def start(self) -> Member:
        """Read the words once; CorruptionError where they are not those whose pairs were counted."""
        objects = open_objects(self.root)
        words = StoredWords(objects=objects, files=self.words)
        for counts, file in zip(words, self.pairs, strict=True):
            if not np.array_equal(read_pairs(objects, file), count_pairs(counts)):
                raise CorruptionError(
                    f"{objects.uri(file.path)}: the stored pair counts are not those of the words: words were lost or added "
                    "on the way"
                )
        return self.rounds.member(words, self.empty)


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupsSpec(WordsSpec):
    """A member that holds the words of groups, of some merged partitions; that none is lost is seen when all is learned."""

    @property
    def least(self) -> int:
        """The same, and each group's table of pairs."""
        groups = max((file.facts.get("groups", 1) for file in self.words), default=0)
        return super(GroupsSpec, self).least + GROUP_TABLE * groups

    def start(self) -> Member:
        """See `MemberSpec`."""
        groups: Any = StoredGroups(objects=open_objects(self.root), files=self.words)
        return self.rounds.member(groups, self.empty)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredWords:
    """The words of some files, read anew whenever they are gone through, one file after another."""

    objects: Objects
    files: tuple[StoredFile, ...]

    def __iter__(self) -> Iterator[WordCounts]:
        for file in self.files:
            yield read_words(self.objects, file)


def share_out(sizes: Sequence[int], members: int) -> list[list[int]]:
    """Which partitions each member gets, as even as giving the largest first to who has least makes it.

    >>> share_out([5, 1, 4, 2], 2)
    [[0, 1], [2, 3]]
    """
    shares: list[list[int]] = [[] for _ in range(members)]
    loads = [0] * members
    for part in sorted(range(len(sizes)), key=lambda part: (-sizes[part], part)):
        least = loads.index(min(loads))
        shares[least].append(part)
        loads[least] += sizes[part]
    return [sorted(share) for share in shares]


def _members(whole: int, executor: Executor) -> int:
    """One member a processor, up to what a driver asks quickly; more where that makes each fit a machine.

    `whole` is the memory of one member with all partitions.
    """
    few = min(executor.places(), MEMBERS)
    room = executor.room()
    return few if room is None else max(few, -(-whole // room))


def in_rounds(job: Job, task: Task, slots: int) -> bool:
    """Whether to learn in rounds: as the recipe says, or where one task is projected not to fit the largest machine.

    `slots` are no fewer than a single learner would address.
    """
    mode = job.plan.recipe.vocabulary.learn.mode
    if mode == "auto":
        room = job.executor.room()
        return (room is not None and task.need() > room) or slots >= 1 << 32
    return mode == "sharded"


def learn_in_rounds(
    job: Job,
    step: str,
    unit: str,
    decider: Callable[[npt.NDArray[np.int32]], Decider],
    spec: Callable[[int, Sequence[int]], MemberSpec],
    sizes: Sequence[int],
) -> None:
    """Learn the merges of the unit `unit`, as the step `step`, and store them all as segments; goes on from those that are stored.

    `decider` is given the merges (int32[m, 2]) that are stored, `spec` the number of a member and which partitions
    it holds; `sizes` are the bytes of all partitions.
    """
    log = MergeLog(job.objects, "learn", unit)
    choice = job.plan.recipe.vocabulary.learn
    decides = decider(log.merges)
    members = choice.members or _members(spec(0, range(len(sizes))).projected, job.executor)
    members = max(1, min(len(sizes), members))
    shares = share_out(sizes, members)
    if choice.mode == "auto":  # whether there would be rounds was not known when the run began
        first = PrepareTask(schemes=(), places=(SHARDED_KERNELS,))
        job.prepare(preparing(first, min(members, job.executor.places())))
    job.observe(
        StepStarted(step=step, units=members, reused=0, bytes=sum(sizes), stage=job.running, in_rounds=True)
    )
    allowed = job.executor.room(members)
    workers = job.executor.workers(
        [
            replace(spec(number, share), allowed=allowed, folder=choice.spill)
            for number, share in enumerate(shares)
        ]
    )
    try:
        _rounds(job, step, decides, workers, log, choice.checkpoint_seconds)
    except (PreemptedError, StorageError, KeyboardInterrupt):
        log.extend(decides.merges)
        raise
    finally:
        workers.close()
    log.extend(decides.merges)
    for share in shares:
        job.observe(UnitDone(step=step, bytes=sum(sizes[part] for part in share), ledger=Ledger()))
    job.observe(StepFinished(step=step, ledger=Ledger()))


def _rounds(job: Job, step: str, decider: Decider, workers: Workers, log: MergeLog, seconds: float) -> None:
    stored = time.monotonic()
    while (message := decider.next()) is not None:
        decider.take(workers.ask(message, decider.anew))
        if not decider.rounds:
            continue
        job.observe(
            RoundDone(
                step=step,
                rounds=decider.rounds,
                merges=len(decider.merges),
                wanted=decider.wanted,
                what=job.plan.recipe.vocabulary.learner.makes,
            )
        )
        if time.monotonic() - stored >= seconds:
            log.extend(decider.merges)
            stored = time.monotonic()
