"""FOCUS: a token is the sparse mixture of those tokens of both vocabularies that are like it."""

from dataclasses import dataclass

import numpy as np

from pairloom.operators.embeddings.method import Given, Method, unshared, weighed
from pairloom.operators.embeddings.rows import ORIGINS, RowMap, ordinary_ids
from pairloom.operators.embeddings.vectors import TILE_BYTES, cosines, sparsemax, unit

__all__ = ["Focus"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Focus(Method):
    """Tokens that both vocabularies have, weighted by the sparsemax of their cosines to the new token.

    Given vectors of the new tokens, those that both have included, such as fastText learns from text in these tokens. A token whose
    vector is all zeros begins as the mean of its pieces.
    """

    name = "focus"
    needs = ("new_vectors",)
    source = "Dobler and de Melo, 2023, arXiv:2305.14481"

    def rows(self, given: Given) -> RowMap:
        """So many tokens at a time as there is room for their cosines to all others."""
        assert given.new_vectors is not None
        rows = given.rows
        which = unshared(rows)
        shared = np.flatnonzero(rows.origin == ORIGINS.index("same"))
        old_ids = rows.ids[rows.offsets[shared]]
        ordinary = np.isin(old_ids, ordinary_ids(given.old))
        shared, old_ids = shared[ordinary], old_ids[ordinary]
        if not len(which) or not len(shared):
            return rows
        ids, weights, lengths = [], [], []
        step = max(1, 2 * TILE_BYTES // (4 * len(shared)))
        for start in range(0, len(which), step):
            of = unit(given.new_vectors.take(which[start : start + step]))
            found = np.concatenate([tile for _, tile in cosines(of, given.new_vectors, shared)], axis=1)
            found[~of.any(axis=1)] = -np.inf
            chosen, made = sparsemax(found)
            ids.append(np.broadcast_to(old_ids, chosen.shape)[chosen])
            weights.append(made.astype(np.float32))
            lengths.append(chosen.sum(axis=1))
        offsets = np.concatenate([[0], np.cumsum(np.concatenate(lengths))])
        return weighed(rows, which, offsets, np.concatenate(ids), np.concatenate(weights))
