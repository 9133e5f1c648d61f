"""Texts without lines or paragraphs that are on a list."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pairloom.operators.documents._batch import DocumentBatch
from pairloom.operators.documents._listed import in_list
from pairloom.operators.documents._step import Entries
from pairloom.operators.documents._with_lists import StepWithLists
from pairloom.operators.documents.drop_repeated import SHOWN, DropRepeated
from pairloom.operators.errors import RecipeError
from pairloom.operators.selection.order import document_numbers

__all__ = ["Repeated"]

_BETWEEN = {"line": (r"\n", "\n"), "paragraph": (r"\n[ \t\r]*\n[ \t\r\n]*", "\n\n")}
_TEXT = pa.large_string()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Repeated(StepWithLists):
    """The step and the numbers of its pieces, ascending."""

    name = "repeated"

    step: DropRepeated
    numbers: npt.NDArray[np.int64]

    @staticmethod
    def of(step: DropRepeated, entries: Entries) -> "Repeated":
        """The step that knows its list; raises RecipeError for one without a piece, which would take out nothing."""
        names = pa.array([], _TEXT) if entries.names is None else entries.names.cast(_TEXT)
        names = names.filter(pc.not_equal(pc.utf8_trim_whitespace(names), ""))
        if not len(names):
            raise RecipeError(
                f"{step.name}: no line of {step.pieces} has anything in it, so that nothing would be taken out: name a list with "
                "pieces, or leave the step out"
            )
        return Repeated(step=step, numbers=np.unique(document_numbers(_compared(names))))

    def __call__(self, batch: DocumentBatch) -> DocumentBatch:
        """The documents without these pieces."""
        pattern, between = _BETWEEN[self.step.of]
        split = pc.split_pattern_regex(batch.content.cast(_TEXT), pattern)
        pieces = split.flatten()
        gone = in_list(_compared(pieces), self.numbers)
        if not gone.any():
            return batch
        counts = np.diff(split.offsets.to_numpy())
        owner = np.repeat(np.arange(len(batch)), counts)
        left = np.bincount(owner[~gone], minlength=len(batch))
        offsets = np.concatenate([[0], np.cumsum(left)])
        kept = pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), pieces.filter(pa.array(~gone)))
        touched = pa.array(left != counts)
        joined = pc.binary_join(kept, pa.scalar(between, _TEXT))
        blank = pc.equal(pc.utf8_trim_whitespace(joined), "")
        joined = pc.if_else(blank, pa.scalar("", _TEXT), joined)
        return batch.with_content(pc.if_else(touched, joined, batch.content.cast(_TEXT)))


def _compared(pieces: pa.LargeStringArray) -> Any:
    """What is compared of pieces: without white space around them, their first bytes up to a whole character."""
    trimmed = pc.utf8_trim_whitespace(pieces)
    long = pc.greater(pc.binary_length(trimmed), SHOWN).to_numpy(zero_copy_only=False)
    if not long.any():
        return trimmed
    texts = trimmed.filter(pa.array(long)).to_pylist()
    cut = pa.array([text.encode()[:SHOWN].decode("utf-8", "ignore") for text in texts], _TEXT)
    return pc.replace_with_mask(trimmed, pa.array(long), cut)
