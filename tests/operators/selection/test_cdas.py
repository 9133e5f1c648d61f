"""CDAS: difficult examples of every cluster."""

import math

import numpy as np
import pytest

from pairloom.operators.selection.cdas import cdas, clusters_of


def blobs(sizes: list[int], seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Points around far centres, and the centre of each."""
    draw = np.random.default_rng(seed)
    of = np.repeat(np.arange(len(sizes)), sizes)
    return draw.normal(size=(len(of), 3)) + 100 * of[:, None], of


def test_code_act_keeps_the_floor_of_forty_percent_of_each_cluster() -> None:
    """(C06)"""
    points, of = blobs([7, 20, 33])
    ifd = np.random.default_rng(1).uniform(0.1, 1.2, len(of))
    chosen = cdas(points, ifd, clusters=3)
    usable = ifd < 1
    assert len(chosen.kept) == sum(math.floor(0.4 * int((usable & (of == k)).sum())) for k in range(3))
    for k in range(3):
        members = np.flatnonzero(usable & (of == k))
        assert len(set(chosen.cluster[members].tolist())) == 1
        many = math.floor(0.4 * len(members))
        best = sorted(members.tolist(), key=lambda i: (-ifd[i], i))[:many]
        assert sorted(best) == [i for i in chosen.kept.tolist() if of[i] == k]
    assert (chosen.cluster[~usable] == -1).all()


def test_it_is_the_same_every_time_and_another_seed_is_another_start() -> None:
    """(C06)"""
    points, _ = blobs([40], seed=3)
    assert np.array_equal(clusters_of(points, 5, 42), clusters_of(points.copy(), 5, 42))
    assert not np.array_equal(clusters_of(points, 5, 42), clusters_of(points, 5, 43))


def test_there_are_no_more_clusters_than_points() -> None:
    assert clusters_of(np.zeros((4, 2)), 10, 0).tolist() == [0, 0, 0, 0]
    assert clusters_of(np.zeros((0, 2)), 10, 0).tolist() == []
    assert cdas(np.zeros((0, 2)), np.zeros(0)).kept.tolist() == []


@pytest.mark.parametrize(
    ("embeddings", "ifd", "share", "said"),
    [
        (np.zeros((2, 1)), np.zeros(3), 0.4, "not of the same examples"),
        (np.zeros((2, 1)), np.zeros(2), 0.0, "share must be"),
        (np.full((2, 1), np.nan), np.zeros(2), 0.4, "not finite"),
    ],
)
def test_what_cannot_be_chosen_from_is_refused(
    embeddings: np.ndarray, ifd: np.ndarray, share: float, said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        cdas(embeddings, ifd, share=share)
