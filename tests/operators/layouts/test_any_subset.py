"""Any-subset orders: equal to their twins, permutations, with as many banned pairs as the paper's code asserts."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pairloom.operators.layouts import LAYOUTS, laid_out, row_streams, taken_back
from pairloom.operators.layouts.any_subset import AnySubset
from pairloom.operators.pack.derive import segment_ids
from pairloom.operators.reference.layouts.any_subset import order_tokens, see_earlier
from tests.support.rows import chi_square, matrix, rows_of

SEED, WIDTH = 26, 48

segment = st.lists(st.integers(0, 9), min_size=1, max_size=14)
rows_drawn = st.lists(st.lists(segment, min_size=1, max_size=3), min_size=0, max_size=3)
steps = st.builds(
    AnySubset,
    rate=st.sampled_from([(0.85, 0.99), (0.05, 0.25), (0.5, 0.5), (0.001, 0.001)]),
    strata=st.sampled_from([1, 3, 16]),
    ramp=st.sampled_from([0, 2]),
)


@settings(deadline=None)
@given(rows_drawn, steps, st.integers(0, 2**64 - 1), st.integers(0, 3), st.integers(0, 2**40))
def test_the_kernels_are_their_twins(
    rows: list[list[list[int]]], step: AnySubset, seed: int, epoch: int, first: int
) -> None:
    given_rows = rows_of(rows, WIDTH)
    made = step(given_rows, seed, epoch, first, None)
    streams, seen = row_streams(seed, epoch, first, len(rows)), step.built("attention", made, None)
    places = segment_ids(made.column("segment_lengths"), WIDTH)
    for r, segments in enumerate(rows):
        row = [token for s in segments for token in s]
        lengths, rest = [len(s) for s in segments], WIDTH - len(row)
        wanted = order_tokens(row, lengths, int(streams[r]), first + r, *step.rates(epoch), step.strata)
        for name, values, pad in zip(("prompt", "rank", "labels"), wanted, (0, -1, -100), strict=True):
            assert matrix(made, name)[r].tolist() == values + [pad] * rest, name
        prompt, rank = (matrix(made, name)[r].tolist() for name in ("prompt", "rank"))
        assert seen[r].tolist() == see_earlier(prompt, rank, places[r].tolist())
        at = 0
        for length in lengths:
            here = slice(at, at + length)
            assert sorted(rank[here]) == list(range(length))
            # Banned pairs are P (P + 1) / 2 + P * V of P predicted and V visible places (N26); none is outside.
            visible = sum(prompt[here])
            predicted = length - visible
            banned = int((~seen[r, here, here]).sum())
            assert banned == predicted * (predicted + 1) // 2 + predicted * visible
            assert seen[r, here].sum() == length * length - banned
            assert visible >= 1
            at += length
    assert seen.any(axis=2).all()
    assert step.undo(made, None).equals(given_rows)
    whole = laid_out(given_rows, [step], seed, epoch, first, [None])
    cut = len(rows) // 2
    part = laid_out(given_rows.slice(cut), [step], seed, epoch, first + cut, [None])
    assert part.to_pylist() == whole.slice(cut).to_pylist()
    assert taken_back(whole, [step], [None]).equals(given_rows)


def test_shares_are_uniform_in_their_strata_and_places_alike() -> None:
    step, count = AnySubset(rate=(0.2, 0.8), strata=4), 4000
    rows = rows_of([[[1] * 40]] * count, 40)
    prompt = matrix(step(rows, SEED, 0, 0, None), "prompt")
    by_place = prompt.sum(axis=0)
    assert chi_square(by_place.tolist(), [prompt.sum() / 40] * 40) < 4
    given_tokens = prompt.sum(axis=1)
    for stratum in range(4):
        low = 0.2 + 0.15 * stratum
        here = given_tokens[stratum::4]
        assert here.min() >= int((1 - low - 0.15) * 40)
        assert here.max() <= int((1 - low) * 40) + 1
        wanted = np.arange(int((1 - low - 0.15) * 40 + 1e-9) + 1, int((1 - low) * 40 + 1e-9) + 1)
        found = np.bincount(here, minlength=42)[wanted]
        assert found.sum() == len(here)
        assert chi_square(found.tolist(), [len(here) / len(wanted)] * len(wanted)) < 4


def test_the_share_goes_up_by_epochs() -> None:
    step = AnySubset(rate=(0.85, 0.99), ramp=10)
    assert [step.rates(epoch) for epoch in (0, 5, 10, 11)] == [
        (0.15, 0.15),
        (0.5, 0.57),
        (0.85, 0.99),
        (0.85, 0.99),
    ]


@pytest.mark.parametrize(
    ("keys", "start"),
    [
        ({"rate": (0.9, 0.5)}, "rate"),
        ({"rate": (0.0, 0.5)}, "rate"),
        ({"strata": 0}, "strata"),
        ({"start": 0.0}, "start"),
        ({"ramp": -1}, "ramp"),
    ],
)
def test_a_bad_parameter_is_named(keys: dict[str, object], start: str) -> None:
    with pytest.raises(ValueError, match=f"^{start} must"):
        AnySubset(**keys)


def test_it_is_found_by_name() -> None:
    assert LAYOUTS.get("any_subset") is AnySubset
