"""A landmark behind every block of a row (Mohtashami and Jaggi, 2023, arXiv:2305.16300; SCOUT's summary slots are the same).

input_ids   a b c d e f g h             every: 3
inputs      a b c <landmark> d e f <landmark> g h
block       0 0 0     0      1 1 1     1      2 2

Blocks are those of the row, whatever its documents: fused attention wants them at the same places of every row.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa

from pairloom.operators.layouts import RowStep
from pairloom.operators.layouts._rows import ids_of, with_columns
from pairloom.operators.schema import Column
from pairloom.operators.transforms.landmark import check_landmarks

__all__ = ["LandmarkRows"]

INPUTS = Column(
    name="inputs",
    dtype=np.dtype(np.uint32),
    of="row",
    doc="the tokens of the row with a landmark behind every block",
)
BLOCK = Column(
    name="block",
    dtype=np.dtype(np.int32),
    of="row",
    doc="which block of the row one of `inputs` is in, from 0 on",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LandmarkRows(RowStep):
    """A landmark token behind every block of `every` tokens of a row, the way that models with landmarks were trained.

    Adds `inputs` (uint32) and `block` (int32), both as long as the row with its landmarks: with `last: false`, as the paper's
    training code has it in examples of 2,048 tokens, ceil(n / every) - 1 of them, with `last: true` one at the row's end too
    where blocks fill it. Padding is in blocks like any token. The token step `landmark` counts in documents.
    """

    name: ClassVar[str] = "landmark_rows"
    source: ClassVar[str] = "Mohtashami and Jaggi, 2023, arXiv:2305.16300"
    columns: ClassVar[tuple[Column, ...]] = (INPUTS, BLOCK)

    every: int = 63
    token: str = "<landmark>"  # noqa: S105  (a token of text)
    last: bool = False

    def __post_init__(self) -> None:
        check_landmarks(self.every, self.token)

    @property
    def special_tokens(self) -> tuple[str, ...]:
        """The landmark."""
        return (self.token,)

    def prepare(self, tokenizer: Any) -> int:
        """The landmark's id."""
        return int(tokenizer.special_id(self.token))

    def landmarks(self, seq_len: int) -> int:
        """How many a row of so many tokens gets.

        >>> LandmarkRows(every=3).landmarks(9), LandmarkRows(every=3, last=True).landmarks(9)
        (2, 3)
        """
        return seq_len // self.every if self.last else -(-seq_len // self.every) - 1

    def __call__(
        self, rows: pa.RecordBatch, seed: int, epoch: int, first_row: int, tables: int
    ) -> pa.RecordBatch:
        """The rows with `inputs` and `block`."""
        ids = ids_of(rows)
        width = ids.shape[1]
        many = self.landmarks(width)
        own = np.arange(width) + np.minimum(np.arange(width) // self.every, many)
        inputs = np.full((len(ids), width + many), tables, np.uint32)
        inputs[:, own] = ids
        block = np.arange(width + many) // (self.every + 1)
        return with_columns(rows, self.columns, (inputs, np.tile(block.astype(np.int32), (len(ids), 1))))
