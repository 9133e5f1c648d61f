"""The task that hashes the blocks of tokens of a shard, and the root hash over all shards."""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from pairloom.operators.errors import CorruptionError
from pairloom.operators.inclusion import block_hashes, dataset_hash, shard_leaf, tree_hash
from pairloom.operators.schema import INPUT_IDS
from pairloom.pipeline.flow.attempt import Attempt, UnitTask
from pairloom.pipeline.forecast.cost import Cost
from pairloom.pipeline.forecast.requests import Requests, looked_up, reads_of_batches
from pairloom.pipeline.forecast.sizes import Sizes
from pairloom.pipeline.phases import phase
from pairloom.pipeline.stages.tokenize.shards import PlacedShard, placed_shards
from pairloom.pipeline.store.files import open_arrow
from pairloom.pipeline.store.manifest import StageRecord
from pairloom.pipeline.store.objects import Objects
from pairloom.pipeline.store.receipts import Ledger, Receipt

if TYPE_CHECKING:
    from pairloom.pipeline.dataset.dataset import Dataset
    from pairloom.pipeline.flow.job import Job
    from pairloom.pipeline.flow.plan import Plan

__all__ = ["MerkleTask", "blocks_of", "check_hashed", "cost", "hashed", "shard_hashes"]

STEP = "merkle"
# Bytes of the corpus a second of one worker, storage left out: 290 MB of English in documents of 2 kB on an AMD EPYC virtual
# machine took 0.5 s.
RATE = 500e6
HASH = struct.Struct("<32sQ")


@dataclass(frozen=True, slots=True, kw_only=True)
class MerkleTask(UnitTask):
    """Hash the blocks of one token shard: its receipt has the hash over them."""

    shard: PlacedShard
    step = STEP

    def identity(self) -> object:
        """The shard, and what its documents are called: wherever it stands in the corpus."""
        return self.shard.identity(placed=False)

    @property
    def label(self) -> str:
        """The first input of the shard."""
        return self.shard.slices[0].uri

    def need(self) -> int:
        """A batch of tokens, and 32 bytes for each block."""
        return _memory(self.shard.stored.rows)

    def work(self, attempt: Attempt, shared: Any) -> None:
        """Read, hash."""
        leaves: list[bytes] = []
        documents = 0
        for _, hashes in blocks_of(attempt.objects, self.shard):
            leaves += hashes
            documents += 1
        attempt.payload = HASH.pack(tree_hash(leaves), len(leaves))
        attempt.facts = {"blocks": len(leaves)}
        tokens = self.shard.stored.facts["tokens"]
        attempt.ledger = Ledger(documents_in=documents, documents_out=documents, tokens=tokens)


def blocks_of(objects: Objects, shard: PlacedShard) -> Iterator[tuple[str, list[bytes]]]:
    """The id of each document of a shard, and the hashes of its blocks."""
    with open_arrow(objects, shard.stored) as reader:
        for number in range(reader.num_record_batches):
            with phase("read"):
                batch: pa.RecordBatch = reader.get_batch(number)
            names = shard.documents(batch)[0].to_pylist()
            lists = batch.column(INPUT_IDS)
            edges, ids = lists.offsets.to_numpy(), lists.values.to_numpy()
            for k, name in enumerate(names):
                yield name, block_hashes(name, ids[edges[k] : edges[k + 1]])


def hashed(job: "Job") -> StageRecord:
    """The root hash; shards that have not changed are not hashed again."""
    root = job.plan.recipe.root
    shards = list(placed_shards(job.objects, job.records["tokenize"], job.tokenized))
    tasks = [MerkleTask(root=root, shard=shard) for shard in shards]
    receipts = job.step(STEP, tasks, sizes=[shard.stored.bytes for shard in shards])
    return StageRecord(
        key=job.plan.keys[STEP],
        units=tuple(receipt.unit for receipt in receipts),
        files=(),
        ledger=Ledger.sum(receipt.ledger for receipt in receipts),
        facts={"blocks": sum(receipt.facts["blocks"] for receipt in receipts)},
        merkle=dataset_hash([leaf for leaf, _ in shard_hashes(receipts)], job.vocabulary().fingerprint),
    )


def shard_hashes(receipts: Sequence[Receipt]) -> list[tuple[bytes, int]]:
    """Of each shard its hash among shards, and its blocks."""
    found = []
    for receipt in receipts:
        top, blocks = HASH.unpack(receipt.payload)
        found.append((shard_leaf(top, blocks), blocks))
    return found


def check_hashed(dataset: "Dataset", receipts: Sequence[Receipt]) -> None:
    """Raise CorruptionError unless all shards have the hashes that were committed."""
    manifest = dataset.manifest
    record = manifest.stages[STEP]
    found = shard_hashes(receipts)
    if dataset_hash([leaf for leaf, _ in found], manifest.fingerprint or "") != record.merkle:
        raise CorruptionError(
            f"{dataset.objects.root}: the hashes of the shards do not give the root hash {record.merkle} of the manifest"
        )
    for shard, (leaf, _) in zip(
        placed_shards(dataset.objects, manifest.stages["tokenize"]), found, strict=True
    ):
        leaves = [one for _, hashes in blocks_of(dataset.objects, shard) for one in hashes]
        if shard_leaf(tree_hash(leaves), len(leaves)) != leaf:
            raise CorruptionError(
                f"{dataset.objects.uri(shard.stored.path)}: its tokens are not those that the root hash is over"
            )


def cost(plan: "Plan") -> Cost:
    """What hashing every shard asks."""
    sizes = Sizes.of(plan)
    rows = int(sizes.documents * sizes.unit / max(1, sizes.bytes))  # of the largest unit
    stored = sizes.tokens * sizes.width
    asked = Requests(reads=sizes.units * reads_of_batches(stored // sizes.units), writes=sizes.units)
    return Cost(
        tasks=len(plan.units),
        memory=_memory(rows),
        work=sizes.bytes / RATE,
        read=stored,
        requests=asked + looked_up(sizes.units),
    )


def _memory(rows: int) -> int:
    return 400_000_000 + 200 * rows
