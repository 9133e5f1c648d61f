"""learn, sharded: the partitions stay with members of a crew, and the driver learns from all of them in rounds.

    words of partitions ─▶ members ◀── rounds ──▶ driver ── segments of merges ──▶ store ─▶ one task: vocabulary, memo

A member that is lost reads its words again and encodes them with the merges so far; a driver that is lost is continued from
the segments that it has stored. Members whose words the machines' memory does not hold keep them in files (`arena`). The
vocabulary is that of one learner (`learn.py`), byte for byte, under the same receipt.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from pairloom.operators import WordCounts, count_pairs
from pairloom.operators.bpe.sharded import Coordinator, Partition, byte_ids, partition_memory
from pairloom.operators.errors import CorruptionError, StorageError
from pairloom.pipeline.events import RoundDone, StepFinished, StepStarted, UnitDone
from pairloom.pipeline.execution.arena import arena
from pairloom.pipeline.execution.base import Crew, Executor, PreemptedError
from pairloom.pipeline.job import Job
from pairloom.pipeline.stages.counted import read_pairs, read_words
from pairloom.pipeline.store.files import StoredFile
from pairloom.pipeline.store.location import open_objects
from pairloom.pipeline.store.merge_log import MergeLog
from pairloom.pipeline.store.objects import Objects
from pairloom.pipeline.store.receipts import Ledger

__all__ = ["WordsPost", "learn_in_rounds", "share_out"]

# What all members tell is added up by one driver: some 120 kB a round each.
MEMBERS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class WordsPost:
    """A member that holds the words of some merged partitions.

    Where it is projected to need more than `allowed` bytes of memory, what grows with the words lies in files in `folder`
    of its machine (by default the folder for temporary files).
    """

    root: str
    number: int
    words: tuple[StoredFile, ...]
    pairs: tuple[StoredFile, ...]
    specials: int
    allowed: int | None = None
    folder: str | None = None

    @property
    def label(self) -> str:
        """The member."""
        return f"learn member {self.number} ({len(self.words)} partitions)"

    @property
    def projected(self) -> int:
        """Bytes that the member takes at most: the process, one file of words as it is read, and the partition."""
        stored = sum(file.bytes for file in self.words)
        words = sum(file.facts["words"] for file in self.words)
        return self._least + partition_memory(words, max(0, stored - 16 * words))

    @property
    def spills(self) -> bool:
        """Whether the partition lies in files."""
        return self.allowed is not None and self.projected > self.allowed

    @property
    def memory(self) -> int:
        """What the member takes of its machine's memory at most."""
        return self._least + partition_memory(0, 0) if self.spills else self.projected

    @property
    def _least(self) -> int:
        return 300_000_000 + 2 * max((file.bytes for file in self.words), default=0)

    def start(self) -> Partition:
        """Read the words once; CorruptionError where they are not those whose pairs were counted."""
        objects = open_objects(self.root)
        words = StoredWords(objects=objects, files=self.words)
        for counts, file in zip(words, self.pairs, strict=True):
            if not np.array_equal(read_pairs(objects, file), count_pairs(counts)):
                raise CorruptionError(
                    f"{objects.uri(file.path)}: the stored pair counts are not those of the words: words were lost or added "
                    "on the way"
                )
        empty = arena(self.folder) if self.spills else np.empty
        return Partition(words, byte_ids(self.specials), self.specials + 256, empty=empty)


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


def _members(words: Sequence[StoredFile], executor: Executor) -> int:
    """One member a processor, up to what a driver asks quickly; more where that makes each fit a machine."""
    few = min(executor.places(), MEMBERS)
    room = executor.room()
    if room is None:
        return few
    whole = WordsPost(root="", number=0, words=tuple(words), pairs=(), specials=0).projected
    return max(few, -(-whole // room))


def learn_in_rounds(
    job: Job,
    unit: str,
    *,
    words: tuple[StoredFile, ...],
    pairs: tuple[StoredFile, ...],
    size: int,
    specials: int,
    min_count: int,
) -> None:
    """Learn the merges of the unit `unit` and store them all as segments; goes on from those that are stored."""
    log = MergeLog(job.objects, "learn", unit)
    choice = job.plan.recipe.vocabulary.learn
    coordinator = Coordinator(
        first=specials + 256,
        merges=size - specials - 256,
        min_count=min_count,
        given=log.merges,
    )
    members = choice.members or _members(words, job.executor)
    members = max(1, min(len(words), members))
    shares = share_out([file.bytes for file in words], members)
    posts = [
        WordsPost(
            root=job.plan.recipe.root,
            number=number,
            words=tuple(words[part] for part in share),
            pairs=tuple(pairs[part] for part in share),
            specials=specials,
            allowed=job.executor.room(members),
            folder=choice.spill,
        )
        for number, share in enumerate(shares)
    ]
    job.observe(StepStarted(step="rounds", units=members, reused=0, bytes=sum(file.bytes for file in words)))
    crew = job.executor.crew(posts)
    try:
        _rounds(job, coordinator, crew, log, choice.checkpoint_seconds)
    except (PreemptedError, StorageError, KeyboardInterrupt):
        log.extend(coordinator.merges)
        raise
    finally:
        crew.close()
    log.extend(coordinator.merges)
    for post in posts:
        job.observe(UnitDone(step="rounds", bytes=sum(file.bytes for file in post.words), ledger=Ledger()))
    job.observe(StepFinished(step="rounds", ledger=Ledger()))


def _rounds(job: Job, coordinator: Coordinator, crew: Crew, log: MergeLog, seconds: float) -> None:
    stored = time.monotonic()
    while (message := coordinator.next()) is not None:
        coordinator.take(crew.ask(message, coordinator.anew))
        if not coordinator.rounds:
            continue
        job.observe(
            RoundDone(
                step="rounds",
                rounds=coordinator.rounds,
                merges=len(coordinator.merges),
                wanted=coordinator.wanted,
            )
        )
        if time.monotonic() - stored >= seconds:
            log.extend(coordinator.merges)
            stored = time.monotonic()
