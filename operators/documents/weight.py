"""The step that takes a number from a record: how much the loss at all of its tokens counts."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pairloom.operators.documents import LOSS_WEIGHT, DocumentBatch, DocumentStep, Spanned, spans_of
from pairloom.operators.documents.spans import weight_column

__all__ = ["Weight"]

INVALID = "weight_invalid"


@dataclass(frozen=True, slots=True, kw_only=True)
class Weight(DocumentStep):
    """Takes from a field how much a document counts: the column `loss_weight` of all of its tokens.

    A record whose weight is no number, negative or not finite is rejected. Sources without weights count 1.
    """

    name = "weight"

    field: str = "weight"
    dtype: Literal["float16", "float32"] = "float32"

    @property
    def needs(self) -> tuple[str, ...]:
        """The field."""
        return (self.field,)

    @property
    def spanned(self) -> tuple[Spanned, ...]:
        """The column."""
        return (Spanned(column=weight_column(self.dtype), outside=0.0),)

    def __call__(self, batch: DocumentBatch) -> DocumentBatch:
        """The documents, each with one span over all of it."""
        values = [_number(value) for value in batch.fields[self.field].to_pylist()]
        most = float(np.finfo(self.dtype).max)
        wrong = np.array([value is None or not 0 <= value <= most for value in values], np.bool_)
        lengths = pc.utf8_length(batch.content).to_pylist()
        spans = [
            [(0, length, value)] if value is not None and not bad and length else []
            for length, value, bad in zip(lengths, values, wrong, strict=True)
        ]
        said = [
            f"field {self.field!r} is {str(value)[:40]!r}, and a weight is a number from 0 on"
            for value, bad in zip(batch.fields[self.field].to_pylist(), wrong, strict=True)
            if bad
        ]
        return batch.with_spans(**{LOSS_WEIGHT: spans_of(spans)}).reject(pa.array(wrong), INVALID, said)


def _number(value: Any) -> float | None:
    """A number, or a text that is one."""
    try:
        return None if isinstance(value, bool) or value is None else float(value)
    except (TypeError, ValueError):
        return None
