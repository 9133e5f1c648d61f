"""Proofs that a document is in a generation: made from its token shards, checked without them (`operators.inclusion`)."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pairloom.operators.errors import RecipeError
from pairloom.operators.inclusion import BLOCK, FORMAT, block_hashes, path_of
from pairloom.operators.schema import INPUT_IDS
from pairloom.pipeline.dataset.dataset import Dataset
from pairloom.pipeline.stages.merkle.tasks import blocks_of, shard_hashes
from pairloom.pipeline.stages.tokenize.shards import PlacedShard, placed_shards
from pairloom.pipeline.store.files import read_batches
from pairloom.pipeline.store.receipts import committed_receipts

__all__ = ["proof_of"]


def proof_of(dataset: Dataset, document: str) -> dict[str, Any]:
    """The proof, as JSON, that a document with its tokens is among those of a generation; reads shards until it is found.

    Of several documents with one id it is that of the first. Raises RecipeError where no shard has the id, and where the
    generation has no root hash.
    """
    manifest = dataset.manifest
    if "merkle" not in manifest.stages:
        raise RecipeError(
            f"generation {manifest.generation} of {dataset.objects.root} has no root hash: add `stages: [merkle]` to the recipe "
            "and run it again, which makes nothing but the hashes"
        )
    record = manifest.stages["merkle"]
    hashes = shard_hashes(list(committed_receipts(dataset.objects, "merkle", record.units)))
    leaves = [leaf for leaf, _ in hashes]
    for place, shard in enumerate(placed_shards(dataset.objects, manifest.stage("tokenize"))):
        ids = _ids_of(dataset, shard, document)
        if ids is None:
            continue
        first, blocks = _blocks(dataset, shard, document)
        return {
            "format": FORMAT,
            "root": record.merkle,
            "generation": manifest.generation,
            "vocabulary": manifest.fingerprint,
            "document": document,
            "tokens": len(ids),
            "shard": {
                "place": place,
                "shards": len(leaves),
                "blocks": len(blocks),
                "path": [one.hex() for one in path_of(leaves, place)],
            },
            "blocks": [
                {
                    "first": number * BLOCK,
                    "place": first + number,
                    "ids": ids[number * BLOCK : (number + 1) * BLOCK].tolist(),
                    "path": [one.hex() for one in path_of(blocks, first + number)],
                }
                for number in range(len(block_hashes(document, ids)))
            ],
        }
    raise RecipeError(
        f"no document of {dataset.objects.root} has the id {document!r}: `pairloom inspect` shows what ids look like"
    )


def _ids_of(dataset: Dataset, shard: PlacedShard, document: str) -> npt.NDArray[Any] | None:
    """The tokens of a document of a shard, None where it has no such document."""
    for batch in read_batches(dataset.objects, shard.stored):
        place = pc.index(shard.documents(batch)[0], pa.scalar(document, pa.large_string())).as_py()
        if place >= 0:
            return np.asarray(batch.column(INPUT_IDS)[place].values)
    return None


def _blocks(dataset: Dataset, shard: PlacedShard, document: str) -> tuple[int, list[bytes]]:
    """The place of the first block of a document among those of its shard, and the hashes of all of these."""
    leaves: list[bytes] = []
    first = None
    for name, hashes in blocks_of(dataset.objects, shard):
        if first is None and name == document:
            first = len(leaves)
        leaves += hashes
    assert first is not None
    return first, leaves
