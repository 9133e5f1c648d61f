"""Shingles, signatures and components are those of the plain twins, and bands find what theory says."""

import itertools
import random

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pairloom.operators.kernels.hashing import GOLDEN, mixed
from pairloom.operators.near import Hashes, Shingles, components, jaccard, token_shingles, word_shingles
from pairloom.operators.reference import near as plain

TEXTS = st.lists(st.text("ab Z9,.!\n\u4e2d\u56fd\u30ab\u00e9", max_size=24), min_size=1, max_size=6)


def runs_of(shingles: Shingles) -> list[list[int]]:
    return [shingles.hashes[a:b].tolist() for a, b in itertools.pairwise(shingles.lists.tolist())]


def assert_same_pattern(found: list[list[int]], expected: list[list[tuple[object, ...]]]) -> None:
    """Hashes are equal exactly where runs are."""
    assert [len(one) for one in found] == [len(one) for one in expected]
    pairs = set(zip(itertools.chain(*found), itertools.chain(*expected), strict=True))
    assert len(pairs) == len({one for one, _ in pairs}) == len({other for _, other in pairs})


@settings(deadline=None)
@given(TEXTS, st.integers(1, 4))
def test_shingles_of_words_are_runs_of_words(texts: list[str], size: int) -> None:
    found = word_shingles(pa.array(texts, pa.large_string()), size)
    assert_same_pattern(runs_of(found), [plain.word_shingles(text, size) for text in texts])


@settings(deadline=None)
@given(st.lists(st.lists(st.integers(0, 5), max_size=9), min_size=1, max_size=5), st.integers(1, 4))
def test_shingles_of_tokens_are_runs_of_ids(documents: list[list[int]], size: int) -> None:
    values = np.array(list(itertools.chain(*documents)), np.uint32)
    offsets = np.cumsum([0, *map(len, documents)])
    found = token_shingles(values, offsets, size)
    assert_same_pattern(runs_of(found), [plain.token_shingles(ids, size) for ids in documents])


@settings(deadline=None)
@given(TEXTS)
def test_signatures_bands_and_shares_are_those_of_the_twins(texts: list[str]) -> None:
    shingles = word_shingles(pa.array(texts, pa.large_string()), 2)
    hashes = Hashes(bands=2, rows=3, seed=5)
    with np.errstate(over="ignore"):
        drawn = (mixed(np.uint64(5) + np.arange(1, 13, dtype=np.uint64) * GOLDEN) >> np.uint64(32)).tolist()
    factors, added = [one | 1 for one in drawn[:6]], drawn[6:]
    runs = runs_of(shingles)
    signatures = [plain.signature(one, factors, added) for one in runs]
    assert hashes.signatures(shingles).tolist() == signatures
    bands = [plain.band_keys(one, 3) for one in signatures]
    assert_same_pattern(hashes.keys(shingles).tolist(), [[(band,) for band in one] for one in bands])
    distinct = shingles.distinct()
    assert runs_of(distinct) == [plain.distinct_shingles(one) for one in runs]
    left, right = np.array(list(itertools.product(range(len(texts)), repeat=2))).T.copy()
    shares = [plain.jaccard(runs[a], runs[b]) for a, b in zip(left, right, strict=True)]
    assert jaccard(distinct, distinct, (left, right)).tolist() == shares


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), max_size=20))
def test_components_are_those_of_the_twin(edges: list[tuple[int, int]]) -> None:
    one, other = np.array(edges, np.int64).reshape(-1, 2).T.copy()
    ends, least = components(one, other)
    assert dict(zip(ends.tolist(), least.tolist(), strict=True)) == plain.components(edges)


@pytest.mark.parametrize("share", [0.5, 0.7, 0.8, 0.9])
def test_bands_find_what_the_curve_says(share: float) -> None:
    """Documents of which a share s of the shingles is the same have a key in common with chance 1 - (1 - s^rows)^bands."""
    rng, many, size = random.Random(share), 600, 90
    both = round(2 * size * share / (1 + share))
    lists = []
    for _ in range(many):
        drawn = [rng.getrandbits(64) for _ in range(2 * size - both)]
        lists += [drawn[:size], drawn[size - both :]]
    shingles = Shingles(
        np.array(list(itertools.chain(*lists)), np.uint64), np.arange(2 * many + 1, dtype=np.int64) * size
    )
    exact = both / (2 * size - both)
    place = np.arange(0, 2 * many, 2)
    assert jaccard(shingles.distinct(), shingles.distinct(), (place, place + 1)).tolist() == [exact] * many
    for bands, rows in ((14, 8), (20, 4)):
        keys = Hashes(bands=bands, rows=rows).keys(shingles)
        found = np.count_nonzero((keys[::2] == keys[1::2]).any(axis=1)) / many
        expected = 1 - (1 - exact**rows) ** bands
        assert abs(found - expected) <= 5 * (expected * (1 - expected) / many) ** 0.5 + 1e-9


def test_equal_texts_have_all_keys_in_common_and_others_none() -> None:
    texts = ["", "!?", "?!", "one", "One.", "one two three four five six", "ONE two, three - four five\nsix"]
    keys = Hashes().keys(word_shingles(pa.array(texts, pa.large_string()), 5))
    same = [(a, b) for a, b in itertools.combinations(range(len(texts)), 2) if (keys[a] == keys[b]).any()]
    assert same == [(3, 4), (5, 6)]
    assert (keys[3] == keys[4]).all()


def test_signatures_of_many_documents_are_not_in_memory_together(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = pa.array([" ".join(f"w{i}" for i in range(n, n + 9)) for n in range(20)], pa.large_string())
    shingles, hashes = word_shingles(texts, 3), Hashes(bands=3, rows=2)
    at_once = hashes.keys(shingles, whole=True)
    monkeypatch.setattr("pairloom.operators.near.AT_ONCE", 20)
    assert (hashes.keys(shingles, whole=True) == at_once).all()
    assert len(np.unique(at_once[:, -1])) == len(texts)
    none = word_shingles(pa.array([], pa.large_string()), 3)
    assert hashes.keys(none, whole=True).shape == (0, 4)
