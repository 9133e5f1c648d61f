"""Packing equals its twin, and loses no token."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairloom.operators.order import permutation, permuted
from pairloom.operators.pack import PackPlan, gather, pack
from pairloom.operators.reference import pack as reference

SEQ_LENS = st.sampled_from([1, 2, 7, 15, 16, 17])


def lengths_for(seq_len: int) -> st.SearchStrategy[list[int]]:
    edges = st.sampled_from([0, 1, seq_len - 1, seq_len, seq_len + 1, 2 * seq_len, 10 * seq_len])
    return st.lists(edges | st.integers(0, 3 * seq_len), max_size=30)


CASES = SEQ_LENS.flatmap(lambda n: st.tuples(st.just(n), lengths_for(n)))


def segments(plan: PackPlan) -> list[list[tuple[int, int, int]]]:
    triples = list(zip(plan.document.tolist(), plan.offset.tolist(), plan.length.tolist(), strict=True))
    return [triples[a:b] for a, b in zip(plan.rows, plan.rows[1:], strict=False)]


@given(CASES, st.sampled_from(["split", "truncate", "drop"]))
def test_best_fit_equals_its_twin(case: tuple[int, list[int]], overflow: str) -> None:
    seq_len, lengths = case
    plan = pack(np.array(lengths, np.int64), seq_len, strategy="best_fit", overflow=overflow)
    assert segments(plan) == reference.best_fit(lengths, seq_len, overflow)
    assert plan.tokens + plan.truncated_tokens + plan.dropped_tokens == sum(lengths)


@given(CASES)
def test_concat_equals_its_twin(case: tuple[int, list[int]]) -> None:
    seq_len, lengths = case
    plan = pack(np.array(lengths, np.int64), seq_len, strategy="concat")
    assert segments(plan) == reference.concat(lengths, seq_len)
    assert plan.padding < seq_len


@given(CASES, st.sampled_from(["best_fit", "concat"]), st.integers(0, 3))
def test_every_token_is_in_exactly_one_place(case: tuple[int, list[int]], strategy: str, seed: int) -> None:
    seq_len, lengths = case
    plan = pack(np.array(lengths, np.int64), seq_len, strategy=strategy)
    plan = plan.reordered(permutation(len(plan), seed))
    starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    tokens = pa.LargeListArray.from_arrays(pa.array(starts), pa.array(np.arange(starts[-1], dtype=np.uint16)))
    rows = gather(plan, tokens, pad=65535)
    found: list[int] = []
    for row, parts in zip(rows.to_pylist(), segments(plan), strict=True):
        used = sum(length for _, _, length in parts)
        assert row[used:] == [65535] * (seq_len - used)
        expected = [starts[d] + o + i for d, o, n in parts for i in range(n)]
        assert row[:used] == expected
        found += row[:used]
    assert sorted(found) == list(range(sum(lengths)))
    assert all(length > 0 for parts in segments(plan) for _, _, length in parts)


@given(st.integers(0, 3000), st.integers(-(2**63), 2**64 - 1))
def test_permutation_is_a_bijection(length: int, seed: int) -> None:
    order = permutation(length, seed)
    assert np.array_equal(np.sort(order), np.arange(length))


@given(st.integers(1, 10**12), st.data())
def test_single_places_of_a_permutation_need_not_the_whole(length: int, data: st.DataObject) -> None:
    indices = np.array(data.draw(st.lists(st.integers(0, length - 1), max_size=20)), np.int64)
    where = permuted(indices, length, seed=3)
    assert len(np.unique(where)) == len(np.unique(indices))
    assert np.all((where >= 0) & (where < length))
    if length <= 3000:
        assert where.tolist() == permutation(length, 3)[indices].tolist()


def test_seeds_give_different_orders() -> None:
    assert permutation(1000, 0).tolist() != permutation(1000, 1).tolist()


@pytest.mark.parametrize(
    ("seq_len", "strategy", "overflow"),
    [(0, "best_fit", "split"), (8, "worst", "split"), (8, "concat", "drop")],
)
def test_what_cannot_be_packed_is_refused(seq_len: int, strategy: str, overflow: str) -> None:
    with pytest.raises(ValueError, match=r"seq_len|strategy|pack"):
        pack(np.array([3]), seq_len, strategy=strategy, overflow=overflow)
