"""CDAS, the selection of CodeACT (Lv et al., 2024, arXiv:2408.02193): difficult examples of every kind.

Examples are put into clusters by embeddings that are given. Of each cluster those with the highest IFD are kept, the ratio of
the perplexities of an answer with and without its question; one that is 1 or more says that they do not belong together.
"""

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pairloom.operators.kernels.hashing import GOLDEN, mixed

__all__ = ["Chosen", "cdas", "clusters_of"]


class Chosen(NamedTuple):
    """Which examples are kept (ascending), and the cluster of each example, -1 of one whose IFD is 1 or more."""

    kept: npt.NDArray[np.int64]
    cluster: npt.NDArray[np.int64]


def cdas(
    embeddings: npt.NDArray[np.floating],
    ifd: npt.NDArray[np.floating],
    *,
    clusters: int = 10,
    share: float = 0.4,
    seed: int = 42,
) -> Chosen:
    """Keep of every cluster the floor(share * n) examples with the highest IFD below 1, equal ones by place.

    `embeddings` are (examples, width), `ifd` (examples). The same inputs give the same choice on every machine with the same
    numpy. Raises ValueError for other shapes, for a share that is none, and for a value that is not finite.

    >>> chosen = cdas(np.array([[0.0], [0.1], [9.0], [9.1]]), np.array([0.9, 0.2, 1.5, 0.3]), clusters=2, share=0.5)
    >>> chosen.kept.tolist(), chosen.cluster.tolist()
    ([0], [0, 0, -1, 1])
    """
    points, scores = np.asarray(embeddings, np.float64), np.asarray(ifd, np.float64)
    if points.ndim != 2 or scores.shape != (len(points),):
        raise ValueError(f"embeddings {points.shape} and ifd {scores.shape} are not of the same examples")
    if not 0 < share <= 1:
        raise ValueError(f"share must be above 0 and at most 1, not {share:g}")
    if not np.isfinite(points).all() or not np.isfinite(scores).all():
        raise ValueError("an embedding or an ifd is not finite: leave such examples out first")
    usable = np.flatnonzero(scores < 1)
    cluster = np.full(len(scores), -1, np.int64)
    cluster[usable] = clusters_of(points[usable], clusters, seed)
    kept = []
    for number in range(clusters):
        members = np.flatnonzero(cluster == number)
        order = members[np.lexsort((members, -scores[members]))]
        kept.append(order[: math.floor(share * len(members) + 1e-9)])
    return Chosen(np.sort(np.concatenate([np.zeros(0, np.int64), *kept])), cluster)


def clusters_of(
    points: npt.NDArray[np.float64], clusters: int, seed: int, rounds: int = 300
) -> npt.NDArray[np.int64]:
    """The cluster of each point by k-means (Lloyd, begun as k-means++ does); of equally near centres the first.

    Clusters are numbered in the order of their first points. There are fewer where there are fewer different points.
    """
    if not len(points):
        return np.zeros(0, np.int64)
    centres = _begun(points, clusters, seed)
    found = np.full(len(points), -1, np.int64)
    for _ in range(rounds):
        now = _nearest(points, centres)
        if np.array_equal(now, found):
            break
        found = now
        for number in range(len(centres)):
            if (members := found == number).any():
                centres[number] = points[members].mean(0)
    order: dict[int, int] = {}
    return np.array([order.setdefault(int(one), len(order)) for one in found], np.int64)


def _begun(points: npt.NDArray[np.float64], clusters: int, seed: int) -> npt.NDArray[np.float64]:
    """Centres to begin with: each is drawn with a chance that grows with the square of its distance to those before."""
    draws = mixed(
        np.uint64(seed) + (np.arange(clusters, dtype=np.uint64) + np.uint64(1)) * GOLDEN
    ) >> np.uint64(11)
    shares = draws.astype(np.float64) / (1 << 53)
    chosen = [int(shares[0] * len(points))]
    distance = ((points - points[chosen[0]]) ** 2).sum(1)
    for share in shares[1:]:
        total = np.cumsum(distance)
        if not total[-1]:
            break
        chosen.append(int(np.searchsorted(total, share * total[-1], side="right")))
        distance = np.minimum(distance, ((points - points[chosen[-1]]) ** 2).sum(1))
    return points[chosen].copy()


def _nearest(points: npt.NDArray[np.float64], centres: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    distance = np.stack([((points - centre) ** 2).sum(1) for centre in centres], 1)
    return distance.argmin(1)
