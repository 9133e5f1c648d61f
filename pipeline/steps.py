"""The steps of a recipe, ready to be applied: with what each knows of the vocabulary, shared by all tasks and readers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from pairloom.operators import Vocabulary
from pairloom.operators.errors import RecipeError
from pairloom.operators.kernels.hashing import hash_bytes
from pairloom.operators.layouts import RowStep, laid_out, taken_back
from pairloom.operators.steps import step_seed
from pairloom.operators.tokens import TokenBatch
from pairloom.operators.transforms import Prepared, TokenStep, prepared

__all__ = ["DocumentSteps", "RowSteps", "row_seed"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DocumentSteps:
    """Token steps, and what they know: `apply` is what pack makes rows of, and what `verify` compares rows with."""

    steps: tuple[TokenStep, ...]
    tables: tuple[Any, ...]
    seed: int

    @staticmethod
    def of(steps: Sequence[TokenStep], vocabulary: Vocabulary, seed: int) -> "DocumentSteps":
        """Steps for a vocabulary; raises RecipeError for one that cannot be used with it."""
        return DocumentSteps(steps=tuple(steps), tables=_tables(steps, vocabulary), seed=seed)

    def apply(self, batch: TokenBatch) -> Prepared:
        """The documents with what all steps make of them."""
        return prepared(batch, self.steps, self.seed, self.tables)

    def undo(self, batch: TokenBatch) -> TokenBatch | None:
        """Documents that decode to those that `apply` got; None where a step has no inverse."""
        found: TokenBatch | None = batch
        for place, (step, table) in reversed(list(enumerate(zip(self.steps, self.tables, strict=True)))):
            seed = step_seed(self.seed, place, step.name)
            found = None if found is None else step.undo(found, seed, table)
        return found


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RowSteps:
    """Row steps, and what they know."""

    steps: tuple[RowStep, ...]
    tables: tuple[Any, ...]

    @staticmethod
    def of(steps: Sequence[RowStep], vocabulary: Vocabulary) -> "RowSteps":
        """Steps for a vocabulary; raises RecipeError for one that cannot be used with it."""
        return RowSteps(steps=tuple(steps), tables=_tables(steps, vocabulary))

    def apply(self, rows: pa.RecordBatch, seed: int, epoch: int, first_row: int) -> pa.RecordBatch:
        """The rows `first_row` and those after it, with what all steps make of them."""
        return laid_out(rows, self.steps, seed, epoch, first_row, self.tables)

    def schema(self, before: pa.Schema) -> pa.Schema:
        """The schema of what `apply` makes of rows with a schema."""
        return self.apply(pa.RecordBatch.from_pylist([], schema=before), 0, 0, 0).schema

    def late(self) -> dict[str, tuple[RowStep, Any]]:
        """What is made of rows late, by name: the step that makes it, and what that knows."""
        return {
            name: (step, table)
            for step, table in zip(self.steps, self.tables, strict=True)
            for name in step.late
        }

    def undo(self, rows: pa.RecordBatch) -> pa.RecordBatch:
        """The rows that `apply` got."""
        return taken_back(rows, self.steps, self.tables)


def row_seed(seed: int, seq_len: int, where: str) -> int:
    """The seed of the row steps of a packed file: 64 bits; `where` says which rows they are."""
    return hash_bytes(f"pairloom: rows {seq_len} {where}".encode(), seed)


def _tables(steps: Sequence[TokenStep] | Sequence[RowStep], vocabulary: Vocabulary) -> tuple[Any, ...]:
    tables = []
    for step in steps:
        try:
            tables.append(step.prepare(vocabulary))
        except (ValueError, KeyError) as error:
            raise RecipeError(
                f"the step {step.name} cannot be used with this vocabulary: {error.args[0]}"
            ) from error
    return tuple(tables)
