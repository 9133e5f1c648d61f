"""Packed rows as files: what they look like, and how they are written."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators.kernels.hashing import hash_bytes
from pairloom.operators.pack import Documents, PackPlan, decompose, gather, pack
from pairloom.operators.selection.order import permutation
from pairloom.pipeline.dataset.stream import rows_a_block
from pairloom.pipeline.flow.attempt import Attempt
from pairloom.pipeline.identity import FORMAT_VERSION
from pairloom.pipeline.phases import in_phase

__all__ = ["RowSettings", "packed_schema", "write_rows"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RowSettings:
    """What decides the rows beside the documents in them."""

    vocabulary: str  # its fingerprint
    seq_len: int
    strategy: str
    overflow: str
    predict_every_token: bool
    min_bucket: int
    pad_id: int
    mode: str  # of the shuffle
    seed: int

    def identity(self) -> dict[str, Any]:
        """Everything, for a unit's id."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def plans(self, lengths: npt.NDArray[np.int64], overflow: str | None = None) -> tuple[PackPlan, ...]:
        """Rows for documents of the given lengths: a plan for each length that rows have."""
        overflow, again = overflow or self.overflow, self.predict_every_token
        if self.strategy == "buckets":
            return decompose(
                lengths, self.seq_len, self.min_bucket, overflow=overflow, predict_every_token=again
            )
        plan = pack(
            lengths, self.seq_len, strategy=self.strategy, overflow=overflow, predict_every_token=again
        )
        return (plan,)

    def shuffled(self, plan: PackPlan, where: str) -> PackPlan:
        """The rows of a plan in their final order; `where` says which rows they are."""
        if self.mode == "none":
            return plan
        stream = hash_bytes(f"{self.seed} {plan.seq_len} {where}".encode())
        return plan.reordered(permutation(len(plan), stream))


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


def write_rows(
    attempt: Attempt,
    plan: PackPlan,
    documents: Documents,
    numbers: npt.NDArray[np.int64],
    first: npt.NDArray[np.int64] | None,
    settings: RowSettings,
    split: str,
) -> None:
    """Write the rows of a plan, in its order.

    `numbers` are the numbers of the documents; `first` says from which token of theirs on we have them, if not the first.
    """
    schema = packed_schema(
        pa.from_numpy_dtype(documents.dtype),
        seq_len=plan.seq_len,
        pad_id=settings.pad_id,
        vocabulary=settings.vocabulary,
        strategy=settings.strategy,
        split=split,
    )
    with attempt.arrow(split, schema, name="rows.arrow") as writer:
        for rows in in_phase("gather", _batches(plan, documents, numbers, first, settings.pad_id, schema)):
            writer.write(rows)
        writer.facts.update(
            seq_len=plan.seq_len, tokens=plan.tokens, padding=plan.padding, segments=len(plan.length)
        )


def _batches(
    plan: PackPlan,
    documents: Documents,
    numbers: npt.NDArray[np.int64],
    first: npt.NDArray[np.int64] | None,
    pad_id: int,
    schema: pa.Schema,
) -> Iterator[pa.RecordBatch]:
    step = rows_a_block(plan.seq_len)
    for start in range(0, len(plan), step):
        part = plan.part(start, min(start + step, len(plan)))
        edges = pa.array(part.rows.astype(np.int32))
        offset = part.offset if first is None else part.offset + first[part.document]
        columns = [
            gather(part, documents, pad_id),
            pa.ListArray.from_arrays(edges, pa.array(part.length)),
            pa.ListArray.from_arrays(edges, pa.array(numbers[part.document])),
            pa.ListArray.from_arrays(edges, pa.array(offset)),
        ]
        arrays = [column.cast(field.type) for column, field in zip(columns, schema, strict=True)]
        yield pa.RecordBatch.from_arrays(arrays, schema=schema)
