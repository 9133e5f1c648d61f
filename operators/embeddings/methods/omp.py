"""Orthogonal matching pursuit: a token is the sum of few tokens of both vocabularies that it is in a model of the new one."""

from dataclasses import dataclass

import numpy as np

from pairloom.operators.embeddings.method import Given, Method, unshared, weighed
from pairloom.operators.embeddings.pursuit import pursue
from pairloom.operators.embeddings.rows import ORIGINS, RowMap
from pairloom.operators.errors import RecipeError

__all__ = ["OMP"]


@dataclass(frozen=True, slots=True, kw_only=True)
class OMP(Method):
    """The row that a model of the new vocabulary has, as the sum of at most `k` rows of tokens of both; the old rows of these.

    Given that model's rows. A token whose row is all zeros there begins as the mean of its pieces.
    """

    name = "omp"
    needs = ("donor",)
    source = "Goddard and Fernandes Neto, 2025, arXiv:2506.06607"

    k: int = 64

    def __post_init__(self) -> None:
        if self.k < 1:
            raise RecipeError(f"the method omp: k is {self.k}: at least 1 is needed")

    def rows(self, given: Given) -> RowMap:
        """The coefficients stay float64: they may be large, and of both signs."""
        assert given.donor is not None
        rows = given.rows
        which = unshared(rows)
        shared = np.flatnonzero(rows.origin == ORIGINS.index("same"))
        if not len(which) or not len(shared):
            return rows
        found = pursue(given.donor, which, shared, self.k)
        some = found.anchors >= 0
        ids = rows.ids[rows.offsets[shared]][found.anchors[some]]
        offsets = np.concatenate([[0], np.cumsum(some.sum(axis=1))])
        return weighed(rows, which, offsets, ids, found.coefficients[some])
