"""pack: token shards to packed rows, in two passes through storage.

    shard ─▶ exchange task: each document to its split and partition, in order ─▶ one record batch a partition
    partition p of every exchange file ─▶ pack task: merge the order, plan rows, gather ─▶ one packed file

A document's split and place are functions of its id (shuffle `document`) or of its position in the corpus (`none`),
and the number of partitions is a function of the tokens in all: the packed bytes are the same whatever the units were.
Memory is bounded by a shard in the first pass and by a partition in the second.
"""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators.order import document_ids, document_keys, document_numbers, in_validation, permutation
from pairloom.operators.pack import PackPlan, gather, pack
from pairloom.pipeline.store.files import StoredFile, attempt_path, open_arrow, write_arrow
from pairloom.pipeline.store.location import open_objects
from pairloom.pipeline.store.objects import Objects
from pairloom.pipeline.store.receipts import FORMAT_VERSION, Ledger, Receipt, claim, unit_id

__all__ = ["ExchangeTask", "PackTask", "ShardSlice", "Splits", "packed_schema"]

ROWS_A_BATCH = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Splits:
    """How documents are spread: `train` partitions, and `validation` partitions for `share` of the documents."""

    train: int
    validation: int
    share: float

    @staticmethod
    def of(tokens: int, file_tokens: int, share: float) -> "Splits":
        """As many partitions as it takes for files of about `file_tokens`."""
        train = max(1, -(-tokens // file_tokens))
        return Splits(train=train, validation=math.ceil(train * share), share=share)

    def __len__(self) -> int:
        return self.train + self.validation

    def name(self, part: int) -> str:
        """The split of a partition."""
        return "train" if part < self.train else "validation"


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardSlice:
    """Where the records of a slice stand: in their file from `first_row` on, in the corpus from `first_record` on."""

    uri: str
    first_row: int
    first_record: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeTask:
    """Spread the documents of one token shard over the partitions."""

    root: str
    shard: StoredFile
    slices: tuple[ShardSlice, ...]
    first_token: int  # tokens of all shards before this one
    total_tokens: int
    splits: Splits
    mode: str
    seed: int
    stage: str = "exchange"

    @property
    def unit(self) -> str:
        """The unit's id."""
        return unit_id(
            self.stage,
            {
                "shard": self.shard.sha256,
                "slices": [[piece.uri, piece.first_row, piece.first_record] for piece in self.slices],
                "tokens": [self.first_token, self.total_tokens],
                "splits": [self.splits.train, self.splits.validation, self.splits.share],
                "shuffle": [self.mode, self.seed],
            },
        )

    @property
    def label(self) -> str:
        """The first input of the shard."""
        return self.slices[0].uri

    @property
    def memory(self) -> int:
        """The shard, twice."""
        return 200_000_000 + 3 * self.shard.bytes

    def run(self, shared: Any = None) -> Receipt:
        """Sort, partition, write."""
        objects = open_objects(self.root)
        with open_arrow(objects, self.shard) as reader:
            table = reader.read_all()
        shard = table.combine_chunks()
        tokens = _one_array(shard.column("input_ids"))
        ids, ordinal = self._ids(shard)
        key = document_keys(ids, self.seed) if self.mode == "document" else ordinal.astype(np.uint64)
        part = self._parts(ids, key, tokens)
        order = np.lexsort((ordinal, key, part))
        edges = np.searchsorted(part[order], np.arange(len(self.splits) + 1))
        columns = [pa.array(key), pa.array(ordinal), pa.array(document_numbers(ids)), tokens]
        schema = pa.schema(
            [
                pa.field(n, c.type)
                for n, c in zip(("key", "ordinal", "document", "tokens"), columns, strict=True)
            ]
        )
        path = attempt_path(self.stage, self.unit, "exchange.arrow")
        with write_arrow(objects, path, schema, role="exchange") as writer:
            for p in range(len(self.splits)):
                index = pa.array(order[edges[p] : edges[p + 1]])
                writer.write(
                    pa.RecordBatch.from_arrays([column.take(index) for column in columns], schema=schema)
                )
        assert writer.stored is not None
        return claim(objects, Receipt(stage=self.stage, unit=self.unit, files=(writer.stored,)))

    def _ids(self, shard: pa.Table) -> tuple[pa.Array, npt.NDArray[np.int64]]:
        """Each document's id, and its place in the corpus."""
        place = shard.column("slice").to_numpy()
        row = shard.column("row").to_numpy()
        first_row = np.array([piece.first_row for piece in self.slices], np.int64)
        first_record = np.array([piece.first_record for piece in self.slices], np.int64)
        uri = pa.array([piece.uri for piece in self.slices], pa.large_string()).take(pa.array(place))
        ids = document_ids(_one_array(shard.column("id")), uri, first_row[place] + row)
        return ids, first_record[place] + row

    def _parts(
        self, ids: pa.Array, key: npt.NDArray[np.uint64], tokens: pa.LargeListArray
    ) -> npt.NDArray[np.int64]:
        held_out = in_validation(ids, self.splits.share)
        parts = np.where(held_out, self.splits.validation, self.splits.train).astype(np.int64)
        if self.mode == "document":
            part = ((key >> np.uint64(32)) * parts.astype(np.uint64) >> np.uint64(32)).astype(np.int64)
        else:
            starts = tokens.offsets.to_numpy()[:-1] - tokens.offsets.to_numpy()[:1]
            part = (self.first_token + starts) * parts // max(1, self.total_tokens)
        return part + np.where(held_out, self.splits.train, 0)


def packed_schema(
    dtype: pa.DataType, *, seq_len: int, pad_id: int, vocabulary: str, strategy: str, split: str
) -> pa.Schema:
    """The columns of packed rows. The metadata says what a trainer must know and cannot see."""
    facts = {
        "format_version": FORMAT_VERSION,
        "dtype": str(dtype),
        "labels_shifted": False,
        "pad_id": pad_id,
        "seq_len": seq_len,
        "split": split,
        "strategy": strategy,
        "vocabulary": vocabulary,
    }
    return pa.schema(
        [
            pa.field("input_ids", pa.list_(pa.field("item", dtype), seq_len), nullable=False),
            pa.field("segment_lengths", pa.list_(pa.field("item", pa.int32())), nullable=False),
            pa.field("document", pa.list_(pa.field("item", pa.int64())), nullable=False),
            pa.field("offset", pa.list_(pa.field("item", pa.int64())), nullable=False),
        ],
        metadata={"pairloom": json.dumps(facts, sort_keys=True)},
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PackTask:
    """Pack one partition: the documents that every exchange file has for it. The tasks share the list of files."""

    root: str
    part: int
    splits: Splits
    exchange: str  # the fingerprint of all exchange files
    vocabulary: str
    seq_len: int
    strategy: str
    overflow: str
    pad_id: int
    mode: str
    seed: int
    expected_bytes: int
    stage: str = "pack"

    @property
    def unit(self) -> str:
        """The unit's id."""
        return unit_id(
            self.stage,
            {
                "part": [self.part, self.splits.train, self.splits.validation],
                "exchange": self.exchange,
                "vocabulary": self.vocabulary,
                "rows": [self.seq_len, self.strategy, self.overflow, self.pad_id],
                "shuffle": [self.mode, self.seed],
            },
        )

    @property
    def label(self) -> str:
        """The partition."""
        return f"{self.splits.name(self.part)} partition {self.part}"

    @property
    def memory(self) -> int:
        """The partition, three times: as read, in order, and as rows."""
        return 200_000_000 + 3 * self.expected_bytes

    def run(self, shared: tuple[StoredFile, ...]) -> Receipt:
        """Merge, plan, gather, write."""
        objects = open_objects(self.root)
        numbers, tokens = self._documents(objects, shared)
        lengths = np.diff(tokens.offsets.to_numpy())
        plan = pack(lengths, self.seq_len, strategy=self.strategy, overflow=self.overflow)
        if self.mode == "document":
            plan = plan.reordered(permutation(len(plan), self.seed * len(self.splits) + self.part))
        split = self.splits.name(self.part)
        schema = packed_schema(
            tokens.type.value_type,
            seq_len=self.seq_len,
            pad_id=self.pad_id,
            vocabulary=self.vocabulary,
            strategy=self.strategy,
            split=split,
        )
        with write_arrow(
            objects, attempt_path(self.stage, self.unit, "rows.arrow"), schema, role=split
        ) as writer:
            for rows in self._rows(plan, numbers, tokens, schema):
                writer.write(rows)
            writer.facts.update(
                tokens=plan.tokens,
                padding=plan.padding,
                segments=len(plan.length),
                splits=plan.splits,
                documents=len(lengths) - plan.dropped_documents,
            )
        assert writer.stored is not None
        facts = {
            "truncated_tokens": plan.truncated_tokens,
            "dropped_tokens": plan.dropped_tokens,
            "dropped_documents": plan.dropped_documents,
        }
        ledger = Ledger(
            documents_in=len(lengths),
            documents_out=len(lengths) - plan.dropped_documents,
            rejected={"dropped_by_overflow": plan.dropped_documents} if plan.dropped_documents else {},
            tokens=plan.tokens,
        )
        receipt = Receipt(
            stage=self.stage, unit=self.unit, files=(writer.stored,), ledger=ledger, facts=facts
        )
        return claim(objects, receipt)

    def _documents(
        self, objects: Objects, inputs: tuple[StoredFile, ...]
    ) -> tuple[npt.NDArray[np.int64], pa.LargeListArray]:
        """The partition's documents in their final order: their numbers, and their tokens."""
        batches = []
        for stored in inputs:
            with open_arrow(objects, stored) as reader:
                batches.append(reader.get_batch(self.part))
        table = pa.Table.from_batches(batches).combine_chunks()
        order = np.lexsort((table.column("ordinal").to_numpy(), table.column("key").to_numpy()))
        table = table.take(pa.array(order))
        return table.column("document").to_numpy(), _one_array(table.column("tokens"))

    def _rows(
        self, plan: PackPlan, numbers: npt.NDArray[np.int64], tokens: pa.LargeListArray, schema: pa.Schema
    ) -> Iterator[pa.RecordBatch]:
        for start in range(0, len(plan), ROWS_A_BATCH):
            part = plan.reordered(np.arange(start, min(start + ROWS_A_BATCH, len(plan))))
            edges = pa.array(part.rows.astype(np.int32))
            columns = [
                gather(part, tokens, self.pad_id),
                pa.ListArray.from_arrays(edges, pa.array(part.length)),
                pa.ListArray.from_arrays(edges, pa.array(numbers[part.document])),
                pa.ListArray.from_arrays(edges, pa.array(part.offset)),
            ]
            arrays = [column.cast(field.type) for column, field in zip(columns, schema, strict=True)]
            yield pa.RecordBatch.from_arrays(arrays, schema=schema)


def _one_array(column: pa.ChunkedArray) -> pa.Array:
    """A column as one array, whatever its chunks."""
    if column.num_chunks == 1:
        return column.chunk(0)
    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
