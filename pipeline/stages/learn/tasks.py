"""learn: merged word counts to a vocabulary; the same bytes whatever the partitions were.

One task learns from all words where their table fits one machine. Where it does not, the merges are learned in rounds
(`rounds.py`), and one task makes of them what the other would have written, under the same unit.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from pairloom.operators import Pretokenizer, Vocabulary, WordCounts, merge_counts
from pairloom.operators.errors import CapacityError, CorruptionError
from pairloom.operators.learners import Learner, Target
from pairloom.operators.models.bpe import count_pairs
from pairloom.operators.text.normalize import normalizer_identity
from pairloom.pipeline.flow.attempt import Attempt, UnitTask
from pairloom.pipeline.flow.job import Job
from pairloom.pipeline.notes import note
from pairloom.pipeline.recipe import Superwords
from pairloom.pipeline.stages.count.files import read_pairs, read_words
from pairloom.pipeline.stages.learn.cost import assemble_memory
from pairloom.pipeline.stages.learn.extend import ExtendTask
from pairloom.pipeline.stages.learn.files import most_frequent, note_merges, publish
from pairloom.pipeline.stages.learn.groups import StoredGroups, check_groups, measured, read_groups
from pairloom.pipeline.stages.learn.joining import join_words
from pairloom.pipeline.stages.learn.rounds import (
    GroupsSpec,
    StoredWords,
    WordsSpec,
    in_rounds,
    learn_in_rounds,
)
from pairloom.pipeline.store.files import StoredFile
from pairloom.pipeline.store.manifest import StageRecord
from pairloom.pipeline.store.merge_log import MergeLog
from pairloom.pipeline.store.objects import Objects
from pairloom.pipeline.store.receipts import Receipt

__all__ = ["AssembleTask", "LearnTask", "learn"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnTask(UnitTask):
    """Learn the vocabulary from the merged partitions."""

    words: tuple[StoredFile, ...]
    pairs: tuple[StoredFile, ...]
    target: Target
    learner: Learner
    groups: tuple[StoredFile, ...] = ()
    step = "learn"

    def identity(self) -> object:
        """Everything that decides the bytes."""
        target, learner = self.target, self.learner.identity
        # What was learned before there were families is found again.
        family = {} if learner == "bpe" else {"family": learner}
        shape = {"shape": target.shape.named} if target.shape.named else {}
        if target.parity is not None:
            shape["parity"] = {**target.parity.named, "groups": [file.sha256 for file in self.groups]}
        return (
            family
            | shape
            | {
                "words": [file.sha256 for file in self.words],
                "size": target.size,
                "pretokenizer": target.pretokenizer.identity,
                "normalizer": normalizer_identity(target.normalizer),
                "special_tokens": target.special_tokens,
                "min_count": target.min_count,
            }
        )

    @property
    def label(self) -> str:
        """The size that is asked for."""
        return f"{self.target.size} tokens"

    def need(self) -> int:
        """What the family takes for so many words."""
        words = self.learner.need(sum(file.bytes for file in self.words))
        if self.target.parity is None:
            return words
        return max(words, self.learner.need_groups(sum(file.bytes for file in self.groups)))

    def work(self, attempt: Attempt, shared: Any) -> None:
        """Learn; write `tokenizer.json` and the most frequent words."""
        counts = merge_counts(read_words(attempt.objects, file) for file in self.words)
        if not np.array_equal(_sum_pairs(attempt.objects, self.pairs), count_pairs(counts)):
            raise CorruptionError(
                "the stored pair counts are not those of the words: words were lost or added on the way"
            )
        progress, facts = partial(note_merges, what=self.learner.makes), {}
        if self.target.parity is None:
            learned = self.learner.learn(counts, self.target, progress=progress)
        else:
            groups = read_groups(attempt.objects, self.groups, counts)
            learned = self.learner.learn_groups(groups, self.target, progress=progress)
            if self.learner.merges_bytes:  # others put something before each text
                facts = measured(learned, groups.items())
        self.publish(attempt, learned, most_frequent(counts), facts)

    def publish(
        self, attempt: Attempt, vocabulary: Vocabulary, top: WordCounts, facts: Mapping[str, int]
    ) -> None:
        """Write the vocabulary and the memo's words."""
        counted = {name: sum(file.facts[name] for file in self.words) for name in ("words", "pretokens")}
        publish(attempt, vocabulary, top, counted | dict(facts))


@dataclass(frozen=True, slots=True, kw_only=True)
class AssembleTask(UnitTask):
    """Make the vocabulary of merges that were learned in rounds: the same unit as learning it in one task."""

    learn: LearnTask
    step = "learn"

    def identity(self) -> object:
        """Everything that decides the bytes."""
        return self.learn.identity()

    @property
    def label(self) -> str:
        """The size that is asked for."""
        return self.learn.label

    def need(self) -> int:
        """The words of one partition and the memo's, twice."""
        files = self.learn.words + self.learn.groups
        return assemble_memory(max((file.bytes for file in files), default=0))

    def work(self, attempt: Attempt, shared: Any) -> None:
        """Read the merges and, one partition after another, the words; write what `LearnTask` writes."""
        learn = self.learn
        vocabulary = learn.learner.rounds(learn.target).finish(
            MergeLog(attempt.objects, attempt.step, attempt.unit).merges,
            StoredWords(objects=attempt.objects, files=learn.words),
        )
        top = merge_counts([])
        for number, file in enumerate(learn.words):
            note(number, len(learn.words))
            part = most_frequent(read_words(attempt.objects, file))
            top = most_frequent(merge_counts([top, part]))
        facts: dict[str, int] = {}
        if learn.target.parity is not None:
            groups = StoredGroups(objects=attempt.objects, files=learn.groups)
            check_groups(groups, _sum_pairs(attempt.objects, learn.pairs))
            if learn.learner.merges_bytes:  # as in one task
                facts = measured(vocabulary, groups)
        learn.publish(attempt, vocabulary, top, facts)


def learn(job: Job) -> StageRecord:
    """Learn the vocabulary; with superwords in two stages, each on the counts that are its own."""
    choice = job.plan.recipe.vocabulary
    words = tuple(file for file in job.records["count"].files if file.role == "words")
    size = sum(file.bytes for file in words)
    # Of the lightest source that counts at all, a pair is seen as often as it is.
    min_count = choice.min_count * min(
        weight for weight in job.plan.recipe.count_weights().values() if weight
    )
    base = job.plan.base
    if base is not None:
        extend = ExtendTask(
            root=job.plan.recipe.root,
            words=words,
            base=base.fingerprint,
            base_size=len(base),
            size=choice.size,
            min_count=min_count,
            by=choice.extend_by,
            limits=(choice.superwords or Superwords()) if base.pretokenizer.scheme == "superwords" else None,
        )
        receipts = job.step("learn", [extend], shared=base, sizes=[size])
    else:
        receipts = _learned(job, _task(job, words, min_count), size)
    if base is None and choice.superwords is not None:
        receipts.append(join_words(job, receipts[0], min_count))
    last = receipts[-1]
    return StageRecord(
        key=job.plan.keys["learn"],
        units=tuple(receipt.unit for receipt in receipts),
        files=last.files,
        facts=last.facts,
    )


def _learned(job: Job, task: LearnTask, size: int) -> list[Receipt]:
    """Learn in one task, or in rounds that another one then makes the same vocabulary of."""
    if (
        not task.learner.by_rounds
        or not in_rounds(job, task, size)
        or job.receipts([("learn", task.unit)])[0] is not None
    ):
        return job.step("learn", [task], sizes=[size])
    rounds = task.learner.rounds(task.target)
    grouped = task.target.parity is not None
    held = task.groups if grouped else task.words

    def spec(number: int, share: Sequence[int]) -> WordsSpec:
        words = tuple(held[part] for part in share)
        if grouped:
            return GroupsSpec(root=task.root, number=number, words=words, rounds=rounds)
        pairs = tuple(task.pairs[part] for part in share)
        return WordsSpec(root=task.root, number=number, words=words, pairs=pairs, rounds=rounds)

    learn_in_rounds(job, "rounds", task.unit, rounds.decider, spec, [file.bytes for file in held])
    receipts = job.step("learn", [AssembleTask(root=task.root, learn=task)], sizes=[size])
    MergeLog(job.objects, "learn", task.unit).discard()
    return receipts


def _task(job: Job, words: tuple[StoredFile, ...], min_count: int) -> LearnTask:
    choice, cut = job.plan.recipe.vocabulary, job.plan.cut
    first = cut.first if isinstance(cut.first, Pretokenizer) else cut.last
    return LearnTask(
        root=job.plan.recipe.root,
        words=words,
        pairs=tuple(file for file in job.records["count"].files if file.role == "pairs"),
        target=choice.target(first, min_count),
        learner=choice.learner,
        groups=tuple(file for file in job.records["count"].files if file.role == "groups"),
    )


def _sum_pairs(objects: Objects, files: tuple[StoredFile, ...]) -> npt.NDArray[np.int64]:
    total = np.zeros((256, 256), np.int64)
    for file in files:
        pairs = read_pairs(objects, file)
        if np.any(total > np.iinfo(np.int64).max - pairs):
            raise CapacityError("the count of a pair of bytes passes 2^63 - 1")
        total += pairs
    return total
