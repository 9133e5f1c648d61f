"""Lexinvariant rows (Huang et al., 2023, arXiv:2305.16349): in each row, and in each epoch, tokens stand for other ones.

The token step `lexinvariant` draws a permutation for each document, once; this one draws it for each row, all documents in it
alike, so that a loader can draw it anew in every epoch.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa

from pairloom.operators.layouts import RowStep, row_streams
from pairloom.operators.layouts._rows import ids_of, matrix_of, with_columns, with_ids
from pairloom.operators.schema import Column
from pairloom.operators.steps import in_53rds
from pairloom.operators.transforms.kernels.lexinvariant import permute
from pairloom.operators.transforms.lexinvariant import Lexinvariant, Tables

__all__ = ["LexinvariantRows"]

SEED = Column(
    name="permutation", dtype=np.dtype(np.uint64), of="row", doc="what the permutation of the row is made of"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LexinvariantRows(RowStep):
    """Another permutation of the vocabulary in each row; special tokens stay, padding with them (Huang et al., 2023).

    Of the tokens of the vocabulary, `rate` take part in each row, drawn anew for each. Adds `permutation`, uint64, one for each
    row: what the permutation is made of, by which it is taken back. Steps that make labels or inputs come after it.
    """

    name: ClassVar[str] = "lexinvariant_rows"
    source: ClassVar[str] = "Huang et al., 2023, arXiv:2305.16349"
    columns: ClassVar[tuple[Column, ...]] = (SEED,)
    renames: ClassVar[bool] = True

    rate: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.rate <= 1:
            raise ValueError(f"rate must be above 0 and at most 1, not {self.rate:g}")

    def prepare(self, tokenizer: Any) -> Tables:
        """Which tokens can take part."""
        return Lexinvariant(rate=self.rate).prepare(tokenizer)

    def __call__(
        self, rows: pa.RecordBatch, seed: int, epoch: int, first_row: int, tables: Tables
    ) -> pa.RecordBatch:
        """The rows in other tokens."""
        streams = row_streams(seed, epoch, first_row, len(rows))
        return with_columns(
            self._permuted(rows, streams, tables, inverse=False), self.columns, (streams.reshape(-1, 1),)
        )

    def undo(self, rows: pa.RecordBatch, tables: Tables) -> pa.RecordBatch:
        """The rows in their own tokens."""
        streams = matrix_of(rows, SEED.name).reshape(-1).copy()
        return self._permuted(rows, streams, tables, inverse=True).drop_columns([SEED.name])

    def _permuted(
        self, rows: pa.RecordBatch, streams: Any, tables: Tables, *, inverse: bool
    ) -> pa.RecordBatch:
        ids = ids_of(rows)
        flat = ids.astype(np.uint32).reshape(-1)
        permute(
            flat, np.full(len(ids), ids.shape[1], np.int64), streams, *tables, in_53rds(self.rate), inverse
        )
        return with_ids(rows, flat.reshape(ids.shape).astype(ids.dtype))
