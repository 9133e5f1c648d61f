"""WECHSEL: a token is the mixture of the old tokens that mean the same, though they are of another language."""

from dataclasses import dataclass

import numpy as np

from pairloom.operators.embeddings.method import Given, Method, unshared, weighed
from pairloom.operators.embeddings.rows import RowMap, ordinary_ids
from pairloom.operators.embeddings.vectors import nearest, softmax, unit
from pairloom.operators.errors import RecipeError

__all__ = ["Wechsel"]

_TOGETHER = 1024  # tokens whose neighbours are sought at a time


@dataclass(frozen=True, slots=True, kw_only=True)
class Wechsel(Method):
    """The `neighbours` nearest old tokens, weighted by softmax(cosine / temperature).

    Given vectors of the old and of the new tokens in one space, as vectors of words of two languages are once they are aligned. A
    token whose vector is all zeros begins as the mean of its pieces.
    """

    name = "wechsel"
    needs = ("old_vectors", "new_vectors")
    source = "Minixhofer et al., 2022, arXiv:2112.06598"

    neighbours: int = 10
    temperature: float = 0.1

    def __post_init__(self) -> None:
        if self.neighbours < 1 or not self.temperature > 0:
            raise RecipeError(
                f"the method wechsel: neighbours is {self.neighbours} and temperature {self.temperature}: at least 1, and more "
                "than 0, are needed"
            )

    def rows(self, given: Given) -> RowMap:
        """Old tokens that text may have, whatever the new vocabulary calls them."""
        assert given.old_vectors is not None
        assert given.new_vectors is not None
        which, ordinary = unshared(given.rows), ordinary_ids(given.old)
        if not len(which):
            return given.rows
        ids, weights, lengths = [], [], []
        for start in range(0, len(which), _TOGETHER):
            of = unit(given.new_vectors.take(which[start : start + _TOGETHER]))
            near, cosine = nearest(of, given.old_vectors, ordinary, self.neighbours)
            near[~of.any(axis=1)] = -1
            found = near >= 0
            ids.append(near[found])
            weights.append(softmax(cosine / self.temperature)[found].astype(np.float32))
            lengths.append(found.sum(axis=1))
        offsets = np.concatenate([[0], np.cumsum(np.concatenate(lengths))])
        return weighed(given.rows, which, offsets, np.concatenate(ids), np.concatenate(weights))
