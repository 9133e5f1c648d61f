"""learn: merged word counts to a vocabulary; the same bytes whatever the partitions were.

One task learns from all words where their table fits one machine. Where it does not, the merges are learned in rounds
(`rounds.py`), and one task makes of them what the other would have written, under the same unit.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators import Pretokenizer, Vocabulary, WordCounts, learn_bpe, merge_counts
from pairloom.operators.bpe.assembling import assemble
from pairloom.operators.errors import CapacityError
from pairloom.pipeline.job import Job
from pairloom.pipeline.stages.count import WORDS, read_pairs, read_words
from pairloom.pipeline.stages.extend import ExtendTask
from pairloom.pipeline.stages.rounds import learn_in_rounds
from pairloom.pipeline.stages.superwords import join_words
from pairloom.pipeline.store.files import StoredFile, attempt_path, open_arrow, write_arrow, write_bytes
from pairloom.pipeline.store.location import open_objects
from pairloom.pipeline.store.manifest import StageRecord
from pairloom.pipeline.store.merge_log import MergeLog
from pairloom.pipeline.store.objects import Objects
from pairloom.pipeline.store.receipts import Receipt, claim, find_receipt, unit_id

__all__ = ["MEMO_WORDS", "AssembleTask", "LearnTask", "learn", "read_memo"]

# The most frequent words, which tokenize finds encoded already.
MEMO_WORDS = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnTask:
    """Learn the vocabulary from the merged partitions."""

    root: str
    words: tuple[StoredFile, ...]
    pairs: tuple[StoredFile, ...]
    size: int
    pretokenizer: Pretokenizer
    normalizer: str
    special_tokens: tuple[str, ...]
    min_count: int
    stage: str = "learn"

    @property
    def unit(self) -> str:
        """The unit's id."""
        return unit_id(
            self.stage,
            {
                "words": [file.sha256 for file in self.words],
                "size": self.size,
                "pretokenizer": self.pretokenizer.identity,
                "normalizer": self.normalizer,
                "special_tokens": self.special_tokens,
                "min_count": self.min_count,
            },
        )

    @property
    def label(self) -> str:
        """The size that is asked for."""
        return f"{self.size} tokens"

    @property
    def memory(self) -> int:
        """The words and their symbols."""
        return 300_000_000 + 12 * sum(file.bytes for file in self.words)

    def run(self, shared: Any = None) -> Receipt:
        """Learn; write `tokenizer.json` and the most frequent words."""
        objects = open_objects(self.root)
        counts = merge_counts(read_words(objects, file) for file in self.words)
        vocabulary = learn_bpe(
            counts,
            self.size,
            special_tokens=self.special_tokens,
            pretokenizer=self.pretokenizer,
            normalizer=self.normalizer,
            min_count=self.min_count,
            pairs=_sum_pairs(objects, self.pairs),
        )
        return self.publish(objects, vocabulary, most_frequent_words(counts))

    def publish(self, objects: Objects, vocabulary: Vocabulary, top: WordCounts) -> Receipt:
        """Write the vocabulary and the memo's words, and claim the unit."""
        path = attempt_path(self.stage, self.unit, "tokenizer.json")
        stored = write_bytes(objects, path, vocabulary.to_json(), role="vocabulary")
        with write_arrow(
            objects, attempt_path(self.stage, self.unit, "memo.arrow"), WORDS, role="memo"
        ) as memo:
            memo.write(pa.RecordBatch.from_arrays([top.words, pa.array(top.counts)], schema=WORDS))
        assert memo.stored is not None
        facts = {name: sum(file.facts[name] for file in self.words) for name in ("words", "pretokens")}
        facts["tokens"] = len(vocabulary)
        return claim(
            objects, Receipt(stage=self.stage, unit=self.unit, files=(stored, memo.stored), facts=facts)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AssembleTask:
    """Make the vocabulary of merges that were learned in rounds: the same unit as learning it in one task."""

    learn: LearnTask
    stage: str = "learn"

    @property
    def unit(self) -> str:
        """The unit's id."""
        return self.learn.unit

    @property
    def label(self) -> str:
        """The size that is asked for."""
        return self.learn.label

    @property
    def memory(self) -> int:
        """The words of one partition and the memo's, twice."""
        return 600_000_000 + 4 * max((file.bytes for file in self.learn.words), default=0)

    def run(self, shared: Any = None) -> Receipt:
        """Read the merges and, one partition after another, the words; write what `LearnTask` writes."""
        learn = self.learn
        objects = open_objects(learn.root)
        vocabulary = assemble(
            MergeLog(objects, self.stage, self.unit).merges,
            learn.special_tokens,
            pretokenizer=learn.pretokenizer,
            normalizer=learn.normalizer,
        )
        top = merge_counts([])
        for file in learn.words:
            part = most_frequent_words(read_words(objects, file))
            top = most_frequent_words(merge_counts([top, part]))
        return learn.publish(objects, vocabulary, top)


def most_frequent_words(counts: WordCounts) -> WordCounts:
    """The words of a memo: the most frequent ones, among equally frequent ones those that come first, in their order."""
    top = np.sort(np.argsort(-counts.counts, kind="stable")[:MEMO_WORDS])
    return WordCounts(words=counts.words.take(pa.array(top)), counts=counts.counts[top])


def in_rounds(job: Job, task: LearnTask) -> bool:
    """Whether to learn in rounds: as the recipe says, or where one task is projected not to fit the largest machine."""
    mode = job.plan.recipe.vocabulary.learn.mode
    if mode != "auto":
        return mode == "sharded"
    room = job.executor.room()
    slots = sum(file.bytes for file in task.words)  # no less than the slots that a single learner addresses
    return (room is not None and task.memory > room) or slots >= 1 << 32


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
        )
        receipts = job.step("learn", [extend], shared=base, sizes=[size])
    else:
        receipts = _learned(job, _task(job, words, min_count), size)
    if choice.superwords is not None:
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
    if not in_rounds(job, task) or find_receipt(job.objects, "learn", task.unit) is not None:
        return job.step("learn", [task], sizes=[size])
    learn_in_rounds(
        job,
        task.unit,
        words=task.words,
        pairs=task.pairs,
        size=task.size,
        specials=len(task.special_tokens),
        min_count=task.min_count,
    )
    receipts = job.step("learn", [AssembleTask(learn=task)], sizes=[size])
    MergeLog(job.objects, "learn", task.unit).discard()
    return receipts


def _task(job: Job, words: tuple[StoredFile, ...], min_count: int) -> LearnTask:
    choice, cut = job.plan.recipe.vocabulary, job.plan.cut
    first = cut.first if isinstance(cut.first, Pretokenizer) else cut.last
    return LearnTask(
        root=job.plan.recipe.root,
        words=words,
        pairs=tuple(file for file in job.records["count"].files if file.role == "pairs"),
        size=choice.size if choice.superwords is None else choice.transition,
        pretokenizer=first,
        normalizer=choice.normalizer,
        special_tokens=choice.special_tokens,
        min_count=min_count,
    )


def read_memo(objects: Objects, stored: StoredFile) -> WordCounts:
    """The most frequent words of the corpus that the vocabulary was learned from."""
    with open_arrow(objects, stored) as reader:
        batch = reader.get_batch(0)
    return WordCounts(words=batch.column("word"), counts=batch.column("count").to_numpy())


def _sum_pairs(objects: Objects, files: tuple[StoredFile, ...]) -> npt.NDArray[np.int64]:
    total = np.zeros((256, 256), np.int64)
    for file in files:
        pairs = read_pairs(objects, file)
        if np.any(total > np.iinfo(np.int64).max - pairs):
            raise CapacityError("the count of a pair of bytes passes 2^63 - 1")
        total += pairs
    return total
