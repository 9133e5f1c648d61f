"""Tokens with further columns, before anything in the product makes some: what each is, is a function of where it stands."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pyarrow as pa

from pairloom.operators.schema import Column, ids_dtype, shard_schema
from pairloom.pipeline import Dataset, Recipe, open_dataset, run
from pairloom.pipeline.stages.tokenize.shards import placed_shards
from pairloom.pipeline.store.files import attempt_path, open_arrow, write_arrow
from pairloom.pipeline.store.manifest import commit
from pairloom.pipeline.store.receipts import find_receipt, receipt_path

MASK = Column(name="loss_mask", dtype=np.dtype(np.uint8), pad=3, doc="what is to be predicted")
WEIGHT = Column(name="weight", dtype=np.dtype(np.float16), pad=-1)
QUALITY = Column(name="quality", dtype=np.dtype(np.float32), of="document")
FURTHER = (MASK, WEIGHT, QUALITY)


def mask_of(number: int, place: int) -> int:
    return (number + place // 3) % 2


def weight_of(number: int, place: int) -> float:
    return (number % 16 + place % 64) / 4


def quality_of(number: int) -> float:
    return number % 1024 / 8


def with_columns(recipe: Recipe) -> Dataset:
    """Tokenize, give every shard the columns FURTHER, and commit that as another generation."""
    run(recipe, until="tokenize")
    dataset = open_dataset(recipe.root)
    objects, manifest = dataset.objects, dataset.manifest
    record, files = manifest.stages["tokenize"], []
    for shard in placed_shards(objects, record):
        with open_arrow(objects, shard.stored) as reader:
            batches = [reader.get_batch(i) for i in range(reader.num_record_batches)]
            schema = shard_schema(
                ids_dtype(reader.schema), reader.schema.metadata[b"pairloom.vocabulary"].decode(), FURTHER
            )
        unit = shard.receipt.unit
        with write_arrow(
            objects, attempt_path("tokenize", unit, "wider.arrow"), schema, role="tokens"
        ) as writer:
            for batch in batches:
                columns = [*batch.columns, *_columns(shard.numbers(batch).tolist(), batch)]
                arrays = [column.cast(field.type) for column, field in zip(columns, schema, strict=True)]
                writer.write(pa.RecordBatch.from_arrays(arrays, schema=schema))
            writer.facts.update(shard.stored.facts)
        assert writer.stored is not None
        files.append(writer.stored)
        receipt = find_receipt(objects, "tokenize", unit)
        assert receipt is not None
        others = [file for file in receipt.files if file.role != "tokens"]
        receipt = receipt.model_copy(update={"files": (writer.stored, *others)})
        objects.put(receipt_path("tokenize", unit), receipt.model_dump_json().encode())
    stages = {**manifest.stages, "tokenize": record.model_copy(update={"files": tuple(files)})}
    commit(objects, manifest.model_copy(update={"generation": manifest.generation + 1, "stages": stages}))
    run(recipe)
    return open_dataset(recipe.root)


def _columns(numbers: list[int], batch: pa.RecordBatch) -> list[pa.Array]:
    lengths = batch.column("input_ids").value_lengths().to_pylist()
    offsets = np.cumsum([0, *lengths])
    places = [(number, i) for number, length in zip(numbers, lengths, strict=True) for i in range(length)]
    masks = np.array([mask_of(*place) for place in places], np.uint8)
    weights = np.array([weight_of(*place) for place in places], np.float16)
    return [
        *(pa.LargeListArray.from_arrays(offsets, pa.array(values)) for values in (masks, weights)),
        pa.array([quality_of(number) for number in numbers], pa.float32()),
    ]


def check_rows(rows: Iterable[dict[str, Any]]) -> int:
    """Assert that every column of each row is what it must be, padding included; how many segments there are."""
    seen = 0
    for row in rows:
        masks, weights = [], []
        for length, number, offset in zip(
            row["segment_lengths"], row["document"], row["offset"], strict=True
        ):
            masks += [mask_of(number, offset + i) for i in range(length)]
            weights += [weight_of(number, offset + i) for i in range(length)]
        rest = len(row["input_ids"]) - len(masks)
        assert row["loss_mask"] == masks + [MASK.pad] * rest
        assert row["weight"] == weights + [WEIGHT.pad] * rest
        assert row["quality"] == [quality_of(number) for number in row["document"]]
        assert len(row["source"]) == len(row["document"])
        seen += len(row["document"])
    return seen
