"""Rows as sums of few other rows: orthogonal matching pursuit, for many rows at a time.

Each row is approximated step by step. In a step the anchor is added whose product with what is still missing is the largest, then
what is missing is made orthogonal to all anchors so far (Pati, Rezaiifar and Krishnaprasad, 1993). The anchors' orthonormal basis
is kept, and each anchor made orthogonal to it twice, so that the rest never grows, however nearly anchors depend on each other.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pairloom.operators.embeddings.vectors import Vectors

__all__ = ["Pursuit", "pursue"]

BASIS_BYTES = 128 << 20  # of the bases of the rows that are approximated at a time
_ENOUGH = 1e-9  # of a row's length: what is still missing then is what float64 leaves
_DEPENDENT = 1e-7  # of an anchor's length: what is new in it is what float32 leaves


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pursuit:
    """`anchors` (int64[n, k]): the place of each anchor in the order in which they were chosen, -1 behind the last one.

    `coefficients` (float64[n, k]) belong to them, `rests` (float64[n, k + 1]) are the lengths of what is still missing before
    the first step and after each.
    """

    anchors: npt.NDArray[np.int64]
    coefficients: npt.NDArray[np.float64]
    rests: npt.NDArray[np.float64]


def pursue(
    vectors: Vectors, targets: npt.NDArray[np.int64], anchors: npt.NDArray[np.int64], k: int
) -> Pursuit:
    """Approximate the rows `targets` by at most `k` of the rows `anchors`, which are the places that come back.

    Anchors that are all zeros, or have what is no number, are not used. Takes k · anchors · width multiplications for each row.

    >>> rows = Vectors(np.array([[1, 0], [0, 1], [3, -2]], np.float32), "F32")
    >>> found = pursue(rows, np.array([2]), np.array([0, 1]), 2)
    >>> found.anchors.tolist(), found.coefficients.round(6).tolist(), found.rests.round(3).tolist()
    ([[0, 1]], [[3.0, -2.0]], [[3.606, 2.0, 0.0]])
    """
    usable = np.flatnonzero(
        np.concatenate(
            [
                np.zeros(0, np.bool_),
                *(np.isfinite(tile).all(axis=1) & tile.any(axis=1) for _, tile in vectors.tiles(anchors)),
            ]
        )
    )
    anchors = anchors[usable]
    k = max(0, min(k, vectors.width, len(anchors)))
    step = max(1, BASIS_BYTES // (8 * max(1, k * vectors.width)))
    parts = [
        _together(vectors, targets[start : start + step], anchors, k)
        for start in range(0, max(1, len(targets)), step)
    ]
    chosen = np.concatenate([part.anchors for part in parts])
    return Pursuit(
        anchors=np.where(chosen >= 0, usable[chosen], -1) if k else chosen,
        coefficients=np.concatenate([part.coefficients for part in parts]),
        rests=np.concatenate([part.rests for part in parts]),
    )


def _together(
    vectors: Vectors, targets: npt.NDArray[np.int64], anchors: npt.NDArray[np.int64], k: int
) -> Pursuit:
    rest = vectors.take(targets).astype(np.float64)
    rest[~np.isfinite(rest).all(axis=1)] = 0
    n, width = rest.shape
    basis = np.zeros((n, k, width))
    upper = np.broadcast_to(np.eye(k), (n, k, k)).copy()  # anchor j is the sum of upper[i, j] times basis i
    along = np.zeros((n, k))
    chosen = np.full((n, k), -1, np.int64)
    rests = np.empty((n, k + 1))
    rests[:, 0] = np.linalg.norm(rest, axis=1)
    going = rests[:, 0] > 0
    for j in range(k):
        best = _best(rest, vectors, anchors, chosen[:, :j])
        picked = vectors.take(anchors[best]).astype(np.float64)
        before, fresh = _orthogonal(picked, basis[:, :j])
        length = np.linalg.norm(fresh, axis=1)
        going &= length > _DEPENDENT * np.linalg.norm(picked, axis=1)
        going &= rests[:, j] > _ENOUGH * rests[:, 0]
        basis[going, j] = fresh[going] / length[going, None]
        upper[going, :j, j], upper[going, j, j] = before[going], length[going]
        chosen[going, j] = best[going]
        along[:, j] = (basis[:, j] * rest).sum(axis=1)
        rest -= along[:, j, None] * basis[:, j]
        rests[:, j + 1] = np.minimum(np.linalg.norm(rest, axis=1), rests[:, j])
    solved = np.asarray(np.linalg.solve(upper, along[:, :, None])[:, :, 0], np.float64) if k else along
    return Pursuit(anchors=chosen, coefficients=solved, rests=rests)


def _best(
    rest: npt.NDArray[np.float64],
    vectors: Vectors,
    anchors: npt.NDArray[np.int64],
    chosen: npt.NDArray[np.int64],
) -> npt.NDArray[np.int64]:
    """The place of the anchor, of those not chosen, whose product with each row is the largest; of equal ones the first."""
    lengths = np.linalg.norm(rest, axis=1, keepdims=True)
    left = (rest / np.where(lengths > 0, lengths, 1)).astype(np.float32)
    best, most = np.zeros(len(rest), np.int64), np.full(len(rest), -np.inf)
    for start, tile in vectors.tiles(anchors, len(left)):
        products = np.abs(left @ tile.astype(np.float32).T)
        inside = (chosen >= start) & (chosen < start + products.shape[1])
        rows, _ = np.nonzero(inside)
        products[rows, chosen[inside] - start] = -np.inf
        places = products.argmax(axis=1)
        found = np.take_along_axis(products, places[:, None], 1)[:, 0]
        better = found > most
        best[better], most[better] = start + places[better], found[better]
    return best


def _orthogonal(
    picked: npt.NDArray[np.float64], basis: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """What of each row lies along its basis, and what is left of it; done twice, since once is not exact."""
    along = np.zeros(basis.shape[:2])
    for _ in range(2):
        more = (basis @ picked[:, :, None])[:, :, 0]
        picked = picked - (more[:, None, :] @ basis)[:, 0]
        along += more
    return along, picked
