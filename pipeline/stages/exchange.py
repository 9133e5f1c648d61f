"""The first pass of pack: each document of a shard to its split and partition, in order.

A document's split and place are functions of its id (shuffle `document`) or of its position in the corpus (`none`), and
the number of partitions is a function of the tokens in all: nothing depends on how the corpus was cut into units. An
exchange file has one record batch a partition, so that the second pass reads just its own.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators.errors import CorruptionError
from pairloom.operators.order import document_ids, document_keys, document_numbers, in_validation
from pairloom.pipeline.job import Job
from pairloom.pipeline.store.files import StoredFile, attempt_path, one_array, open_arrow, write_arrow
from pairloom.pipeline.store.location import open_objects
from pairloom.pipeline.store.manifest import StageRecord
from pairloom.pipeline.store.receipts import Receipt, claim, find_receipt, unit_id

__all__ = ["ExchangeTask", "ShardSlice", "Splits", "exchange_tasks"]


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
        tokens = one_array(shard.column("input_ids"))
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
            writer.facts.update(tokens=len(tokens.flatten()))
        assert writer.stored is not None
        return claim(objects, Receipt(stage=self.stage, unit=self.unit, files=(writer.stored,)))

    def _ids(self, shard: pa.Table) -> tuple[pa.Array, npt.NDArray[np.int64]]:
        """Each document's id, and its place in the corpus."""
        place = shard.column("slice").to_numpy()
        row = shard.column("row").to_numpy()
        first_row = np.array([piece.first_row for piece in self.slices], np.int64)
        first_record = np.array([piece.first_record for piece in self.slices], np.int64)
        uri = pa.array([piece.uri for piece in self.slices], pa.large_string()).take(pa.array(place))
        ids = document_ids(one_array(shard.column("id")), uri, first_row[place] + row)
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


def exchange_tasks(job: Job, tokenized: StageRecord, splits: Splits) -> Iterator[ExchangeTask]:
    """One task a shard of tokens, each told how many records and tokens come before it."""
    choice = job.plan.recipe.pack
    rows: dict[str, int] = {}
    record = token = 0
    for unit, shard in zip(tokenized.units, tokenized.files, strict=True):
        receipt = find_receipt(job.objects, "tokenize", unit)
        if receipt is None:
            raise CorruptionError(
                f"the receipt of tokenize {unit} is committed but missing below {job.objects.root}"
            )
        slices = []
        for uri, count in receipt.slices:
            slices.append(ShardSlice(uri=uri, first_row=rows.get(uri, 0), first_record=record))
            rows[uri] = rows.get(uri, 0) + count
            record += count
        yield ExchangeTask(
            root=job.plan.recipe.root,
            shard=shard,
            slices=tuple(slices),
            first_token=token,
            total_tokens=tokenized.ledger.tokens,
            splits=splits,
            mode=choice.shuffle.mode,
            seed=choice.shuffle.seed,
        )
        token += shard.facts["tokens"]
