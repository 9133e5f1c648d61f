"""The first pass of pack: each document of a shard to its split and partition.

A document's split, partition and place are functions of its id, of the place of its input, or of its position in the
corpus (`partitions`): nothing depends on how the corpus was cut into units. An exchange file has one record batch a
partition, so that the second pass reads just its own (`exchanged`). Where there are very many partitions, a batch holds
several, and `RegroupTask` spreads what many files have in it once more: reads of storage stay few and large.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators.errors import CorruptionError
from pairloom.operators.order import (
    document_ids,
    document_keys,
    document_numbers,
    in_validation,
    input_blocks,
)
from pairloom.operators.pack import Documents, fingerprints
from pairloom.pipeline.job import Job
from pairloom.pipeline.phases import phase
from pairloom.pipeline.recipe import fingerprint
from pairloom.pipeline.stages.exchanged import Exchanged, Spread, write_spread
from pairloom.pipeline.stages.partitions import Splits
from pairloom.pipeline.store.files import StoredFile, one_array, open_arrow
from pairloom.pipeline.store.location import open_objects
from pairloom.pipeline.store.manifest import StageRecord
from pairloom.pipeline.store.receipts import Receipt, claim, find_receipts, unit_id

__all__ = ["ExchangeTask", "RegroupTask", "ShardSlice", "exchange_tasks", "regroup_tasks"]

REGROUP_BYTES = 512_000_000  # of exchange files in a task that spreads a batch of theirs again


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
                "first_token": self.first_token,
                "splits": [self.splits.train, self.splits.validation, self.splits.share, self.splits.tokens],
                "width": self.splits.width,
                "shuffle": [self.mode, self.seed],
            },
        )

    @property
    def label(self) -> str:
        """The first input of the shard."""
        return self.slices[0].uri

    @property
    def memory(self) -> int:
        """The shard, and a partition of it."""
        return 300_000_000 + 2 * self.shard.bytes

    def run(self, shared: Any = None) -> Receipt:
        """Read, find out where each document goes, write."""
        objects = open_objects(self.root)
        with open_arrow(objects, self.shard) as reader:
            with phase("read"):
                shard = reader.read_all()
            with phase("sort"):
                spread = self._spread(shard)
            splits = self.splits
            stored, parts = write_spread(objects, self.stage, self.unit, spread, len(splits), splits.width)
        return claim(objects, Receipt(stage=self.stage, unit=self.unit, files=(stored,), parts=parts))

    def _spread(self, shard: pa.Table) -> Spread:
        documents = Documents.of(shard.column("input_ids"))
        ids, uri, row, ordinal = self._places(shard)
        key = ordinal.astype(np.uint64) if self.mode == "none" else document_keys(ids, self.seed)
        number = document_numbers(ids)
        return Spread(
            documents=documents,
            key=key,
            number=number,
            part=self._parts(ids, key, documents, uri, row),
            prints=fingerprints(documents, key, number),
        )

    def _places(
        self, shard: pa.Table
    ) -> tuple[pa.Array, npt.NDArray[np.int32], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Each document's id, its slice, its record within its input, and within the corpus."""
        place = shard.column("slice").to_numpy()
        row = shard.column("row").to_numpy()
        first_row = np.array([piece.first_row for piece in self.slices], np.int64)
        first_record = np.array([piece.first_record for piece in self.slices], np.int64)
        uri = self._uris().take(pa.array(place))
        ids = document_ids(one_array(shard.column("id")), uri, first_row[place] + row)
        return ids, place, first_row[place] + row, first_record[place] + row

    def _uris(self) -> pa.LargeStringArray:
        return pa.array([piece.uri for piece in self.slices], pa.large_string())

    def _parts(
        self,
        ids: pa.Array,
        key: npt.NDArray[np.uint64],
        documents: Documents,
        place: npt.NDArray[np.int32],
        row: npt.NDArray[np.int64],
    ) -> npt.NDArray[np.int64]:
        held_out = in_validation(ids, self.splits.share)
        if self.mode == "document":
            return self.splits.by_hash(key, held_out)
        if self.mode == "block":
            return self.splits.by_hash(input_blocks(self._uris(), place, row), held_out)
        before = self.first_token + np.cumsum(documents.length) - documents.length
        return self.splits.by_place(before, held_out)


@dataclass(frozen=True, slots=True, kw_only=True)
class RegroupTask:
    """Spread one batch of some exchange files over the partitions that it holds. The tasks share the exchange files."""

    root: str
    batch: int
    width: int
    start: int  # the first file
    stop: int  # and the one after the last
    files: str  # the fingerprint of the files from `start` to `stop`
    bytes: int
    stage: str = "regroup"

    @property
    def unit(self) -> str:
        """The unit's id."""
        return unit_id(self.stage, {"batch": self.batch, "width": self.width, "files": self.files})

    @property
    def label(self) -> str:
        """The partitions and the files."""
        first = self.batch * self.width
        return f"partitions {first} to {first + self.width - 1} of exchange files {self.start} to {self.stop - 1}"

    @property
    def memory(self) -> int:
        """The documents of the batch, and a partition of them."""
        return 300_000_000 + 2 * self.bytes

    def run(self, shared: Exchanged) -> Receipt:
        """Read, write."""
        objects = open_objects(self.root)
        found = shared.read(objects, self.batch, self.start, self.stop)
        own = Spread(
            documents=found.documents,
            key=found.key,
            number=found.number,
            part=found.part - self.batch * self.width,
            prints=found.prints,
        )
        stored, parts = write_spread(objects, self.stage, self.unit, own, self.width)
        return claim(objects, Receipt(stage=self.stage, unit=self.unit, files=(stored,), parts=parts))


def regroup_tasks(
    root: str, receipts: Sequence[Receipt], exchanged: Exchanged, splits: Splits, width: int
) -> list[list[RegroupTask]]:
    """For each batch of the exchange files, the tasks that spread it again, of about 512 MB each."""
    hashes, tasks = [receipt.file("exchange").sha256 for receipt in receipts], []
    for batch in range(exchanged.index.shape[1]):
        size = exchanged.index[:, batch, 1].astype(np.int64) * width
        group = np.cumsum(size) // REGROUP_BYTES
        edges = [0, *(np.flatnonzero(np.diff(group)) + 1).tolist(), len(size)]
        tasks.append(
            [
                RegroupTask(
                    root=root,
                    batch=batch,
                    width=splits.width,
                    start=start,
                    stop=stop,
                    files=fingerprint(hashes[start:stop]),
                    bytes=int(size[start:stop].sum()),
                )
                for start, stop in zip(edges, edges[1:], strict=False)
            ]
        )
    return tasks


def exchange_tasks(job: Job, tokenized: StageRecord, splits: Splits) -> Iterator[ExchangeTask]:
    """One task a shard of tokens, each told how many records and tokens come before it."""
    choice = job.plan.recipe.pack
    rows: dict[str, int] = {}
    record = token = 0
    receipts = find_receipts(job.objects, [("tokenize", unit) for unit in tokenized.units])
    for unit, shard, receipt in zip(tokenized.units, tokenized.files, receipts, strict=True):
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
            splits=splits,
            mode=choice.shuffle.mode,
            seed=choice.shuffle.seed,
        )
        token += shard.facts["tokens"]
