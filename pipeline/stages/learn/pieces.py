"""segment: pieces of superwords as tokens of the first stage, and the members that hold them.

pieces of a partition ──SegmentTask──▶ sequences of tokens ──SegmentsSpec──▶ a member
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from pairloom.operators import Vocabulary, segment_words
from pairloom.operators.models.bpe.layout import TokenSequences
from pairloom.operators.models.bpe.sharded import Partition, TokenWords
from pairloom.pipeline.flow.attempt import Attempt, UnitTask
from pairloom.pipeline.phases import phase
from pairloom.pipeline.stages.count.files import read_words
from pairloom.pipeline.stages.learn.cost import segment_memory
from pairloom.pipeline.stages.learn.rounds import MemberSpec
from pairloom.pipeline.store.files import StoredFile, one_array, open_arrow, read_stored
from pairloom.pipeline.store.location import open_objects
from pairloom.pipeline.store.objects import Objects

__all__ = ["SegmentTask", "SegmentsSpec", "read_segments"]

SEGMENT_ROWS = 1 << 16  # pieces in a record batch


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentTask(UnitTask):
    """Make the first stage's merges in the pieces of one partition. The tasks share the first stage's vocabulary."""

    pieces: StoredFile
    base: str  # the fingerprint of the first stage's vocabulary
    step = "segment"

    def identity(self) -> object:
        """Everything that decides the bytes."""
        return {"pieces": self.pieces.sha256, "base": self.base}

    @property
    def label(self) -> str:
        """The file of the pieces."""
        return self.pieces.path

    def need(self) -> int:
        """The pieces twice, and at most one id of 4 bytes a byte."""
        return segment_memory(self.pieces.bytes)

    def work(self, attempt: Attempt, shared: Vocabulary) -> None:
        """Segment; write the pieces as tokens."""
        with phase("read"):
            counts = read_words(attempt.objects, self.pieces)
        with phase("encode"):
            part = segment_words(shared, counts)
        kind = pa.large_list(pa.from_numpy_dtype(part.ids.dtype))
        schema = pa.schema(
            [pa.field("tokens", kind, nullable=False), pa.field("count", pa.int64(), nullable=False)]
        )
        rows = pa.LargeListArray.from_arrays(pa.array(part.offsets), pa.array(part.ids))
        with attempt.arrow("segments", schema) as writer:
            for start in range(0, len(counts), SEGMENT_ROWS):
                columns = [
                    rows.slice(start, SEGMENT_ROWS),
                    pa.array(part.counts[start : start + SEGMENT_ROWS]),
                ]
                writer.write(pa.RecordBatch.from_arrays(columns, schema=schema))
            writer.facts.update(words=len(counts), symbols=len(part.ids), pretokens=counts.total)


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentsSpec(MemberSpec):
    """A member that holds some partitions of pieces, as tokens of the first stage (`base`)."""

    segments: tuple[StoredFile, ...]
    base: StoredFile

    @property
    def label(self) -> str:
        """The member."""
        return f"learn member {self.number} ({len(self.segments)} partitions of pieces)"

    @property
    def held(self) -> tuple[int, int]:
        """Distinct pieces, and their tokens."""
        words, symbols = (sum(file.facts[name] for file in self.segments) for name in ("words", "symbols"))
        return words, symbols

    @property
    def least(self) -> int:
        """The process, the vocabulary, and one file of pieces as it is read."""
        return 400_000_000 + max((file.bytes for file in self.segments), default=0) + 20 * self.base.bytes

    def start(self) -> Partition:
        """Read the vocabulary."""
        objects = open_objects(self.root)
        base = Vocabulary.from_json(read_stored(objects, self.base))
        held = TokenWords(StoredSegments(objects=objects, files=self.segments), base)
        return Partition(held, empty=self.empty)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSegments:
    """The pieces of some files, read anew whenever they are gone through, one file after another."""

    objects: Objects
    files: tuple[StoredFile, ...]

    def __iter__(self) -> Iterator[TokenSequences]:
        for file in self.files:
            yield read_segments(self.objects, file)


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
