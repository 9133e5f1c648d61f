"""The mean of a token's pieces, in which each counts as often as it occurs in text."""

from dataclasses import dataclass

import numpy as np

from pairloom.operators.embeddings.method import Given, Method, unshared, weighed
from pairloom.operators.embeddings.rows import RowMap

__all__ = ["Frequency"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Frequency(Method):
    """The mean of the rows of a token's pieces, each weighted by how often it occurs in text.

    Of pieces that never occur, the plain mean.
    """

    name = "frequency"
    needs = ("counts",)
    source = "K-Tokeniser (Hasan et al., 2024)"

    def rows(self, given: Given) -> RowMap:
        """Weights are counts over their sum."""
        rows, counts = given.rows, given.counts
        assert counts is not None
        which = unshared(rows)
        lengths = np.diff(rows.offsets)[which]
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        places = np.repeat(rows.offsets[which] - offsets[:-1], lengths) + np.arange(offsets[-1])
        ids = rows.ids[places]
        held = counts[ids].astype(np.float64)
        sums = np.repeat(np.add.reduceat(held, offsets[:-1]) if len(which) else held, lengths)
        weights = np.where(sums > 0, held / np.where(sums > 0, sums, 1), rows.weights[places])
        return weighed(rows, which, offsets, ids, weights.astype(np.float32))
