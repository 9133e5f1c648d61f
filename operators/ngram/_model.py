"""Probabilities from exact counts: interpolated Kneser-Ney, and stupid backoff.

    P(w | h) = max(c(hw) - D, 0) / c(h.) + D t(h.) / c(h.) P(w | h')      h' is h without its first token, t counts different w

c is the count for the highest order, and for those below how many different tokens stand before. D = n1 / (n1 + 2 n2) of each
order, n1 and n2 being the n-grams whose c is 1 and 2; it is 1/2 where there are none of either. Below the first order stands 1 / V.
This is Kneser and Ney (1995) in the interpolated form of Chen and Goodman (1998). Stupid backoff (Brants et al., 2007) is
c(hw) / c(h) where hw occurs, else 0.4 times that of h'; its scores are no probabilities. Nothing is invented before a document: its
first tokens are told by the shorter history that there is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators.errors import DataError
from pairloom.operators.ngram._tables import Level, levels_of
from pairloom.operators.ngram.kernels import find_children, score_backoff, score_kneser_ney

__all__ = ["KINDS", "NgramModel"]

KINDS = ("kneser_ney", "stupid_backoff")
"""How counts become probabilities."""

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NgramModel:
    """A model over ids below `size`. Its arrays have the n-grams of all lengths, one length after another, from `edges[n - 1]` on.

    `children` (int64[nodes + 1, of all but the highest length, the empty one first]) says where those begin that go on from each.
    `value` is c of each n-gram, `total` and `types` are c(h.) and t(h.) of each history, the empty one first.

    >>> from pairloom.operators.ngram import counted
    >>> model = NgramModel.of(counted([[0, 1, 0, 2]], order=2), size=3)
    >>> round(float(model.distribution([0]).sum()), 12)
    1.0
    """

    size: int
    order: int
    edges: Ints
    token: npt.NDArray[np.uint32]
    count: Ints
    value: Ints
    children: Ints
    total: Ints
    types: Ints
    discount: Floats

    @staticmethod
    def of_table(table: pa.Table, size: int) -> "NgramModel":
        """The model of a table for a vocabulary of `size` ids; raises DataError for one that is damaged or of more ids."""
        return NgramModel.of(levels_of(table), size)

    @staticmethod
    def of(levels: Sequence[Level], size: int) -> "NgramModel":
        """The model of levels."""
        if int(levels[0].token[-1]) >= size:
            raise DataError(
                f"it has the id {levels[0].token[-1]}, and the vocabulary has {size:,}: it is of another vocabulary"
            )
        order = len(levels)
        values = [level.times if n == order else level.left for n, level in enumerate(levels, 1)]
        sizes = np.array([1, *(len(level.token) for level in levels)], np.int64)
        edges = np.concatenate([[0], np.cumsum(sizes[1:])])
        children, total, types = [np.zeros(1, np.int64)], [], []
        for n, level in enumerate(levels):
            many = int(sizes[n])
            begins = np.cumsum(np.bincount(level.parent, minlength=many))
            children.append(edges[n] + begins)
            weights = _sums(level.parent, values[n], many)
            total.append(weights)
            types.append(np.bincount(level.parent[values[n] > 0], minlength=many))
        return NgramModel(
            size=size,
            order=order,
            edges=edges,
            token=np.concatenate([level.token for level in levels]),
            count=np.concatenate([level.times for level in levels]),
            value=np.concatenate(values),
            children=np.concatenate(children),
            total=np.concatenate(total),
            types=np.concatenate(types).astype(np.int64),
            discount=np.array([_discount(one) for one in values]),
        )

    @property
    def tokens(self) -> int:
        """The tokens of the corpus that it was counted from."""
        return int(self.count[: self.edges[1]].sum())

    def scores(self, ids: npt.NDArray[Any], offsets: Ints, kind: str = "kneser_ney") -> Floats:
        """The sum of the logarithms of the probabilities of the tokens of each document, float64[documents].

        Document `i` is `ids[offsets[i]:offsets[i + 1]]`. Raises DataError for an id that the vocabulary has not.
        """
        ids = np.ascontiguousarray(ids, np.int64)
        if len(ids) and not 0 <= int(ids.min()) <= int(ids.max()) < self.size:
            raise DataError(f"an id is {ids.max()}, and the vocabulary has {self.size:,}")
        out, offsets = np.zeros(len(offsets) - 1), np.ascontiguousarray(offsets, np.int64)
        arrays = (ids, offsets, self.token, self.children)
        if kind == "kneser_ney":
            score_kneser_ney(*arrays, self.value, self.total, self.types, self.discount, self.size, out)
        else:
            score_backoff(*arrays, self.count, self.tokens, self.order, self.size, out)
        return out

    def distribution(self, history: Sequence[int]) -> Floats:
        """The probability of each id after a history by Kneser-Ney, float64[size]; only the last `order - 1` of it count.

        It adds up to 1 but for rounding.
        """
        out = np.full(self.size, 1 / self.size)
        nodes = self._nodes(list(history)[-(self.order - 1) :] if self.order > 1 else [])
        for n, node in enumerate(nodes):
            total, cut = int(self.total[node]), float(self.discount[n])
            if not total:
                continue
            out *= cut * int(self.types[node]) / total
            part = slice(int(self.children[node]), int(self.children[node + 1]))
            out[self.token[part]] += np.maximum(self.value[part] - cut, 0) / total
        return out

    def _nodes(self, history: Sequence[int]) -> list[int]:
        """The histories that occur, from the empty one to the longest, as places among all histories."""
        found = [0]
        for begin in reversed(range(len(history))):
            node = 0
            for token in history[begin:]:
                child = int(find_children(np.array([node]), np.array([token]), self.token, self.children)[0])
                if child < 0:
                    return found
                node = child + 1
            found.append(node)
        return found


def _sums(parent: Ints, values: Ints, size: int) -> Ints:
    """The exact sum of the values of each parent, which ascend."""
    running = np.concatenate([[0], np.cumsum(values)])
    edges = np.concatenate([[0], np.cumsum(np.bincount(parent, minlength=size))])
    found: Ints = running[edges[1:]] - running[edges[:-1]]
    return found


def _discount(values: Ints) -> float:
    one, two = (int(np.count_nonzero(values == k)) for k in (1, 2))
    return one / (one + 2 * two) if one and two else 0.5
