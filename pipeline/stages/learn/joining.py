"""superwords: the second stage of learning, whose merges may join words.

    pieces, by partition ──segment──▶ pieces as tokens of the first stage ──join──▶ vocabulary

Each partition of the pieces is segmented by a task of its own; one task then learns from all of them, at some 17 bytes a
token. Where that does not fit one machine, workers share the partitions and the merges are learned in rounds
(`rounds.py`), and one task makes of them what the other would have written, under the same unit.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from pairloom.operators import (
    Pretokenizer,
    Vocabulary,
    learn_superwords,
)
from pairloom.operators.models.bpe import superwords_memory
from pairloom.operators.models.bpe.sharded import (
    Coordinator,
    superwords_coordinator,
)
from pairloom.operators.models.bpe.superwords import assemble_superwords
from pairloom.pipeline.flow.attempt import Attempt, UnitTask
from pairloom.pipeline.flow.job import Job
from pairloom.pipeline.phases import phase
from pairloom.pipeline.stages.learn.cost import assemble_memory
from pairloom.pipeline.stages.learn.files import note_merges, publish, read_memo
from pairloom.pipeline.stages.learn.pieces import SegmentsSpec, SegmentTask, read_segments
from pairloom.pipeline.stages.learn.rounds import in_rounds, learn_in_rounds
from pairloom.pipeline.store.files import StoredFile, read_stored
from pairloom.pipeline.store.merge_log import MergeLog
from pairloom.pipeline.store.receipts import Receipt

__all__ = ["AssembleJoinedTask", "JoinTask", "join_words"]


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinTask(UnitTask):
    """Learn from the segmented pieces. Handed the first stage's vocabulary.

    Pieces hardly repeat and are encoded word by word, so that the memo of the first stage is that of the last one.
    """

    segments: tuple[StoredFile, ...]
    memo: StoredFile
    base: str
    size: int
    pretokenizer: Pretokenizer
    max_words: int | None
    forbid: tuple[str, ...]
    min_count: int
    step = "learn"

    def identity(self) -> object:
        """Everything that decides the bytes."""
        return {
            "segments": [file.sha256 for file in self.segments],
            "base": self.base,
            "size": self.size,
            "pretokenizer": self.pretokenizer.identity,
            "max_words": self.max_words,
            "forbid": self.forbid,
            "min_count": self.min_count,
        }

    @property
    def label(self) -> str:
        """The size that is asked for."""
        return f"{self.size} tokens"

    def need(self) -> int:
        """The pieces as they are read, and what learning allocates."""
        words, symbols = (sum(file.facts[name] for file in self.segments) for name in ("words", "symbols"))
        read = sum(file.bytes for file in self.segments)
        return 300_000_000 + read + superwords_memory(words, symbols, self.size, forbid=self.forbid)

    def work(self, attempt: Attempt, shared: Vocabulary) -> None:
        """Learn; write `tokenizer.json` and the most frequent words."""
        with phase("read"):
            parts = [read_segments(attempt.objects, file) for file in self.segments]
        vocabulary = learn_superwords(
            shared,
            parts,
            self.size,
            pretokenizer=self.pretokenizer,
            max_words=self.max_words,
            forbid=self.forbid,
            min_count=self.min_count,
            progress=note_merges,
        )
        self.publish(attempt, vocabulary)

    def publish(self, attempt: Attempt, vocabulary: Vocabulary) -> None:
        """Write the vocabulary and the memo's words."""
        facts = {name: sum(file.facts[name] for file in self.segments) for name in ("words", "pretokens")}
        publish(attempt, vocabulary, read_memo(attempt.objects, self.memo), facts)

    def coordinator(self, base: Vocabulary, given: npt.NDArray[np.int32]) -> Coordinator:
        """What decides where this is learned in rounds, and `given` (int32[m, 2]) are made already."""
        return superwords_coordinator(
            base,
            self.size,
            max_words=self.max_words,
            forbid=self.forbid,
            min_count=self.min_count,
            given=given,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AssembleJoinedTask(UnitTask):
    """Make the vocabulary of merges that were learned in rounds: the same unit as learning it in one task."""

    join: JoinTask
    step = "learn"

    def identity(self) -> object:
        """Everything that decides the bytes."""
        return self.join.identity()

    @property
    def label(self) -> str:
        """The size that is asked for."""
        return self.join.label

    def need(self) -> int:
        """The memo's words, several times, and the vocabulary."""
        return assemble_memory(self.join.memo.bytes)

    def work(self, attempt: Attempt, shared: Vocabulary) -> None:
        """Read the merges; write what `JoinTask` writes."""
        merges = MergeLog(attempt.objects, attempt.step, attempt.unit).merges
        self.join.publish(attempt, assemble_superwords(shared, merges, self.join.pretokenizer))


def join_words(job: Job, first: Receipt, min_count: int) -> Receipt:
    """Go on from the vocabulary of the first stage; the receipt of the last one."""
    choice = job.plan.recipe.vocabulary
    assert choice.superwords is not None
    base = Vocabulary.from_json(read_stored(job.objects, first.file("vocabulary")))
    pieces = [file for file in job.records["count"].files if file.role == "pieces"]
    root = job.plan.recipe.root
    segmented = job.step(
        "segment",
        [SegmentTask(root=root, pieces=file, base=base.fingerprint) for file in pieces],
        shared=base,
        sizes=[file.bytes for file in pieces],
    )
    task = JoinTask(
        root=root,
        segments=tuple(receipt.file("segments") for receipt in segmented),
        memo=first.file("memo"),
        base=base.fingerprint,
        size=choice.size,
        pretokenizer=job.plan.cut.last,
        max_words=choice.superwords.max_words,
        forbid=choice.superwords.forbid,
        min_count=min_count,
    )
    last = _joined(job, task, base, first.file("vocabulary"))
    job.scratch += segmented
    return last


def _joined(job: Job, task: JoinTask, base: Vocabulary, stored: StoredFile) -> Receipt:
    """Learn in one task, or in rounds that another one then makes the same vocabulary of."""
    sizes = [file.bytes for file in task.segments]
    symbols = sum(file.facts["symbols"] + 2 * file.facts["words"] for file in task.segments)
    if not in_rounds(job, task, symbols) or job.receipts([("learn", task.unit)])[0] is not None:
        (last,) = job.step("join words", [task], shared=base, sizes=[sum(sizes)])
        return last

    def spec(number: int, share: Sequence[int]) -> SegmentsSpec:
        segments = tuple(task.segments[part] for part in share)
        return SegmentsSpec(root=task.root, number=number, segments=segments, base=stored)

    learn_in_rounds(job, "join rounds", task.unit, partial(task.coordinator, base), spec, sizes)
    (last,) = job.step(
        "join words", [AssembleJoinedTask(root=task.root, join=task)], shared=base, sizes=[sum(sizes)]
    )
    MergeLog(job.objects, "learn", task.unit).discard()
    return last
