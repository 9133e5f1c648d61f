"""Vectors of tokens as they are stored, read a part at a time, and which of them are near to each other."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pairloom.operators.embeddings.floats import as_float32

__all__ = ["TILE_BYTES", "Vectors", "cosines", "nearest", "softmax", "sparsemax", "unit"]

TILE_BYTES = 32 << 20  # of vectors, as float32, that are read at a time


@dataclass(frozen=True, slots=True, eq=False)
class Vectors:
    """A row for each token, [tokens, width], of numbers of a `kind` as they are stored (`FLOATS`)."""

    values: npt.NDArray[Any]
    kind: str

    def __len__(self) -> int:
        return len(self.values)

    @property
    def width(self) -> int:
        """The numbers of a row."""
        return int(self.values.shape[1])

    def take(self, ids: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
        """Some rows, to calculate with.

        >>> Vectors(np.array([[1.0], [2.0]], np.float16), "F16").take(np.array([1])).tolist()
        [[2.0]]
        """
        return as_float32(self.values[ids], self.kind)

    def tiles(self, ids: npt.NDArray[np.int64], beside: int = 0) -> Iterator[tuple[int, npt.NDArray[Any]]]:
        """The rows `ids`, each time with the place of the first.

        So many at a time that they, and `beside` numbers more for each, make no more than `TILE_BYTES`.
        """
        step = max(1, TILE_BYTES // (4 * max(1, self.width + beside)))
        for start in range(0, len(ids), step):
            yield start, self.take(ids[start : start + step])


def unit(rows: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Rows of length 1; one that is all zeros, or has what is no number, becomes zeros.

    >>> unit(np.array([[3.0, 4.0], [0.0, 0.0]])).round(2).tolist()
    [[0.6000000238418579, 0.800000011920929], [0.0, 0.0]]
    """
    with np.errstate(all="ignore"):
        lengths = np.sqrt(np.einsum("ij,ij->i", rows, rows, dtype=np.float64))
        made = (rows / lengths[:, None].astype(rows.dtype)).astype(np.float32)
    made[~np.isfinite(made).all(axis=1)] = 0
    return made


def cosines(
    left: npt.NDArray[np.float32], right: Vectors, ids: npt.NDArray[np.int64]
) -> Iterator[tuple[int, npt.NDArray[np.float32]]]:
    """The cosines of rows of length 1 and of some vectors, a tile at a time; -inf to a vector that is all zeros."""
    for start, tile in right.tiles(ids, len(left)):
        ones = unit(tile)
        found = left @ ones.T
        found[:, ~ones.any(axis=1)] = -np.inf
        yield start, found


def nearest(
    left: npt.NDArray[np.float32], right: Vectors, ids: npt.NDArray[np.int64], k: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """The `k` of `ids` that are nearest to each row of length 1, nearest first, and their cosines; -1 and -inf where there is none.

    Of those that are as near, the first.

    >>> right = Vectors(np.array([[1, 0], [1, 1], [0, 0]], np.float32), "F32")
    >>> found, cosine = nearest(unit(np.array([[2.0, 0.0]])), right, np.arange(3), 3)
    >>> found.tolist(), cosine.round(3).tolist()
    ([[0, 1, -1]], [[1.0, 0.7070000171661377, -inf]])
    """
    ids_of = np.full((len(left), k), -1, np.int64)
    best = np.full((len(left), k), -np.inf, np.float32)
    for start, found in cosines(left, right, ids):
        places = _largest(found, min(k, found.shape[1]))
        sims = np.concatenate([best, np.take_along_axis(found, places, 1)], axis=1)
        which = np.concatenate([ids_of, ids[start + places]], axis=1)
        order = np.lexsort((which, -sims), axis=1)[:, :k]
        best, ids_of = np.take_along_axis(sims, order, 1), np.take_along_axis(which, order, 1)
    ids_of[np.isneginf(best)] = -1
    return ids_of, best


def _largest(values: npt.NDArray[np.float32], k: int) -> npt.NDArray[np.int64]:
    """The places of the `k` largest of each row, in no order; of equal ones the first."""
    places = np.argpartition(values, values.shape[1] - k, axis=1)[:, values.shape[1] - k :]
    least = np.take_along_axis(values, places, 1).min(axis=1, keepdims=True)
    # Partitioning takes any of equal ones, which ones depends on the machine.
    unsure = np.flatnonzero((values >= least).sum(axis=1) > k)
    some, edge = values[unsure], least[unsure]
    equal, more = some == edge, some > edge
    spare = k - more.sum(axis=1, keepdims=True)
    chosen = more | (equal & (np.cumsum(equal, axis=1) <= spare))
    places[unsure] = np.nonzero(chosen)[1].reshape(len(unsure), k)
    return places


def softmax(values: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Weights of each row that add up to 1; -inf has none, and a row of nothing else has none at all.

    >>> softmax(np.array([[0.0, 0.0, -np.inf], [-np.inf, -np.inf, -np.inf]])).tolist()
    [[0.5, 0.5, 0.0], [0.0, 0.0, 0.0]]
    """
    values = values.astype(np.float64)
    top = values.max(axis=1, keepdims=True, initial=-np.inf)
    powers = np.exp(values - np.where(np.isneginf(top), 0.0, top))
    sums = powers.sum(axis=1, keepdims=True)
    return np.asarray(powers / np.where(sums > 0, sums, 1.0), np.float64)


def sparsemax(values: npt.NDArray[Any]) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.float64]]:
    """The point of the simplex nearest to each row (Martins and Astudillo, 2016): weights that add up to 1, most of them 0.

    Returns which are more than 0, and these, row after row. A row of -inf alone has none.

    >>> some, weights = sparsemax(np.array([[1.0, 0.5, -1.0]]))
    >>> some.tolist(), weights.tolist()
    ([[True, True, False]], [0.75, 0.25])
    """
    if not values.shape[1]:
        return np.zeros(values.shape, np.bool_), np.zeros(0)
    most, size = min(256, values.shape[1]), values.shape[1]
    while True:
        top = np.partition(values, size - most, axis=1)[:, size - most :].astype(np.float64)
        top = -np.sort(-top, axis=1)
        with np.errstate(invalid="ignore"):
            sums = np.cumsum(top, axis=1)
            support = (1 + np.arange(1, most + 1) * top > sums).sum(axis=1)
        if most == size or (support < most).all():
            break
        most = min(4 * most, size)
    last = np.maximum(support - 1, 0)[:, None]
    thresholds = (np.take_along_axis(sums, last, 1) - 1) / (last + 1)
    thresholds[support == 0] = np.inf
    some = np.asarray(values > thresholds, np.bool_)
    rows, _ = np.nonzero(some)
    return some, values[some].astype(np.float64) - thresholds[rows, 0]
