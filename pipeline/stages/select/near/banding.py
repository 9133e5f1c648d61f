"""band: documents that have the key of a band in common, as pairs of a later and an earlier one.

Each task takes one band and range of keys, of all shards. Of documents with one key each is paired with the first; where
pairs are to be compared, with the one before it too, so that one that only seems to belong does not part the others.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from pairloom.pipeline.flow.attempt import Attempt, UnitTask
from pairloom.pipeline.notes import note
from pairloom.pipeline.stages.select.near.cost import band_memory
from pairloom.pipeline.stages.select.near.places import Ranges, write_pairs
from pairloom.pipeline.store.files import StoredFile, open_arrow

__all__ = ["BandTask", "SharedKeys"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedKeys:
    """The files of keys of all shards, and the first record of each shard."""

    files: tuple[StoredFile, ...]
    first: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BandTask(UnitTask):
    """Find the pairs of one partition of the keys; `keys` is the fingerprint of all that are shared."""

    part: int
    keys: str
    ranges: Ranges
    compared: bool
    expected: int  # documents with a key in the partition
    step = "band"

    def identity(self) -> object:
        """Everything that decides the bytes."""
        return [self.part, self.keys, self.ranges.identity(), self.compared]

    @property
    def label(self) -> str:
        """The partition."""
        return f"partition {self.part}"

    def need(self) -> int:
        """The keys as read and as sorted."""
        return band_memory(self.expected)

    def work(self, attempt: Attempt, shared: SharedKeys) -> None:
        """Read, sort, pair."""
        keys, documents = [np.zeros(0, np.uint64)], [np.zeros(0, np.int64)]
        for number, (stored, first) in enumerate(zip(shared.files, shared.first, strict=True)):
            note(number, len(shared.files))
            with open_arrow(attempt.objects, stored) as reader:
                batch: pa.RecordBatch = reader.get_batch(self.part)
                keys.append(batch.column("key").to_numpy())
                documents.append(batch.column("record").to_numpy().astype(np.int64) + first)
        key, document = np.concatenate(keys), np.concatenate(documents)
        order = np.argsort(key, kind="stable")
        key, document = key[order], document[order]
        again = np.zeros(len(key), np.bool_)
        again[1:] = key[1:] == key[:-1]
        place = np.arange(len(key))
        first_of = np.maximum.accumulate(np.where(again, 0, place))
        later, earlier = document[again], document[first_of[again]]
        if self.compared:
            before = document[np.flatnonzero(again) - 1]
            later, earlier = np.concatenate([later, later]), np.concatenate([earlier, before])
        pairs = write_pairs(attempt, "pairs", (later, earlier), None, self.ranges)
        if self.compared:
            write_pairs(attempt, "wanted", pairs, self.ranges.of(pairs[1]), self.ranges)
        attempt.facts = {"pairs": len(pairs[0])}
