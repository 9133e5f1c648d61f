"""Row steps: pure functions of packed rows, stored as rows are packed, or applied anew by the loader in every epoch.

    rows ─▶ step ─▶ step ─▶ packed file              `when: pack`, what is asked for unless told otherwise
    packed file ─▶ rows ─▶ step ─▶ step ─▶ batch     `when: load`, by place: the same for all ranks, workers and batch sizes

A step is a frozen dataclass in a file of its own; its fields are its recipe keys. Randomness is a hash of (seed, epoch, row),
never a generator's state, so that a loader that goes on from a place gives what it would have given.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators.kernels.hashing import GOLDEN, mixed
from pairloom.operators.registry import Registry
from pairloom.operators.schema import Column
from pairloom.operators.steps import step_identity, step_seed

__all__ = ["LAYOUTS", "RowStep", "laid_out", "row_streams", "taken_back"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RowStep(ABC):
    """A function of packed rows. Its fields are its recipe keys; a ValueError begins with the key that it is about.

    `columns` are what it adds to rows. `special_tokens` must be in the vocabulary. `version` changes whenever the same keys
    give other rows, `source` says where it was published. `when` says who applies it. `late` are arrays too large to store
    that `built` makes of its columns. `renames` says that tokens stand for others afterwards, which columns that were made of
    them before would not follow.
    """

    name: ClassVar[str]
    version: ClassVar[int] = 1
    source: ClassVar[str] = ""
    columns: ClassVar[tuple[Column, ...]] = ()
    late: ClassVar[tuple[str, ...]] = ()
    renames: ClassVar[bool] = False

    when: Literal["pack", "load"] = "pack"

    @property
    def special_tokens(self) -> tuple[str, ...]:
        """The special tokens that it puts in the place of others, as text."""
        return ()

    @property
    def reads(self) -> tuple[str, ...]:
        """The columns of documents that rows must have."""
        return ()

    @property
    def files(self) -> Mapping[str, str]:
        """The files that its keys name, by key: a plan asks whether they are there."""
        return {}

    def identity(self) -> object:
        """Everything that decides what it gives, as JSON."""
        return step_identity(self)

    def fits(self, seq_len: int) -> None:  # noqa: B027  (most steps fit rows of any length)
        """Raise ValueError, which begins with a key, where it cannot be applied to rows of so many tokens."""

    def prepare(self, tokenizer: Any) -> Any:
        """What it needs to know of the vocabulary: made once, pickled, shared by all tasks and workers."""
        return None

    def built(self, name: str, rows: pa.RecordBatch, tables: Any) -> npt.NDArray[Any]:
        """One of the arrays of `late`, with a value or more for each of the rows, which have its columns.

        Nothing stores it: a batch for training asks for it by name. It depends on the rows alone.
        """
        raise NotImplementedError(f"the row step {self.name} has no {name}: this is a bug")

    @abstractmethod
    def __call__(
        self, rows: pa.RecordBatch, seed: int, epoch: int, first_row: int, tables: Any
    ) -> pa.RecordBatch:
        """The rows `first_row` and those after it, as many as before, with what the step makes of them."""

    def undo(self, rows: pa.RecordBatch, tables: Any) -> pa.RecordBatch:
        """The rows that it was applied to: without its columns, for a step that changes no other.

        A step that changes what is there must override this, or be applied by the loader: `verify` compares rows with the
        documents that they were made of, and then applies the step again.
        """
        return rows.drop_columns([column.name for column in self.columns])


LAYOUTS: Registry[RowStep] = Registry(
    kind="row step",
    package="pairloom.operators.layouts",
    base="pairloom.operators.layouts:RowStep",
    group="pairloom.steps",
    siblings=("pairloom.operators.transforms:TRANSFORMS", "pairloom.operators.documents:DOCUMENT_STEPS"),
    place="pack.rows",
)


def laid_out(
    rows: pa.RecordBatch,
    steps: Sequence[RowStep],
    seed: int,
    epoch: int,
    first_row: int,
    tables: Sequence[Any],
) -> pa.RecordBatch:
    """Apply steps one after another; `tables[i]` is what `steps[i].prepare` gave. The schema's metadata stays.

    Raises ValueError for a step that gives more or fewer rows than it got, or not the columns that it names.
    """
    metadata = rows.schema.metadata
    for place, (step, table) in enumerate(zip(steps, tables, strict=True)):
        after = step(rows, step_seed(seed, place, step.name), epoch, first_row, table)
        if len(after) != len(rows):
            raise ValueError(f"the row step {step.name} makes {len(after)} rows of {len(rows)}")
        if missing := [column.name for column in step.columns if column.name not in after.schema.names]:
            raise ValueError(f"the row step {step.name} gives no column {', '.join(missing)}")
        rows = after
    return rows.replace_schema_metadata(metadata)


def taken_back(rows: pa.RecordBatch, steps: Sequence[RowStep], tables: Sequence[Any]) -> pa.RecordBatch:
    """Undo steps, the last first. The schema's metadata stays."""
    metadata = rows.schema.metadata
    for step, table in reversed(list(zip(steps, tables, strict=True))):
        rows = step.undo(rows, table)
    return rows.replace_schema_metadata(metadata)


def row_streams(seed: int, epoch: int, first_row: int, rows: int) -> npt.NDArray[np.uint64]:
    """What the randomness of each of some rows is made of: uint64, a hash of (seed, epoch, row)."""
    start = mixed(mixed(np.full(1, seed, np.uint64)) ^ mixed(np.full(1, epoch + 1, np.uint64)))
    return mixed(start + (np.arange(rows, dtype=np.uint64) + np.uint64(first_row + 1)) * GOLDEN)
