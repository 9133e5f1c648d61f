"""The step that takes spans from a field of the record: which characters of the text are to be predicted, or how much."""

import json
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pairloom.operators.documents import (
    LOSS_MASK,
    LOSS_WEIGHT,
    DocumentBatch,
    DocumentStep,
    Spanned,
    spans_of,
)
from pairloom.operators.documents._spans import Rule
from pairloom.operators.schema import Column

__all__ = ["Spans", "mask_column", "weight_column"]

INVALID = "spans_invalid"


@dataclass(frozen=True, slots=True, kw_only=True)
class Spans(DocumentStep):
    """Takes from a field the spans of the text that have a value: a list of `{start, end, value}`, or of `[start, end, value]`.

    They are counted in characters (code points), `end` is the one behind the last, and a span without a value has 1. They
    become the column `loss_mask` (0 or 1; labels are ignored where it is 0) or `loss_weight`. Characters in no span are
    `outside`, 0 for a mask and 1 for a weight unless it is said. A token whose bytes have several values has the least of
    them, the greatest, or that of most of its bytes (`rule`: all, any, majority). A record whose spans are none, overlap, or lie
    outside of its text is rejected, and so is one of whose tokens none is trained, unless `keep_untrained`.
    """

    name = "spans"

    field: str = "spans"
    column: Literal["loss_mask", "loss_weight"] = "loss_mask"
    outside: float | None = None
    rule: Rule = "all"
    dtype: Literal["float16", "float32"] = "float32"
    keep_untrained: bool = False

    def __post_init__(self) -> None:
        if self.column == LOSS_MASK and self.outside not in (None, 0, 1):
            raise ValueError(f"outside must be 0 or 1 of a mask, not {self.outside:g}")

    @property
    def needs(self) -> tuple[str, ...]:
        """The field."""
        return (self.field,)

    @property
    def spanned(self) -> tuple[Spanned, ...]:
        """The column."""
        if self.column == LOSS_MASK:
            outside = float(self.outside or 0)
            return (
                Spanned(
                    column=mask_column(), outside=outside, rule=self.rule, needed=not self.keep_untrained
                ),
            )
        outside = 1.0 if self.outside is None else self.outside
        return (Spanned(column=weight_column(self.dtype), outside=outside, rule=self.rule),)

    def __call__(self, batch: DocumentBatch) -> DocumentBatch:
        """The documents with their spans."""
        given, lengths = batch.fields[self.field].to_pylist(), pc.utf8_length(batch.content).to_numpy()
        read = [self._read(value, int(length)) for value, length in zip(given, lengths, strict=True)]
        wrong = np.array([isinstance(one, str) for one in read], np.bool_)
        found: list[list[tuple[int, int, float]]] = [[] if isinstance(one, str) else one for one in read]
        out = batch.with_spans(**{self.column: spans_of(found)})
        return out.reject(pa.array(wrong), INVALID, [one for one in read if isinstance(one, str)])

    def _read(self, value: Any, length: int) -> "list[tuple[int, int, float]] | str":
        """The spans of a record, or what is wrong with them."""
        if isinstance(value, str):
            try:
                value = json.loads(value)
            except ValueError as error:
                return f"field {self.field!r} is no JSON: {error}"
        if not isinstance(value, list):
            return f"field {self.field!r} is no list of spans" + (" (it is null)" if value is None else "")
        found = []
        for number, one in enumerate(value):
            span = _span(one)
            if span is None:
                return f"span {number} of field {self.field!r} is no {{start, end, value}} of numbers: {str(one)[:60]}"
            start, end, said = span
            if not 0 <= start <= end <= length:
                return f"span {number} is from character {start} to {end} of a text of {length}"
            if self.column == LOSS_MASK and said not in (0, 1):
                return f"span {number} has the value {said:g}, and a mask has 0 or 1 (column: loss_weight has any)"
            if not self._fits(said):
                return f"span {number} has the value {said:g}, which is no weight that {self.dtype} holds"
            found.append((start, end, float(said)))
        found.sort()
        for (_, end, _), (start, _, _) in zip(found, found[1:], strict=False):
            if start < end:
                return f"two spans of field {self.field!r} overlap at character {start}"
        return found

    def _fits(self, weight: float) -> bool:
        """Whether a weight is one, and stays one: a small one does not become 0."""
        if not 0 <= weight <= float(np.finfo(self.dtype).max):
            return False
        return weight == 0 or bool(np.dtype(self.dtype).type(weight) > 0)


def mask_column() -> Column:
    """Which tokens are to be predicted."""
    return Column(
        name=LOSS_MASK, dtype=np.dtype(np.uint8), doc="1 where a token is to be predicted, 0 elsewhere"
    )


def weight_column(dtype: str = "float32") -> Column:
    """How much the loss at each token counts."""
    return Column(name=LOSS_WEIGHT, dtype=np.dtype(dtype), doc="how much the loss at a token counts")


def _span(one: Any) -> tuple[int, int, float] | None:
    if isinstance(one, dict):
        one = [one.get("start"), one.get("end"), one.get("value", 1)]
    if not isinstance(one, list) or not 2 <= len(one) <= 3:
        return None
    start, end, value = (*one, 1)[:3]
    value = 1 if value is None else value
    numbers = all(isinstance(one, int | float) and not isinstance(one, bool) for one in (start, end, value))
    if not numbers or start % 1 or end % 1:
        return None
    return int(start), int(end), float(value)
