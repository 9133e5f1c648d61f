"""Rows of an embedding for another vocabulary: each a weighted sum of old rows, with where it comes from.

old and new vocabulary ──▶ RowMap ──▶ Method ──▶ RowMap ──▶ rows of each tensor, a block at a time
"""

from pairloom.operators.embeddings.floats import FLOATS, as_float32, as_stored
from pairloom.operators.embeddings.method import NEEDS, Given, Method, unshared, weighed
from pairloom.operators.embeddings.methods import METHODS
from pairloom.operators.embeddings.numbers import numbers_cut
from pairloom.operators.embeddings.pursuit import Pursuit, pursue
from pairloom.operators.embeddings.rows import ORIGINS, RowMap, ordinary_ids, padded, row_map
from pairloom.operators.embeddings.settings import method_of, settings_of
from pairloom.operators.embeddings.summing import blocks, mean_row, new_rows
from pairloom.operators.embeddings.vectors import Vectors

__all__ = [
    "FLOATS",
    "METHODS",
    "NEEDS",
    "ORIGINS",
    "Given",
    "Method",
    "Pursuit",
    "RowMap",
    "Vectors",
    "as_float32",
    "as_stored",
    "blocks",
    "mean_row",
    "method_of",
    "new_rows",
    "numbers_cut",
    "ordinary_ids",
    "padded",
    "pursue",
    "row_map",
    "settings_of",
    "unshared",
    "weighed",
]
