"""Packed rows as files: what they look like, and how they are written."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators.kernels.hashing import hash_bytes
from pairloom.operators.layouts import RowStep
from pairloom.operators.pack import PackPlan, gather_column
from pairloom.operators.pack.joined import Joining, Stitched
from pairloom.operators.pack.related import Bundles
from pairloom.operators.pack.strategy import Strategy
from pairloom.operators.pack.turns import of_documents, turn_pieces
from pairloom.operators.schema import (
    DOCUMENT,
    INPUT_IDS,
    JOINED,
    JOINED_COLUMN,
    METADATA,
    OFFSET,
    PAD_ID,
    ROW_SEED,
    SEGMENT_LENGTHS,
    SOURCES,
    Column,
    columns_of,
    file_facts,
    row_schema,
)
from pairloom.operators.selection.order import permutation
from pairloom.operators.tokens import TokenBatch
from pairloom.operators.transforms import TokenStep
from pairloom.pipeline.dataset.stream import rows_a_block
from pairloom.pipeline.flow.attempt import Attempt
from pairloom.pipeline.identity import FORMAT_VERSION
from pairloom.pipeline.notes import note
from pairloom.pipeline.phases import in_phase
from pairloom.pipeline.recipe.steps import write_named
from pairloom.pipeline.stages.exchange.files import Spread
from pairloom.pipeline.stages.exchange.orders import order_of
from pairloom.pipeline.steps import RowSteps, row_seed

__all__ = ["RowSettings", "write_rows"]


_LATER = ("window", "then", "related", "join")  # which no unit's id has where they are not asked for


@dataclass(frozen=True, slots=True, kw_only=True)
class RowSettings:
    """What decides the rows beside the documents in them."""

    vocabulary: str  # its fingerprint
    seq_len: int
    strategy: Strategy
    overflow: str
    predict_every_token: bool
    min_bucket: int
    pad_id: int
    mode: str  # of the shuffle
    seed: int
    steps: tuple[TokenStep, ...] = ()
    rows: tuple[RowStep, ...] = ()  # those that are stored
    window: int = 0  # of documents that are mixed, in an order of values
    then: str = ""  # the column that documents of a group are in the order of
    related: bool = False  # whether they are kept in one row, as far as they fit

    join: Joining | None = None  # how they are made one document

    def identity(self) -> dict[str, Any]:
        """Everything, for a unit's id; steps and a window where there are any."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        values = {name: value for name, value in values.items() if name not in _LATER or value}
        values["strategy"] = write_named(self.strategy)
        if self.join is not None:
            values["join"] = asdict(self.join)
        steps = {name: [step.identity() for step in values.pop(name)] for name in ("steps", "rows")}
        return values | {name: some for name, some in steps.items() if some}

    def plans_of(self, documents: TokenBatch, keys: npt.NDArray[np.uint64]) -> tuple[PackPlan, ...]:
        """Rows for documents, cut where the recipe says; those of one key are kept together, where that is asked for."""
        if self.related:
            bundles = Bundles.of(documents.length, keys, self.seq_len)
            return tuple(bundles.apart(plan) for plan in self.plans(bundles.totals))
        if self.overflow != "turn":
            return self.plans(documents.length)
        pieces = turn_pieces(documents, self.seq_len)
        found = self.plans(pieces.length, "split")
        return tuple(of_documents(plan, pieces, documents.length) for plan in found)

    def plans(self, lengths: npt.NDArray[np.int64], overflow: str | None = None) -> tuple[PackPlan, ...]:
        """Rows for documents of the given lengths: a plan for each length that rows have."""
        return self.strategy.plans(
            lengths,
            self.seq_len,
            least=self.min_bucket,
            overflow=overflow or self.overflow,
            predict_every_token=self.predict_every_token,
        )

    def arranged(self, found: Spread, where: str) -> Spread:
        """Documents in the order of their keys, in the order in which rows are planned of them."""
        places = order_of(self.mode).arranged(found, self.then, self.window, self.seed, where)
        return found if places is None else found.take(places)

    def shuffled(self, plan: PackPlan, where: str) -> PackPlan:
        """The rows of a plan in their final order; `where` says which rows they are."""
        order = order_of(self.mode)
        if order.ranks and len(plan):  # whatever the strategy has put together
            first = np.minimum.reduceat(plan.document, plan.rows[:-1])
            return plan.reordered(np.argsort(first, kind="stable"))
        if not order.permutes:
            return plan
        stream = hash_bytes(f"{self.seed} {plan.seq_len} {where}".encode())
        return plan.reordered(permutation(len(plan), stream))

    def schema(
        self, columns: Sequence[Column], seq_len: int, split: str, sources: Sequence[str]
    ) -> pa.Schema:
        """The schema of rows with these columns. Its metadata says what a trainer must know and cannot see."""
        ids = next(column for column in columns if column.name == INPUT_IDS)
        facts = {
            "format_version": FORMAT_VERSION,
            "dtype": ids.dtype.name,
            "labels_shifted": False,
            PAD_ID: self.pad_id,
            "seq_len": seq_len,
            "split": split,
            "strategy": self.strategy.name,
            "vocabulary": self.vocabulary,
            SOURCES: list(sources),
        }
        return row_schema([replace(c, pad=self.pad_id) if c is ids else c for c in columns], seq_len, facts)


def write_rows(
    attempt: Attempt,
    plan: PackPlan,
    documents: TokenBatch,
    columns: Sequence[Column],
    settings: RowSettings,
    split: str,
    sources: Sequence[str],
    steps: RowSteps,
    where: str,
    *,
    first: npt.NDArray[np.int64] | None = None,
    joined: Stitched | None = None,
) -> None:
    """Write the rows of a plan, shuffled, with these columns of the documents and what row steps make of them.

    `sources` are the names of the recipe's sources up to the last that may be in them; `where` says which rows these are;
    `first` says from which token of theirs on we have the documents, if not the first; `joined` which go on from each other.
    """
    plan = settings.shuffled(plan, where)
    if joined is not None:
        columns = (*columns, JOINED_COLUMN)
    schema = settings.schema(columns, plan.seq_len, split, sources)
    batches = _batches(plan, documents, first, schema, joined)
    if steps.steps:
        seed = row_seed(settings.seed, plan.seq_len, where)
        schema, batches = _with_steps(schema, batches, steps, seed)
    with attempt.arrow(split, schema, name="rows.arrow") as writer:
        written = 0
        for rows in in_phase("gather", batches):
            writer.write(rows)
            written += len(rows)
            note(written, len(plan))
        segments = len(plan.length) if joined is None else int(np.count_nonzero(plan.document < joined.own))
        writer.facts.update(seq_len=plan.seq_len, tokens=plan.tokens, padding=plan.padding, segments=segments)


def _with_steps(
    schema: pa.Schema, batches: Iterator[pa.RecordBatch], steps: RowSteps, seed: int
) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
    """Rows that steps are applied to, and their schema, which says by which seed."""
    facts = json.dumps(file_facts(schema) | {ROW_SEED: seed}, sort_keys=True)
    after = steps.schema(schema).with_metadata({METADATA: facts.encode()})

    def applied() -> Iterator[pa.RecordBatch]:
        first = 0
        for rows in batches:
            found = steps.apply(rows, seed, 0, first)
            yield pa.RecordBatch.from_arrays(found.columns, schema=after)
            first += len(rows)

    return after, applied()


def _batches(
    plan: PackPlan,
    documents: TokenBatch,
    first: npt.NDArray[np.int64] | None,
    schema: pa.Schema,
    joined: Stitched | None,
) -> Iterator[pa.RecordBatch]:
    columns = columns_of(schema)
    step = rows_a_block(plan.seq_len)
    for start in range(0, len(plan), step):
        part = plan.part(start, min(start + step, len(plan)))
        edges = pa.array(part.rows.astype(np.int32))
        offset = part.offset if first is None else part.offset + first[part.document]
        lists: dict[str, npt.NDArray[Any]] = {
            SEGMENT_LENGTHS: part.length,
            DOCUMENT: documents.number[part.document],
            OFFSET: offset,
        }
        if joined is not None:
            lists[JOINED] = joined.flags(part)
        arrays = {name: pa.ListArray.from_arrays(edges, pa.array(values)) for name, values in lists.items()}
        further = [column for column in columns if column.name not in arrays]
        arrays |= {column.name: gather_column(part, documents, column) for column in further}
        cast = [arrays[field.name].cast(field.type) for field in schema]
        yield pa.RecordBatch.from_arrays(cast, schema=schema)
