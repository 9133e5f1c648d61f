"""Looking documents up in a list, by their id or by a field."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pairloom.operators.documents._batch import DocumentBatch
from pairloom.operators.documents._with_lists import StepWithLists
from pairloom.operators.errors import RecipeError
from pairloom.operators.selection.order import document_numbers

__all__ = ["Listed", "in_list"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Listed(StepWithLists):
    """A step and the entries of its list, as numbers: those documents go that are on it, or those that are not."""

    name = "listed"

    field: str | None
    numbers: npt.NDArray[np.int64]
    keep: bool

    def __call__(self, batch: DocumentBatch) -> DocumentBatch:
        """The documents that are left."""
        there = in_list(self._values(batch), self.numbers)
        return batch.drop(~there if self.keep else there, "not listed" if self.keep else "listed")

    def _values(self, batch: DocumentBatch) -> Any:
        if self.field is not None:
            return batch.fields[self.field]
        if batch.id is None:
            raise RecipeError(
                f"{batch.uri}: the step {self.label} looks documents up by their ids, and plain text has none; name files by the "
                "source's exclude instead"
            )
        return batch.id


def in_list(values: pa.Array, numbers: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Which values are on a list, given as ascending numbers; null is not.

    >>> in_list(pa.array(["a", None, "b"]), np.sort(document_numbers(pa.array(["b", "c"])))).tolist()
    [False, False, True]
    """
    wanted = document_numbers(values.cast(pa.large_string()))
    place = np.searchsorted(numbers, wanted)
    there = place < len(numbers)
    there[there] = numbers[place[there]] == wanted[there]
    return there & pc.is_valid(values).to_numpy(zero_copy_only=False)
