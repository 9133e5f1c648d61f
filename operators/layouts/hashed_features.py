"""Categorical values by hashing into one table for all of them (Coleman et al., 2023, "Unified Embedding", arXiv:2305.12102).

lang  = de      ─▶  81,337   904,112          a row of the table for each of `hashes` functions,
site  = example ─▶ 512,009    77,640          which columns and functions share
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators.errors import RecipeError
from pairloom.operators.kernels.hashing import hash_bytes
from pairloom.operators.layouts import RowStep
from pairloom.operators.schema import Column, columns_of

__all__ = ["Collisions", "HashedFeatures", "collisions"]


@dataclass(frozen=True, slots=True, kw_only=True)
class HashedFeatures(RowStep):
    """Ids of what columns of documents say, in one table of embeddings of `size` rows for all columns: feature multiplexing.

    Made late: `feature_ids`, uint32 [segments, columns * hashes], of the segments of a batch one after another, the `hashes` ids
    of the first of `columns` first. An id is a hash of `seed`, the name of the column, the number of the hash, and the value
    itself, so that it is the same in every dataset; a value that is not there has ids like any other. `collisions` counts how
    many values share ids.
    """

    name: ClassVar[str] = "hashed_features"
    source: ClassVar[str] = "Coleman et al., 2023, arXiv:2305.12102"
    late: ClassVar[tuple[str, ...]] = ("feature_ids",)

    columns_of_documents: tuple[str, ...] = ("source",)
    size: int = 1 << 20
    hashes: int = 2
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.columns_of_documents or len(set(self.columns_of_documents)) < len(
            self.columns_of_documents
        ):
            raise ValueError("columns_of_documents must be names of columns, each once")
        if not 1 <= self.size <= 1 << 32:
            raise ValueError(f"size must be from 1 to 2^32 rows, not {self.size}")
        if not 1 <= self.hashes <= 64:
            raise ValueError(f"hashes must be from 1 to 64, not {self.hashes}")

    @property
    def reads(self) -> tuple[str, ...]:
        """What it gives ids."""
        return self.columns_of_documents

    def __call__(
        self, rows: pa.RecordBatch, seed: int, epoch: int, first_row: int, tables: None
    ) -> pa.RecordBatch:
        """The rows as they are."""
        self._found(rows)
        return rows

    def built(self, name: str, rows: pa.RecordBatch, tables: None) -> npt.NDArray[np.uint32]:
        """`feature_ids` of the segments of the rows."""
        made = []
        for column in self._found(rows):
            values, place = np.unique(rows.column(column.name).flatten().to_numpy(), return_inverse=True)
            ids = [self.ids(column.name, column.said(value)) for value in values]
            made.append(np.array(ids, np.uint32).reshape(-1, self.hashes)[place])
        return np.concatenate(made, axis=1)

    def ids(self, column: str, value: object) -> list[int]:
        """The ids of a value of a column.

        >>> HashedFeatures(size=1000).ids("lang", "de") == HashedFeatures(size=1000).ids("lang", "de")
        True
        """
        said = repr(value.item() if isinstance(value, np.generic) else value)
        return [
            hash_bytes(f"{column}\0{number}\0{said}".encode(), self.seed) % self.size
            for number in range(self.hashes)
        ]

    def _found(self, rows: pa.RecordBatch) -> list[Column]:
        """The columns, which rows must have."""
        known = {column.name: column for column in columns_of(rows.schema) if column.of == "document"}
        if missing := [name for name in self.columns_of_documents if name not in known]:
            raise RecipeError(
                "pack.rows: hashed_features: columns_of_documents must be columns that documents bring (corpus.columns), "
                f"not {', '.join(missing)}; "
                f"these rows have {', '.join(known) or 'none'}"
            )
        return [known[name] for name in self.columns_of_documents]


class Collisions(NamedTuple):
    """How many ids, of all values, columns and hashes, another has too: within a column, across columns, and by chance alone."""

    ids: int
    within: int
    across: int
    expected: float


def collisions(step: HashedFeatures, values: Mapping[str, list[object]]) -> Collisions:
    """How many of the n ids of the values of columns are taken already: of M rows, n - M (1 - (1 - 1/M)^n) by chance.

    >>> collisions(HashedFeatures(columns_of_documents=("lang",), size=1, hashes=2), {"lang": ["de", "en"]})
    Collisions(ids=4, within=3, across=0, expected=3.0)
    """
    by_column = [[i for value in found for i in step.ids(name, value)] for name, found in values.items()]
    total = sum(map(len, by_column))
    within = sum(len(ids) - len(set(ids)) for ids in by_column)
    different = len({i for ids in by_column for i in ids})
    expected = total - step.size * (1 - (1 - 1 / step.size) ** total)
    return Collisions(total, within, total - different - within, expected)
