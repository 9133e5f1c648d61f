"""count: text to word counts.

Each unit's words are counted and written in partitions by a hash of the word, one record batch a partition. Then each
partition is merged over all units by a task of its own, which also adds up the partition's pairs of adjacent bytes. No
process ever holds more than one unit's or one partition's words.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators import Pretokenizer, WordCounter, WordCounts, count_pairs, merge_counts
from pairloom.operators.normalize import normalize
from pairloom.pipeline.corpus import Unit
from pairloom.pipeline.job import Job, dead_letters
from pairloom.pipeline.phases import in_phase, phase
from pairloom.pipeline.recipe import fingerprint
from pairloom.pipeline.stages.reading import Intake, slice_identity
from pairloom.pipeline.store.files import StoredFile, attempt_path, one_array, open_arrow, write_arrow
from pairloom.pipeline.store.location import open_objects
from pairloom.pipeline.store.manifest import StageRecord
from pairloom.pipeline.store.objects import Objects
from pairloom.pipeline.store.receipts import Ledger, Receipt, claim, unit_id

__all__ = ["PAIRS", "WORDS", "CountTask", "MergeTask", "count", "read_pairs", "read_words"]

WORDS = pa.schema(
    [pa.field("word", pa.large_binary(), nullable=False), pa.field("count", pa.int64(), nullable=False)]
)
PAIRS = pa.schema(
    [
        pa.field("left", pa.uint8(), nullable=False),
        pa.field("right", pa.uint8(), nullable=False),
        pa.field("count", pa.int64(), nullable=False),
    ]
)
MERGED_ROWS = 1 << 20  # words in a record batch of a merged partition


@dataclass(frozen=True, slots=True, kw_only=True)
class CountTask:
    """Count the words of one unit into `parts` partitions."""

    root: str
    input: Unit
    pretokenizer: Pretokenizer
    normalizer: str
    parts: int
    max_record_bytes: int
    stage: str = "count"

    @property
    def unit(self) -> str:
        """The unit's id."""
        return unit_id(
            self.stage,
            {
                "slices": [slice_identity(piece) for piece in self.input.slices],
                "text": self.input.text,
                "pretokenizer": self.pretokenizer.identity,
                "normalizer": self.normalizer,
                "parts": self.parts,
            },
        )

    @property
    def label(self) -> str:
        """The first input of the unit."""
        return self.input.slices[0].file.uri

    @property
    def memory(self) -> int:
        """A table of words and a few batches of text."""
        return 600_000_000 + 2 * self.input.bytes

    def run(self, shared: Any = None) -> Receipt:
        """Read, normalize, count, partition, write."""
        objects = open_objects(self.root)
        intake = Intake(self.input, self.max_record_bytes)
        counter = WordCounter(self.pretokenizer)
        for batch in intake.documents():
            with phase("count"):
                counter.add(normalize(batch.texts, self.normalizer))
        with phase("count"):
            counts = counter.finish()
        with write_arrow(
            objects, attempt_path(self.stage, self.unit, "words.arrow"), WORDS, role="words"
        ) as writer:
            for part in counts.partition(self.parts):
                writer.write(_batch(part))
            writer.facts.update(words=len(counts), pretokens=counts.total)
        assert writer.stored is not None
        receipt = Receipt(
            stage=self.stage,
            unit=self.unit,
            files=(writer.stored, *intake.write_rejected(objects, self.stage, self.unit)),
            ledger=intake.ledger(),
            slices=intake.slices(),
        )
        return claim(objects, receipt)


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeTask:
    """Merge one partition of the word counts over all units, and count its pairs of adjacent bytes.

    The tasks of the stage share the list of the units' files.
    """

    root: str
    part: int
    counts: str  # the fingerprint of all units' files
    expected_bytes: int
    stage: str = "merge"

    @property
    def unit(self) -> str:
        """The unit's id."""
        return unit_id(self.stage, {"part": self.part, "counts": self.counts})

    @property
    def label(self) -> str:
        """The partition."""
        return f"partition {self.part}"

    @property
    def memory(self) -> int:
        """The partition's words, twice."""
        return 200_000_000 + 4 * self.expected_bytes

    def run(self, shared: tuple[StoredFile, ...]) -> Receipt:
        """Merge, write the words, write the pairs."""
        objects = open_objects(self.root)
        with phase("sort"):
            counts = merge_counts(in_phase("read", self._parts(objects, shared)))
        with write_arrow(
            objects, attempt_path(self.stage, self.unit, "words.arrow"), WORDS, role="words"
        ) as words:
            whole = _batch(counts)
            for start in range(0, len(counts), MERGED_ROWS):
                words.write(whole.slice(start, MERGED_ROWS))
            words.facts.update(words=len(counts), pretokens=counts.total)
        with write_arrow(
            objects, attempt_path(self.stage, self.unit, "pairs.arrow"), PAIRS, role="pairs"
        ) as pairs:
            table = count_pairs(counts)
            left, right = np.nonzero(table)
            columns = [left.astype(np.uint8), right.astype(np.uint8), table[left, right]]
            pairs.write(pa.RecordBatch.from_arrays([pa.array(c) for c in columns], schema=PAIRS))
        assert words.stored is not None
        assert pairs.stored is not None
        return claim(objects, Receipt(stage=self.stage, unit=self.unit, files=(words.stored, pairs.stored)))

    def _parts(self, objects: Objects, inputs: tuple[StoredFile, ...]) -> Iterator[WordCounts]:
        for stored in inputs:
            with open_arrow(objects, stored) as reader:
                yield _counts(reader.get_batch(self.part))


def count(job: Job) -> StageRecord:
    """Count every unit, then merge every partition."""
    recipe, parts = job.plan.recipe, job.plan.partitions
    choice = recipe.vocabulary
    counted = job.step(
        "count",
        [
            CountTask(
                root=recipe.root,
                input=unit,
                pretokenizer=choice.pretokenizer.build(),
                normalizer=choice.normalizer,
                parts=parts,
                max_record_bytes=recipe.max_record_bytes,
            )
            for unit in job.plan.units
        ],
        sizes=[unit.bytes for unit in job.plan.units],
    )
    files = tuple(receipt.file("words") for receipt in counted)
    size = sum(file.bytes for file in files)
    key = fingerprint([file.sha256 for file in files])
    merged = job.step(
        "merge",
        [
            MergeTask(root=recipe.root, part=part, counts=key, expected_bytes=size // parts)
            for part in range(parts)
        ],
        shared=files,
        sizes=[size // parts] * parts,
    )
    return StageRecord(
        key=job.plan.keys["count"],
        units=tuple(receipt.unit for receipt in counted),
        files=tuple(file for receipt in merged for file in receipt.files),
        rejected=dead_letters(counted),
        ledger=Ledger.sum(receipt.ledger for receipt in counted),
        facts={
            name: sum(receipt.file("words").facts[name] for receipt in merged)
            for name in ("words", "pretokens")
        },
    )


def read_words(objects: Objects, stored: StoredFile) -> WordCounts:
    """The words of a merged partition."""
    with open_arrow(objects, stored) as reader:
        table = reader.read_all()
    words = one_array(table.column("word"))
    return WordCounts(words=words, counts=table.column("count").to_numpy())


def read_pairs(objects: Objects, stored: StoredFile) -> npt.NDArray[np.int64]:
    """The pairs of a merged partition, as int64[256, 256]."""
    pairs = np.zeros((256, 256), np.int64)
    with open_arrow(objects, stored) as reader:
        table = reader.read_all()
    pairs[table.column("left").to_numpy(), table.column("right").to_numpy()] = table.column(
        "count"
    ).to_numpy()
    return pairs


def _batch(counts: WordCounts) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([counts.words, pa.array(counts.counts)], schema=WORDS)


def _counts(batch: pa.RecordBatch) -> WordCounts:
    return WordCounts(words=batch.column("word"), counts=batch.column("count").to_numpy())
