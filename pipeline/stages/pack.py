"""pack: token shards to packed rows, in two passes through storage.

    shard ─▶ exchange task: each document to its split and partition, in order ─▶ one record batch a partition
    partition p of every exchange file ─▶ pack task: merge the order, plan rows, gather ─▶ one packed file

The packed bytes are the same whatever the units and the workers were. Memory is bounded by a shard in the first pass and
by a partition in the second.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators import Vocabulary
from pairloom.operators.errors import CorruptionError
from pairloom.operators.order import permutation
from pairloom.operators.pack import PackPlan, gather, pack
from pairloom.pipeline.job import Job
from pairloom.pipeline.recipe import fingerprint
from pairloom.pipeline.stages.agreement import check_exchanged
from pairloom.pipeline.stages.exchange import Splits, exchange_tasks
from pairloom.pipeline.store.files import StoredFile, attempt_path, one_array, open_arrow, write_arrow
from pairloom.pipeline.store.location import open_objects
from pairloom.pipeline.store.manifest import StageRecord
from pairloom.pipeline.store.objects import Objects
from pairloom.pipeline.store.receipts import FORMAT_VERSION, Ledger, Receipt, claim, unit_id

__all__ = ["PackTask", "pack_rows", "packed_schema"]

ROWS_A_BATCH = 1024


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
    predict_every_token: bool
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
                "rows": [self.seq_len, self.strategy, self.overflow, self.predict_every_token, self.pad_id],
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
        plan = pack(
            lengths,
            self.seq_len,
            strategy=self.strategy,
            overflow=self.overflow,
            predict_every_token=self.predict_every_token,
        )
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
            "repeated_tokens": plan.repeated_tokens,
        }
        ledger = Ledger(
            documents_in=len(lengths),
            documents_out=len(lengths) - plan.dropped_documents,
            rejected={"dropped_by_overflow": plan.dropped_documents} if plan.dropped_documents else {},
            tokens=plan.tokens - plan.repeated_tokens,
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
        return table.column("document").to_numpy(), one_array(table.column("tokens"))

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


def pack_rows(job: Job) -> StageRecord:
    """Exchange every shard, then pack every partition."""
    recipe, choice = job.plan.recipe, job.plan.recipe.pack
    vocabulary = job.vocabulary()
    tokenized = job.records["tokenize"]
    total = tokenized.ledger.tokens
    splits = Splits.of(total, choice.file_tokens, choice.validation)
    exchanged = job.step(
        "exchange",
        list(exchange_tasks(job, tokenized, splits)),
        sizes=[file.bytes for file in tokenized.files],
    )
    check_exchanged(tokenized, exchanged)
    files = tuple(receipt.file("exchange") for receipt in exchanged)
    size = sum(file.bytes for file in files) // splits.train
    tasks = [
        PackTask(
            root=recipe.root,
            part=part,
            splits=splits,
            exchange=fingerprint([file.sha256 for file in files]),
            vocabulary=vocabulary.fingerprint,
            seq_len=choice.seq_len,
            strategy=choice.strategy,
            overflow=choice.overflow,
            predict_every_token=choice.predict_every_token,
            pad_id=_pad_id(job, vocabulary),
            mode=choice.shuffle.mode,
            seed=choice.shuffle.seed,
            expected_bytes=size,
        )
        for part in range(len(splits))
    ]
    receipts = job.step("pack", tasks, shared=files, sizes=[size] * len(tasks))
    job.scratch += exchanged
    counted = ("truncated_tokens", "dropped_tokens", "repeated_tokens")
    lost = {name: sum(receipt.facts[name] for receipt in receipts) for name in counted}
    ledger = Ledger.sum(receipt.ledger for receipt in receipts)
    placed = ledger.tokens + lost["truncated_tokens"] + lost["dropped_tokens"]
    if ledger.documents_in != tokenized.ledger.documents_out or placed != total:
        raise CorruptionError(
            f"pack got {tokenized.ledger.documents_out} documents with {total} tokens, and made rows of "
            f"{ledger.documents_in} documents with {ledger.tokens} tokens, {lost}: this is a bug"
        )
    names = ("tokens", "padding", "segments", "splits")
    made = [file for receipt in receipts for file in receipt.files]
    facts = {name: sum(file.facts[name] for file in made) for name in names} | lost
    return StageRecord(
        key=job.plan.keys["pack"],
        units=tuple(receipt.unit for receipt in receipts),
        files=tuple(file for file in made if file.rows),
        ledger=ledger,
        facts=facts | {"rows": sum(file.rows for file in made), "seq_len": choice.seq_len},
    )


def _pad_id(job: Job, vocabulary: Vocabulary) -> int:
    recipe = job.plan.recipe
    token = recipe.pack.pad or (recipe.tokenize.append[-1] if recipe.tokenize.append else None)
    return 0 if token is None else vocabulary.special_id(token)
