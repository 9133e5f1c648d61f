"""A method for rows of embeddings as a stranger would bring it: the first piece of a token."""

from dataclasses import dataclass

import numpy as np

from pairloom.operators.embeddings import Method, unshared, weighed


@dataclass(frozen=True, slots=True, kw_only=True)
class First(Method):
    """The row of a token's first piece, times `scale`."""

    name = "first"
    scale: float = 1.0

    def rows(self, given):
        which = unshared(given.rows)
        ids = given.rows.ids[given.rows.offsets[which]]
        return weighed(given.rows, which, np.arange(len(which) + 1), ids, np.full(len(ids), self.scale))
