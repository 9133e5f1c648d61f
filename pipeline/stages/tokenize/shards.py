"""Token shards in the order of the corpus: whose documents each holds, and what comes before it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pairloom.operators.schema import ID, MEMBER, ROW, SLICE, attributes_of
from pairloom.operators.selection.order import BLOCK_BITS, document_ids, document_numbers, input_blocks
from pairloom.pipeline.store.files import StoredFile, one_array
from pairloom.pipeline.store.manifest import StageRecord
from pairloom.pipeline.store.objects import Objects
from pairloom.pipeline.store.receipts import Receipt, committed_receipts

__all__ = ["PlacedShard", "ShardSlice", "placed_shards"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardSlice:
    """Where the records of a slice stand: in their file from `first_row` on, in the corpus from `first_record` on."""

    uri: str
    first_row: int
    first_record: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedShard:
    """A token shard, after `first_token` tokens of the corpus; its records are [`first_record`, `end_record`) of it.

    `source` is the name of the source that the shard is of.
    """

    receipt: Receipt
    stored: StoredFile
    source: str
    slices: tuple[ShardSlice, ...]
    first_token: int
    first_record: int
    end_record: int

    @property
    def end_token(self) -> int:
        """The tokens of the corpus up to the end of the shard."""
        return self.first_token + self.stored.facts["tokens"]

    def identity(self, *, placed: bool) -> dict[str, object]:
        """Everything about the shard that decides what is made of it; `placed`, if its place in the corpus does too."""
        slices: list[list[object]] = [[piece.uri, piece.first_row] for piece in self.slices]
        identity: dict[str, object] = {"shard": self.stored.sha256, "slices": slices}
        if placed:
            identity["place"] = [self.first_token, [piece.first_record for piece in self.slices]]
        return identity

    def choosing(self, shard: pa.Table | pa.RecordBatch, ids: pa.Array) -> pa.Array:
        """The ids by which the documents with `ids` are taken and held out: of a group, that of its first.

        Groups are whole, one document after another, in every batch of a shard.
        """
        if not _has_groups(shard):
            return ids
        member = _one(shard.column(MEMBER)).to_numpy(zero_copy_only=False)
        return ids.take(pa.array(np.arange(len(ids)) - member))

    def record_ids(self, shard: pa.Table | pa.RecordBatch) -> pa.Array:
        """The ids of the records that the documents are of, which are theirs unless a record gives several."""
        ids, _ = self.documents(shard)
        return pc.replace_substring_regex(ids, "/[0-9]+$", "") if _has_groups(shard) else ids

    def numbers(self, batch: pa.RecordBatch) -> npt.NDArray[np.int64]:
        """The document numbers of a record batch of the shard."""
        return document_numbers(self.documents(batch)[0])

    def slices_of(self, wanted: Callable[[npt.NDArray[np.uint64]], npt.NDArray[np.bool_]]) -> list[int]:
        """The slices that hold records of blocks of inputs that are `wanted`, which is asked by their hashes."""
        count = np.array([count for _, count in self.receipt.slices], np.int64)
        first = np.array([piece.first_row for piece in self.slices], np.int64)
        blocks = np.where(count > 0, ((first + count - 1) >> BLOCK_BITS) - (first >> BLOCK_BITS) + 1, 0)
        place = np.repeat(np.arange(len(count)), blocks)
        nth = np.arange(len(place)) - np.repeat(np.cumsum(blocks) - blocks, blocks)
        having = wanted(input_blocks(self._uris(), place, first[place] + (nth << BLOCK_BITS)))
        return [int(number) for number in np.unique(place[having])]

    def batches_of(self, slices: Sequence[int]) -> list[int]:
        """The record batches of some slices."""
        ends = np.cumsum([piece.batches for piece in self.receipt.pieces])
        return [i for s in slices for i in range(ends[s] - self.receipt.pieces[s].batches, ends[s])]

    def blocks(self, shard: pa.Table) -> npt.NDArray[np.uint64]:
        """A hash of the block of its input that each document of the shard stands in."""
        place, row = (shard.column(name).to_numpy() for name in (SLICE, ROW))
        first_row = np.array([piece.first_row for piece in self.slices], np.int64)
        return input_blocks(self._uris(), place, first_row[place] + row)

    def _uris(self) -> pa.LargeStringArray:
        return pa.array([piece.uri for piece in self.slices], pa.large_string())

    def documents(self, shard: pa.Table | pa.RecordBatch) -> tuple[pa.Array, npt.NDArray[np.int64]]:
        """The id of each document of (a batch of) the shard, and its place among the records of the corpus."""
        place, row, given = (_one(shard.column(name)) for name in (SLICE, ROW, ID))
        index = place.to_numpy()
        first_row = np.array([piece.first_row for piece in self.slices], np.int64)
        first_record = np.array([piece.first_record for piece in self.slices], np.int64)
        ids = document_ids(given, self._uris().take(place), first_row[index] + row.to_numpy())
        return ids, first_record[index] + row.to_numpy()


def placed_shards(
    objects: Objects, tokenized: StageRecord, known: Mapping[str, Receipt] | None = None
) -> Iterator[PlacedShard]:
    """The shards of a tokenize stage, in the order of the corpus; `known` are receipts that need not be read, by unit."""
    rows: dict[str, int] = {}
    record = token = 0
    sources = tokenized.unit_sources or ("",) * len(tokenized.units)
    receipts = committed_receipts(objects, "tokenize", tokenized.units, known)
    for receipt, shard, source in zip(receipts, tokenized.files, sources, strict=True):
        slices = []
        begun = record
        for uri, count in receipt.slices:
            slices.append(ShardSlice(uri=uri, first_row=rows.get(uri, 0), first_record=record))
            rows[uri] = rows.get(uri, 0) + count
            record += count
        yield PlacedShard(
            receipt=receipt,
            stored=shard,
            source=source,
            slices=tuple(slices),
            first_token=token,
            first_record=begun,
            end_record=record,
        )
        token += shard.facts["tokens"]


def _has_groups(shard: pa.Table | pa.RecordBatch) -> bool:
    """Whether records of the shard's source give several documents each."""
    return any(one.name == MEMBER and not one.field for one in attributes_of(shard.schema))


def _one(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    return one_array(column) if isinstance(column, pa.ChunkedArray) else column
