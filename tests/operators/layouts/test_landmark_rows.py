"""Landmarks at the same places of every row, and permutations of every row: both taken back (C20, C28)."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairloom.operators.layouts import laid_out, taken_back
from pairloom.operators.layouts.landmark_rows import LandmarkRows
from pairloom.operators.layouts.lexinvariant_rows import LexinvariantRows
from tests.support.rows import Words, matrix, rows_of

WORDS = Words(["[PAD]", "<landmark>"], [bytes([97 + i]) for i in range(20)])
ROWS = st.lists(
    st.lists(st.lists(st.integers(2, 21), min_size=1, max_size=6), min_size=1, max_size=3), max_size=3
)


@given(ROWS, st.integers(1, 9), st.booleans(), st.integers(1, 4))
def test_rows_without_landmarks_are_the_rows(
    rows: list[list[list[int]]], every: int, last: bool, more: int
) -> None:
    width = 18 + more
    step = LandmarkRows(every=every, last=last)
    tables = step.prepare(WORDS)
    before = rows_of(rows, width)
    made = laid_out(before, [step], 1, 0, 0, [tables])
    many = width // every if last else -(-width // every) - 1
    for ids, inputs, block in zip(
        matrix(before, "input_ids").tolist(),
        matrix(made, "inputs").tolist(),
        matrix(made, "block").tolist(),
        strict=True,
    ):
        assert [token for token in inputs if token != 1] == ids
        assert inputs.count(1) == many
        assert [i for i, token in enumerate(inputs) if token == 1] == [
            every + k * (every + 1) for k in range(many)
        ]
        assert block == [i // (every + 1) for i in range(len(inputs))]
    assert taken_back(made, [step], [tables]).equals(before)


@given(ROWS, st.sampled_from([0.3, 1.0]), st.integers(0, 2**64 - 1))
def test_each_row_has_a_permutation_of_its_own(rows: list[list[list[int]]], rate: float, seed: int) -> None:
    step = LexinvariantRows(rate=rate)
    tables = step.prepare(WORDS)
    before = rows_of(rows, 20)
    made = laid_out(before, [step], seed, 2, 7, [tables])
    assert taken_back(made, [step], [tables]).equals(before)
    for ids, found in zip(
        matrix(before, "input_ids").tolist(), matrix(made, "input_ids").tolist(), strict=True
    ):
        pairs = set(zip(ids, found, strict=True))
        assert len(pairs) == len({a for a, _ in pairs}) == len({b for _, b in pairs})
        assert all(a == b for a, b in pairs if a < 2 or b < 2)
    assert not laid_out(before, [step], seed, 3, 7, [tables]).equals(made) or not rows


def test_counts_flatten_over_rows() -> None:
    """One token over many rows becomes every ordinary one as often."""
    step = LexinvariantRows()
    made = laid_out(rows_of([[[5] * 4]] * 4000, 4), [step], 9, 0, 0, [step.prepare(WORDS)])
    counts = np.bincount(matrix(made, "input_ids")[:, 0], minlength=22)[2:]
    assert counts.sum() == 4000
    assert abs(((counts - 200) ** 2 / 200).sum() - 19) < 5 * 38**0.5


def test_what_makes_no_sense_is_refused() -> None:
    for keys, message in (({"every": 0}, "every must be from 1"), ({"token": ""}, "token must be the text")):
        with pytest.raises(ValueError, match=message):
            LandmarkRows(**keys)
    with pytest.raises(ValueError, match="rate must be above 0"):
        LexinvariantRows(rate=0)
