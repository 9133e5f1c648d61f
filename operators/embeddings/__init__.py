"""Rows of an embedding for another vocabulary: each a weighted sum of old rows, with where it comes from.

old and new vocabulary ──▶ RowMap ──▶ rows of each tensor, a block at a time
"""

from pairloom.operators.embeddings.floats import FLOATS, as_float32, as_stored
from pairloom.operators.embeddings.rows import ORIGINS, RowMap, padded, row_map
from pairloom.operators.embeddings.summing import blocks, mean_row, new_rows

__all__ = [
    "FLOATS",
    "ORIGINS",
    "RowMap",
    "as_float32",
    "as_stored",
    "blocks",
    "mean_row",
    "new_rows",
    "padded",
    "row_map",
]
