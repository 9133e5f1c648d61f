"""fetch, compare: what share of their shingles two documents have in common, exactly, for every pair that bands have found.

wanted (pairs, in the range of the earlier) ──▶ fetch: its shingles, once for each range that has a pair with it
pairs (in the range of the later), with these ──▶ compare: those that share enough
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators.encode import Tokenizer
from pairloom.operators.near import Shingles, jaccard
from pairloom.operators.schema import INPUT_IDS
from pairloom.pipeline.flow.attempt import Attempt, UnitTask
from pairloom.pipeline.notes import note
from pairloom.pipeline.recipe.near import Near
from pairloom.pipeline.stages.select.near.cost import text_memory
from pairloom.pipeline.stages.select.near.places import Ranges, read_pairs, write_pairs
from pairloom.pipeline.stages.select.near.signing import shingled
from pairloom.pipeline.stages.tokenize.shards import PlacedShard
from pairloom.pipeline.store.files import StoredFile, open_arrow
from pairloom.pipeline.store.objects import Objects

__all__ = ["CompareTask", "FetchTask", "SharedTexts"]

SHINGLES = pa.schema(
    [
        pa.field("document", pa.int64(), nullable=False),
        pa.field("shingles", pa.large_list(pa.uint64()), nullable=False),
    ]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedTexts:
    """The files of pairs, those of the shingles that were fetched, and what makes shingles of the tokens of shards."""

    pairs: tuple[StoredFile, ...]
    fetched: tuple[StoredFile, ...]
    shards: tuple[PlacedShard, ...]
    tokenizer: Tokenizer


@dataclass(frozen=True, slots=True, kw_only=True)
class _TextTask(UnitTask):
    """A task of one range; `tokens` is the fingerprint of what was tokenized, `pairs` that of all other files."""

    part: int
    pairs: str
    tokens: str
    ranges: Ranges
    near: Near
    size: int  # bytes of the shards of the range

    def identity(self) -> object:
        """Everything that decides the bytes."""
        near = self.near.model_dump(include={"of", "ngram", "verify"})
        return [self.part, self.pairs, self.tokens, self.ranges.identity(), near]

    @property
    def label(self) -> str:
        """The range."""
        return f"range {self.part}"

    def need(self) -> int:
        """The shingles of the documents of the range."""
        return text_memory(self.size)

    def found(
        self, objects: Objects, shared: SharedTexts, documents: npt.NDArray[np.int64]
    ) -> tuple[npt.NDArray[np.int64], Shingles]:
        """Documents of the range, which are distinct and ascend, and the distinct shingles of each."""
        places, hashes, lists = [np.zeros(0, np.int64)], [np.zeros(0, np.uint64)], [np.zeros(1, np.int64)]
        total = 0
        for place, shingles in self._shingles(objects, shared, documents):
            places.append(place)
            hashes.append(shingles.hashes)
            lists.append(shingles.lists[1:] + total)
            total += len(shingles.hashes)
        return np.concatenate(places), Shingles(np.concatenate(hashes), np.concatenate(lists))

    def _shingles(
        self, objects: Objects, shared: SharedTexts, documents: npt.NDArray[np.int64]
    ) -> Iterator[tuple[npt.NDArray[np.int64], Shingles]]:
        for shard in shared.shards:
            a, b = np.searchsorted(documents, [shard.first_record, shard.end_record])
            if a == b:
                continue
            with open_arrow(objects, shard.stored) as reader:
                for number in range(reader.num_record_batches):
                    note(number, reader.num_record_batches)
                    batch = reader.get_batch(number)
                    _, ordinal = shard.documents(batch)
                    mine = np.isin(ordinal, documents[a:b])
                    if mine.any():
                        ids = batch.column(INPUT_IDS).filter(pa.array(mine))
                        yield ordinal[mine], shingled(self.near, ids, shared.tokenizer).distinct()


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchTask(_TextTask):
    """Send the shingles of the earlier documents of a range to the ranges of the later ones."""

    step = "fetch"

    def work(self, attempt: Attempt, shared: SharedTexts) -> None:
        """Read the pairs, then the shards; write."""
        later, earlier = read_pairs(attempt.objects, shared.pairs, self.part)
        documents, shingles = self.found(attempt.objects, shared, np.unique(earlier))
        column = pa.LargeListArray.from_arrays(pa.array(shingles.lists), pa.array(shingles.hashes))
        part = self.ranges.of(later)
        with attempt.arrow("shingles", SHINGLES) as writer:
            for number in range(self.ranges.parts):
                place = pa.array(np.searchsorted(documents, np.unique(earlier[part == number])))
                taken = [pa.array(documents).take(place), column.take(place)]
                writer.write(pa.RecordBatch.from_arrays(taken, schema=SHINGLES))


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareTask(_TextTask):
    """Keep the pairs of a range of which a share of `near.verify` of the shingles is in both."""

    step = "compare"

    def work(self, attempt: Attempt, shared: SharedTexts) -> None:
        """Read the pairs, what was fetched, then the shards; compare; write."""
        later, earlier = read_pairs(attempt.objects, shared.pairs, self.part)
        batches = []
        for stored in shared.fetched:
            with open_arrow(attempt.objects, stored) as reader:
                batches.append(reader.get_batch(self.part))
        fetched = pa.Table.from_batches(batches, schema=SHINGLES).combine_chunks()
        there = fetched.column("document").to_numpy()
        lists = pa.concat_arrays(
            [pa.array([], SHINGLES.field("shingles").type), *fetched.column("shingles").chunks]
        )
        first = Shingles(np.array(lists.flatten()), lists.offsets.to_numpy() - lists.offsets[0].as_py())
        documents, mine = self.found(attempt.objects, shared, np.unique(later))
        order = np.argsort(there, kind="stable")
        place = order[np.searchsorted(there, earlier, sorter=order)] if len(order) else order
        share = jaccard(first, mine, (place, np.searchsorted(documents, later)))
        assert self.near.verify is not None
        near = share >= self.near.verify
        write_pairs(attempt, "pairs", (later[near], earlier[near]), None, self.ranges)
        attempt.facts = {"compared": len(later), "near": int(np.count_nonzero(near))}
