"""What a method is: how the rows of new tokens are made of old ones, and what it has to go by.

A method is a class in a file of its own below `methods`, or one that an entry point of the group `pairloom.embeddings` names. It
gives a `RowMap`: each row a weighted sum of old rows, so that the same map makes the rows of every tensor, and says where each
row comes from.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from pairloom.operators.embeddings.rows import ORIGINS, RowMap
from pairloom.operators.embeddings.vectors import Vectors
from pairloom.operators.vocabulary import Vocabulary

__all__ = ["NEEDS", "Given", "Method", "unshared", "weighed"]

NEEDS = ("counts", "old_vectors", "new_vectors", "donor")
"""What a method may need beside the two vocabularies."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Given:
    """What a method may go by.

    `rows` is what is settled already, as `row_map` made it: tokens that both have, roles, the pieces of all others. `counts`
    (int64[old tokens]) is how often each old token occurs in text; `old_vectors` and `new_vectors` are vectors of the same space
    for the tokens of each vocabulary; `donor` are the rows that a model of the new vocabulary has for its tokens.
    """

    old: Vocabulary
    new: Vocabulary
    rows: RowMap
    counts: npt.NDArray[np.int64] | None = None
    old_vectors: Vectors | None = None
    new_vectors: Vectors | None = None
    donor: Vectors | None = None


class Method(ABC):
    """A way to make rows. What it can be told are the fields of its dataclass."""

    name: ClassVar[str]
    needs: ClassVar[tuple[str, ...]] = ()
    source: ClassVar[str] = ""

    @abstractmethod
    def rows(self, given: Given) -> RowMap:
        """The map with other rows for tokens that only the new vocabulary has; those that both have stay as they are."""


def unshared(rows: RowMap) -> npt.NDArray[np.int64]:
    """The tokens whose rows a method may make: those that begin from pieces."""
    return np.flatnonzero(rows.origin == ORIGINS.index("pieces"))


def weighed(
    rows: RowMap,
    which: npt.NDArray[np.int64],
    offsets: npt.NDArray[np.int64],
    ids: npt.NDArray[np.int64],
    weights: npt.NDArray[np.floating[Any]],
) -> RowMap:
    """The map in which row `which[i]` has the old rows and weights from `offsets[i]` to `offsets[i + 1]`, where there are any.

    >>> one = RowMap(old_tokens=3, origin=np.array([0, 2], np.uint8), offsets=np.array([0, 1, 3]),
    ...              ids=np.array([2, 0, 1]), weights=np.array([1, 0.5, 0.5], np.float32))
    >>> made = weighed(one, np.array([1]), np.array([0, 1]), np.array([1]), np.array([2.0]))
    >>> made.ids.tolist(), made.weights.tolist(), made.counts["method"]
    ([2, 1], [1.0, 2.0], 1)
    """
    some = np.diff(offsets) > 0
    lengths = np.diff(rows.offsets)
    starts = rows.offsets[:-1].copy()
    at = np.zeros(len(rows), np.bool_)  # which rows are read from the new lists
    lengths[which[some]], starts[which[some]] = np.diff(offsets)[some], offsets[:-1][some]
    at[which[some]] = True
    ends = np.concatenate([[0], np.cumsum(lengths)])
    places = np.repeat(starts - ends[:-1], lengths) + np.arange(ends[-1])
    new = np.repeat(at, lengths)
    kind = np.result_type(rows.weights, weights)
    found, sums = np.empty(ends[-1], np.int64), np.empty(ends[-1], kind)
    found[~new], sums[~new] = rows.ids[places[~new]], rows.weights[places[~new]]
    found[new], sums[new] = ids[places[new]], weights[places[new]]
    origin = rows.origin.copy()
    origin[at] = ORIGINS.index("method")
    return replace(rows, origin=origin, offsets=ends, ids=found, weights=sums)
