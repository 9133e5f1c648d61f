"""learn, sharded: the partitions stay with members of a crew, and the driver learns from all of them in rounds.

    words of partitions ─▶ members ◀── rounds ──▶ driver ── segments of merges ──▶ store ─▶ one task: vocabulary, memo

A member that is lost reads its words again and encodes them with the merges so far; a driver that is lost is continued from
the segments that it has stored. The vocabulary is that of one learner (`learn.py`), byte for byte, under the same receipt.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pairloom.operators import count_pairs, merge_counts
from pairloom.operators.bpe.sharded import Coordinator, Partition, byte_ids, partition_memory
from pairloom.operators.errors import CorruptionError, StorageError
from pairloom.pipeline.events import RoundDone, StepFinished, StepStarted, UnitDone
from pairloom.pipeline.execution.base import Crew, Executor, PreemptedError
from pairloom.pipeline.job import Job
from pairloom.pipeline.stages.counted import read_pairs, read_words
from pairloom.pipeline.store.files import StoredFile
from pairloom.pipeline.store.location import open_objects
from pairloom.pipeline.store.merge_log import MergeLog
from pairloom.pipeline.store.receipts import Ledger

__all__ = ["WordsPost", "learn_in_rounds", "share_out"]

# Asking a Ray actor costs the driver some 0.4 ms (Ray 2.60, AMD EPYC), so that 64 cost it 30 ms a round.
MEMBERS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class WordsPost:
    """A member that holds the words of some merged partitions."""

    root: str
    number: int
    words: tuple[StoredFile, ...]
    pairs: tuple[StoredFile, ...]
    specials: int

    @property
    def label(self) -> str:
        """The member."""
        return f"learn member {self.number} ({len(self.words)} partitions)"

    @property
    def memory(self) -> int:
        """The words as they are stored, twice while they are read, and the partition."""
        stored = sum(file.bytes for file in self.words)
        words = sum(file.facts["words"] for file in self.words)
        return 300_000_000 + 2 * stored + partition_memory(words, max(0, stored - 16 * words))

    def start(self) -> Partition:
        """Read the words; CorruptionError where they are not those whose pairs were counted."""
        objects = open_objects(self.root)
        counts = merge_counts(read_words(objects, file) for file in self.words)
        pairs = np.zeros((256, 256), np.int64)
        for file in self.pairs:
            pairs += read_pairs(objects, file)
        if not np.array_equal(pairs, count_pairs(counts)):
            raise CorruptionError(
                "the stored pair counts are not those of the words: words were lost or added on the way"
            )
        return Partition([counts], byte_ids(self.specials), self.specials + 256)


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
    """One member a processor, up to what a driver asks quickly; more where their memory would not do."""
    few = min(executor.places(), MEMBERS)
    room = executor.room()
    if room is None:
        return few
    whole = WordsPost(root="", number=0, words=tuple(words), pairs=(), specials=0).memory
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
