"""Rows as sums of few others: what holds for every step, whatever the rows."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pairloom.operators.embeddings import Vectors, as_stored, pursue
from pairloom.operators.embeddings import pursuit as module
from pairloom.operators.embeddings import vectors as vectors_module


def drawn(n: int, width: int, seed: int, kind: str = "F64") -> Vectors:
    return Vectors(as_stored(np.random.default_rng(seed).normal(size=(n, width)), kind), kind)


@settings(max_examples=30)
@given(
    st.integers(1, 20),
    st.integers(1, 8),
    st.integers(1, 12),
    st.integers(0, 99),
    st.booleans(),
    st.sampled_from(["F64", "F32", "F16", "BF16"]),
)
def test_what_is_missing_never_grows(
    anchors: int, width: int, k: int, seed: int, repeated: bool, kind: str
) -> None:
    """(N02) Nor where anchors are equal, or all zeros."""
    rows = drawn(anchors + 3, width, seed, kind)
    if repeated:
        rows.values[: anchors // 2] = rows.values[0]
        rows.values[anchors // 2] = 0
    found = pursue(rows, np.arange(anchors, anchors + 3), np.arange(anchors), k)
    assert (np.diff(found.rests, axis=1) <= 0).all()
    assert np.isfinite(found.coefficients).all()
    targets, basis = (
        rows.take(ids).astype(np.float64) for ids in (np.arange(anchors, anchors + 3), np.arange(anchors))
    )
    for i, target in enumerate(targets):
        some = found.anchors[i] >= 0
        chosen = found.anchors[i][some]
        assert len(set(chosen.tolist())) == len(chosen)
        left = target - found.coefficients[i][some] @ basis[chosen]
        assert np.linalg.norm(left) == pytest.approx(found.rests[i, -1], abs=1e-5 * np.linalg.norm(target))


def test_as_many_anchors_as_numbers_reproduce_a_row() -> None:
    """(N02)"""
    rows = drawn(60, 16, 1)
    targets, anchors = np.arange(50, 60), np.arange(50)
    found = pursue(rows, targets, anchors, 16)
    made = (found.coefficients[:, :, None] * rows.values[found.anchors]).sum(axis=1)
    assert made == pytest.approx(rows.values[targets], abs=1e-9)
    assert pursue(rows, targets, anchors, 999).anchors.shape == (10, 16)


def test_coefficients_are_those_of_least_squares_on_what_was_chosen() -> None:
    """(N02)"""
    rows = drawn(80, 24, 2)
    found = pursue(rows, np.arange(70, 80), np.arange(70), 6)
    for i in range(10):
        wanted, *_ = np.linalg.lstsq(rows.values[found.anchors[i]].T, rows.values[70 + i], rcond=None)
        assert found.coefficients[i] == pytest.approx(wanted, abs=1e-10)


def test_each_step_takes_the_anchor_with_the_largest_product() -> None:
    """(N02) As one token after another does, step by step, by least squares."""
    rows = drawn(50, 12, 3)
    found = pursue(rows, np.arange(40, 50), np.arange(40), 5)
    for i in range(10):
        rest, chosen = rows.values[40 + i].copy(), []
        for _ in range(5):
            products = np.abs(rows.values[:40] @ rest)
            products[chosen] = -1
            chosen.append(int(products.argmax()))
            of = rows.values[chosen].T
            rest = rows.values[40 + i] - of @ np.linalg.lstsq(of, rows.values[40 + i], rcond=None)[0]
        assert found.anchors[i].tolist() == chosen


def test_the_same_comes_of_it_however_little_is_read_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = drawn(40, 8, 4, "F32")
    whole = pursue(rows, np.arange(30, 40), np.arange(30), 4)
    monkeypatch.setattr(module, "BASIS_BYTES", 8 * 4 * 8 * 3)
    monkeypatch.setattr(vectors_module, "TILE_BYTES", 4 * 8 * 7)
    parts = pursue(rows, np.arange(30, 40), np.arange(30), 4)
    assert np.array_equal(parts.anchors, whole.anchors)
    assert parts.coefficients == pytest.approx(whole.coefficients)


def test_rows_that_are_zero_or_no_numbers_have_no_anchors() -> None:
    rows = drawn(6, 4, 5)
    rows.values[4], rows.values[5, 1] = 0, np.nan
    rows.values[0, 2] = np.inf
    found = pursue(rows, np.array([4, 5, 3]), np.arange(3), 4)
    assert (found.anchors[:2] == -1).all()
    assert 0 not in found.anchors[2].tolist()
    assert pursue(rows, np.zeros(0, np.int64), np.arange(3), 4).anchors.shape == (0, 2)
    assert pursue(rows, np.array([3]), np.zeros(0, np.int64), 4).anchors.shape == (1, 0)
