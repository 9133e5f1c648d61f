"""Linguistic entity masking: of nouns, verbs and names that somebody has found, one token each is predicted.

input_ids   the  chan  [MASK]  of   [MASK]  spoke
entity       0    1      1     0      2      3       a span is a run of one value that is not 0
labels     -100  -100  cellor -100  Austria -100
"""

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators.errors import RecipeError
from pairloom.operators.layouts import RowStep
from pairloom.operators.layouts._rows import LABELS, given_rows, matrix_of, unmasked, with_columns, with_ids
from pairloom.operators.layouts._vocabulary import ordinary_ids
from pairloom.operators.layouts.kernels.draws import IGNORED
from pairloom.operators.layouts.kernels.entity_masks import Masking, mask_entities
from pairloom.operators.schema import Column
from pairloom.operators.steps import in_53rds

__all__ = ["EntityMasks", "Tables"]


class Tables(NamedTuple):
    """What is known of the vocabulary: which ids are special, the mask's, and what random tokens are drawn from."""

    special: npt.NDArray[np.bool_]
    mask: int
    ordinary: npt.NDArray[np.uint32]


@dataclass(frozen=True, slots=True, kw_only=True)
class EntityMasks(RowStep):
    """One token each of given spans, nouns, verbs or names, to be predicted: linguistic entity masking.

    `column` is a column of whole numbers beside tokens that rows have: a run of one value that is not 0 is a span, and ends
    where its segment does and at special tokens. Spans are drawn uniformly until a share `rate` of the row's ordinary tokens
    is spent, one token of each; `replace` says which shares of these become the mask, a random token, and stay. `labels` are
    -100 elsewhere.
    """

    name: ClassVar[str] = "entity_masks"
    columns: ClassVar[tuple[Column, ...]] = (LABELS,)

    column: str = "entity"
    rate: float = 0.15
    replace: tuple[float, float, float] = (0.8, 0.1, 0.1)
    mask_token: str = "[MASK]"  # noqa: S105  (a token of text)

    def __post_init__(self) -> None:
        if not self.column.isidentifier():
            raise ValueError(f"column must be the name of a column of tokens, not {self.column!r}")
        if not 0 < self.rate <= 0.9:
            raise ValueError(f"rate must be above 0 and at most 0.9, not {self.rate:g}")
        if min(self.replace) < 0 or abs(sum(self.replace) - 1) > 1e-9:
            raise ValueError(
                f"replace must be shares of masked, random and unchanged tokens that add up to 1, not {list(self.replace)}"
            )
        if not self.mask_token:
            raise ValueError("mask_token must be the text of a special token")

    @property
    def special_tokens(self) -> tuple[str, ...]:
        """The mask."""
        return (self.mask_token,)

    def prepare(self, tokenizer: Any) -> Tables:
        """Which tokens are special, and which may be drawn."""
        special = np.zeros(len(tokenizer), np.bool_)
        special[list(tokenizer.reserved_ids)] = True
        return Tables(special, tokenizer.special_id(self.mask_token), ordinary_ids(tokenizer))

    def __call__(
        self, rows: pa.RecordBatch, seed: int, epoch: int, first_row: int, tables: Tables
    ) -> pa.RecordBatch:
        """The rows with masks in `input_ids`, and `labels`; raises RecipeError where they have no such column."""
        given = given_rows(rows, seed, epoch, first_row)
        entity = self._entity(rows)
        masked, random, _ = self.replace
        masking = Masking(
            self.rate, in_53rds(masked), in_53rds(masked + random), tables.mask, tables.ordinary
        )
        out, labels = given.ids.copy(), np.full(given.ids.shape, IGNORED, np.int32)
        spans = np.zeros((given.ids.shape[1], 2), np.int64)
        mask_entities(given, tables.special, entity, masking, spans, out, labels)
        return with_columns(with_ids(rows, out), self.columns, (labels,))

    def undo(self, rows: pa.RecordBatch, tables: Tables) -> pa.RecordBatch:
        """The rows with what was masked in its place, without `labels`."""
        return unmasked(rows, self.columns)

    def _entity(self, rows: pa.RecordBatch) -> npt.NDArray[np.int64]:
        kinds = {field.name: field.type for field in rows.schema if pa.types.is_fixed_size_list(field.type)}
        fit = [name for name, kind in kinds.items() if pa.types.is_integer(kind.value_type)]
        if self.column not in fit:
            raise RecipeError(
                f"entity_masks: column must be a column of whole numbers beside tokens, and rows have no such {self.column!r} "
                f"(they have {', '.join(fit)}): a token step gives such columns"
            )
        return matrix_of(rows, self.column).astype(np.int64)
