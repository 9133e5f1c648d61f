"""Ranges of the corpus: of which partition a document is, and files of pairs of documents that are spread by it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.pipeline.flow.attempt import Attempt
from pairloom.pipeline.notes import note
from pairloom.pipeline.store.files import StoredFile, open_arrow
from pairloom.pipeline.store.objects import Objects

__all__ = ["PAIRS", "Pairs", "Ranges", "empty_pairs", "read_pairs", "write_pairs"]

PAIRS = pa.schema(
    [pa.field("document", pa.int64(), nullable=False), pa.field("other", pa.int64(), nullable=False)]
)

Pairs = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]
"""A document and another number for each: their places in the corpus, or a range."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranges:
    """The records of the corpus in `parts` ranges of equal width."""

    records: int
    parts: int

    @property
    def width(self) -> int:
        """Records in a range; the last may have fewer."""
        return max(1, -(-self.records // self.parts))

    def of(self, documents: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """The range of each document."""
        return documents // self.width

    def bounds(self, part: int) -> tuple[int, int]:
        """The first record of a range, and the one after its last."""
        return min(self.records, part * self.width), min(self.records, (part + 1) * self.width)

    def identity(self) -> list[int]:
        """What decides who is where."""
        return [self.records, self.parts]


def empty_pairs() -> Pairs:
    """No pair."""
    return np.zeros(0, np.int64), np.zeros(0, np.int64)


def distinct(document: npt.NDArray[np.int64], other: npt.NDArray[np.int64]) -> Pairs:
    """Each pair once, ascending."""
    order = np.lexsort((other, document))
    document, other = document[order], other[order]
    new = np.ones(len(order), np.bool_)
    new[1:] = (document[1:] != document[:-1]) | (other[1:] != other[:-1])
    return document[new], other[new]


def write_pairs(
    attempt: Attempt, role: str, pairs: Pairs, parts: npt.NDArray[np.int64] | None, ranges: Ranges
) -> Pairs:
    """Write pairs, each once, with a record batch a range: that of `parts`, or of the document. Returns what is written."""
    if parts is None:
        document, other = distinct(*pairs)
        parts = ranges.of(document)
    else:
        order = np.lexsort((pairs[1], pairs[0], parts))
        document, other, parts = pairs[0][order], pairs[1][order], parts[order]
    edges = np.searchsorted(parts, np.arange(ranges.parts + 1))
    whole = pa.RecordBatch.from_arrays([pa.array(document), pa.array(other)], schema=PAIRS)
    with attempt.arrow(role, PAIRS) as writer:
        for a, b in zip(edges[:-1], edges[1:], strict=True):
            writer.write(whole.slice(a, b - a))
    return document, other


def read_pairs(objects: Objects, files: Sequence[StoredFile], part: int) -> Pairs:
    """The pairs of a range in all files, each once, ascending."""
    found = [empty_pairs()]
    for number, stored in enumerate(files):
        note(number, len(files))
        with open_arrow(objects, stored) as reader:
            batch = reader.get_batch(part)
            found.append((batch.column("document").to_numpy(), batch.column("other").to_numpy()))
    return distinct(np.concatenate([one for one, _ in found]), np.concatenate([other for _, other in found]))
