"""Concept-aware fine-tuning (Chen et al., 2025, arXiv:2506.07833): tokens further ahead, to be predicted with the next.

input_ids   the   cat   sat   on    <eos>
labels_0    cat   sat   on    <eos> -100      what comes next
labels_1    sat   on    <eos> -100  -100      what comes after that: a head more for each token ahead
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa

from pairloom.operators.errors import RecipeError
from pairloom.operators.layouts import RowStep
from pairloom.operators.layouts._rows import given_rows, matrix_of, with_columns
from pairloom.operators.layouts.kernels.caft import look_ahead
from pairloom.operators.layouts.kernels.draws import IGNORED
from pairloom.operators.schema import Column

__all__ = ["Caft"]

LOSS_MASK = "loss_mask"


@dataclass(frozen=True, slots=True, kw_only=True)
class Caft(RowStep):
    """Targets further ahead, for heads that predict several tokens at once: CAFT.

    Adds `labels_0`, the next token of each, and `labels_1` to `labels_<ahead>` for `ahead` heads more, the tokens after that;
    -100 where that is in another document or padding. They stand where they are predicted: no loss has to shift them. With
    `within`, a column of whole numbers beside tokens (as `entity_masks` takes), the further heads predict only what lies with
    all tokens from the next one on in one run of a value that is not 0, a concept of several tokens. Where rows have a
    `loss_mask`, a token with 0 there is nobody's target.
    """

    name: ClassVar[str] = "caft"
    source: ClassVar[str] = "Chen et al., 2025, arXiv:2506.07833"

    ahead: int = 4
    within: str | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.ahead <= 64:
            raise ValueError(f"ahead must be from 1 to 64, not {self.ahead}")
        if self.within is not None and not self.within.isidentifier():
            raise ValueError(f"within must be the name of a column of tokens, not {self.within!r}")

    @property
    def columns(self) -> tuple[Column, ...]:  # type: ignore[override]
        """A column of labels for each head."""
        return tuple(
            Column(
                name=f"labels_{h}",
                dtype=np.dtype(np.int32),
                pad=int(IGNORED),
                doc=f"the token {h + 1} places on in its document, -100 where there is none",
            )
            for h in range(self.ahead + 1)
        )

    def __call__(
        self, rows: pa.RecordBatch, seed: int, epoch: int, first_row: int, tables: Any
    ) -> pa.RecordBatch:
        """The rows with the labels of every head; raises RecipeError where they have no such column."""
        given = given_rows(rows, seed, epoch, first_row)
        within = np.zeros((len(rows), 0), np.int64)
        if self.within is not None:
            if self.within not in rows.schema.names:
                raise RecipeError(
                    f"caft: within must be a column beside tokens, and rows have {', '.join(rows.schema.names)}"
                )
            within = matrix_of(rows, self.within).astype(np.int64)
        labels = np.full((self.ahead + 1, *given.ids.shape), IGNORED, np.int32)
        look_ahead(given, within, labels)
        if LOSS_MASK in rows.schema.names:
            untrained = matrix_of(rows, LOSS_MASK) == 0
            for head in range(self.ahead + 1):
                labels[head, :, : -1 - head][untrained[:, 1 + head :]] = IGNORED
        return with_columns(rows, self.columns, list(labels))
