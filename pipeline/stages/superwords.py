"""superwords: the second stage of learning, whose merges may join words.

    pieces, by partition ──segment──▶ pieces as tokens of the first stage ──join──▶ vocabulary

Each partition of the pieces is segmented by a task of its own; one task then learns from all of them, at some 17 bytes a token.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from pairloom.operators import (
    Pretokenizer,
    Vocabulary,
    learn_superwords,
    merge_counts,
    segment_words,
)
from pairloom.operators.bpe import superwords_memory
from pairloom.operators.bpe.layout import TokenSequences
from pairloom.pipeline.job import Job
from pairloom.pipeline.phases import phase
from pairloom.pipeline.stages.counted import WORDS, read_words, word_batch
from pairloom.pipeline.stages.learned import most_frequent, publish
from pairloom.pipeline.store.files import StoredFile, attempt_path, one_array, open_arrow, write_arrow
from pairloom.pipeline.store.location import open_objects
from pairloom.pipeline.store.objects import Objects
from pairloom.pipeline.store.receipts import Receipt, claim, unit_id

__all__ = ["JoinTask", "SegmentTask", "join_words", "read_segments"]

SEGMENT_ROWS = 1 << 16  # pieces in a record batch
MEMO_PIECES = (
    1 << 18
)  # the most frequent pieces, of all partitions, in the memo; one that occurs once is not worth a place


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentTask:
    """Make the first stage's merges in the pieces of one partition. The tasks share the first stage's vocabulary."""

    root: str
    pieces: StoredFile
    base: str  # the fingerprint of the first stage's vocabulary
    stage: str = "segment"

    @property
    def unit(self) -> str:
        """The unit's id."""
        return unit_id(self.stage, {"pieces": self.pieces.sha256, "base": self.base})

    @property
    def label(self) -> str:
        """The file of the pieces."""
        return self.pieces.path

    @property
    def memory(self) -> int:
        """The pieces twice, and at most one id of 4 bytes a byte."""
        return 400_000_000 + 6 * self.pieces.bytes

    def run(self, shared: Vocabulary) -> Receipt:
        """Segment; write the pieces as tokens, and the most frequent ones as they are."""
        objects = open_objects(self.root)
        with phase("read"):
            counts = read_words(objects, self.pieces)
        with phase("encode"):
            part = segment_words(shared, counts)
        kind = pa.large_list(pa.from_numpy_dtype(part.ids.dtype))
        schema = pa.schema(
            [pa.field("tokens", kind, nullable=False), pa.field("count", pa.int64(), nullable=False)]
        )
        rows = pa.LargeListArray.from_arrays(pa.array(part.offsets), pa.array(part.ids))
        path = attempt_path(self.stage, self.unit, "segments.arrow")
        with write_arrow(objects, path, schema, role="segments") as writer:
            for start in range(0, len(counts), SEGMENT_ROWS):
                columns = [
                    rows.slice(start, SEGMENT_ROWS),
                    pa.array(part.counts[start : start + SEGMENT_ROWS]),
                ]
                writer.write(pa.RecordBatch.from_arrays(columns, schema=schema))
            writer.facts.update(words=len(counts), symbols=len(part.ids), pretokens=counts.total)
        top = most_frequent(counts, MEMO_PIECES, least=2)
        with write_arrow(
            objects, attempt_path(self.stage, self.unit, "top.arrow"), WORDS, role="top"
        ) as most:
            most.write(word_batch(top))
        assert writer.stored is not None
        assert most.stored is not None
        return claim(objects, Receipt(stage=self.stage, unit=self.unit, files=(writer.stored, most.stored)))


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinTask:
    """Learn from the segmented pieces. Handed the first stage's vocabulary."""

    root: str
    segments: tuple[StoredFile, ...]
    top: tuple[StoredFile, ...]
    base: str
    size: int
    pretokenizer: Pretokenizer
    max_words: int | None
    forbid: tuple[str, ...]
    min_count: int
    stage: str = "learn"

    @property
    def unit(self) -> str:
        """The unit's id."""
        return unit_id(
            self.stage,
            {
                "segments": [file.sha256 for file in self.segments],
                "base": self.base,
                "size": self.size,
                "pretokenizer": self.pretokenizer.identity,
                "max_words": self.max_words,
                "forbid": self.forbid,
                "min_count": self.min_count,
            },
        )

    @property
    def label(self) -> str:
        """The size that is asked for."""
        return f"{self.size} tokens"

    @property
    def memory(self) -> int:
        """The pieces as they are read, and what learning allocates."""
        words, symbols = (sum(file.facts[name] for file in self.segments) for name in ("words", "symbols"))
        read = sum(file.bytes for file in self.segments)
        return 300_000_000 + read + superwords_memory(words, symbols, self.size, forbid=self.forbid)

    def run(self, shared: Vocabulary) -> Receipt:
        """Learn; write `tokenizer.json` and the most frequent pieces."""
        objects = open_objects(self.root)
        with phase("read"):
            parts = [read_segments(objects, file) for file in self.segments]
        vocabulary = learn_superwords(
            shared,
            parts,
            self.size,
            pretokenizer=self.pretokenizer,
            max_words=self.max_words,
            forbid=self.forbid,
            min_count=self.min_count,
        )
        pieces = merge_counts(read_words(objects, file) for file in self.top)
        top = most_frequent(pieces, MEMO_PIECES, least=2)
        facts = {name: sum(file.facts[name] for file in self.segments) for name in ("words", "pretokens")}
        return publish(objects, self, vocabulary, top, facts)


def join_words(job: Job, first: Receipt, min_count: int) -> Receipt:
    """Go on from the vocabulary of the first stage; the receipt of the last one."""
    choice = job.plan.recipe.vocabulary
    assert choice.superwords is not None
    base = Vocabulary.from_json(job.objects.read(first.file("vocabulary").path))
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
        top=tuple(receipt.file("top") for receipt in segmented),
        base=base.fingerprint,
        size=choice.size,
        pretokenizer=job.plan.cut.last,
        max_words=choice.superwords.max_words,
        forbid=choice.superwords.forbid,
        min_count=min_count,
    )
    (last,) = job.step("join words", [task], shared=base, sizes=[sum(file.bytes for file in task.segments)])
    job.scratch += segmented
    return last


def read_segments(objects: Objects, stored: StoredFile) -> TokenSequences:
    """The pieces of a segmented partition."""
    with open_arrow(objects, stored) as reader:
        table = reader.read_all()
    if table.num_rows == 0:
        kind = table.schema.field("tokens").type.value_type.to_pandas_dtype()
        return TokenSequences(
            ids=np.zeros(0, kind), offsets=np.zeros(1, np.int64), counts=np.zeros(0, np.int64)
        )
    rows = one_array(table.column("tokens"))
    return TokenSequences(
        ids=rows.values.to_numpy(),
        offsets=rows.offsets.to_numpy(),
        counts=one_array(table.column("count")).to_numpy(),
    )
