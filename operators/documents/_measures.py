"""A number that a step has found of each document: a field, and the values of a column of that name, if one is asked for."""

from typing import Any

import pyarrow as pa

from pairloom.operators.documents._batch import DocumentBatch
from pairloom.operators.errors import RecipeError

__all__ = ["with_measure"]


def with_measure(batch: DocumentBatch, name: str, values: Any) -> DocumentBatch:
    """Documents with a number each (float64, null where there is none).

    Raises RecipeError where the recipe asks for a column of that name that is no float.

    >>> with_measure(DocumentBatch.of(["a"]), "score", pa.array([0.5])).fields["score"].to_pylist()
    [0.5]
    """
    made = batch.with_fields(**{name: values})
    if name not in batch.columns:
        return made
    kind = batch.columns[name].type
    if not pa.types.is_floating(kind):
        raise RecipeError(
            f"the column {name} gets what a step finds, numbers with fractions: make it float32, not {kind}"
        )
    return made.with_columns(**{name: values.cast(kind, safe=False)})
