"""Packing equals its twin, and loses no token."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairloom.operators.order import permutation, permuted
from pairloom.operators.pack import PackPlan, gather, pack
from pairloom.operators.pack.first_fit import first_fit
from pairloom.operators.reference import pack as reference

SEQ_LENS = st.sampled_from([1, 2, 7, 15, 16, 17])


def lengths_for(seq_len: int) -> st.SearchStrategy[list[int]]:
    edges = st.sampled_from([0, 1, seq_len - 1, seq_len, seq_len + 1, 2 * seq_len, 10 * seq_len])
    return st.lists(edges | st.integers(0, 3 * seq_len), max_size=30)


CASES = SEQ_LENS.flatmap(lambda n: st.tuples(st.just(n), lengths_for(n)))


def segments(plan: PackPlan) -> list[list[tuple[int, int, int]]]:
    triples = list(zip(plan.document.tolist(), plan.offset.tolist(), plan.length.tolist(), strict=True))
    return [triples[a:b] for a, b in zip(plan.rows, plan.rows[1:], strict=False)]


OVERFLOW = st.sampled_from(["split", "truncate", "drop"])


@given(CASES, OVERFLOW, st.sampled_from(["best_fit", "first_fit", "padded"]), st.booleans())
def test_every_strategy_equals_its_twin(
    case: tuple[int, list[int]], overflow: str, strategy: str, overlap: bool
) -> None:
    seq_len, lengths = case[0] + overlap, case[1]
    plan = pack(
        np.array(lengths, np.int64),
        seq_len,
        strategy=strategy,
        overflow=overflow,
        predict_every_token=overlap,
    )
    assert segments(plan) == getattr(reference, strategy)(lengths, seq_len, overflow, int(overlap))
    kept = plan.tokens - plan.repeated_tokens
    assert kept + plan.truncated_tokens + plan.dropped_tokens == sum(lengths)


@given(CASES, st.booleans())
def test_concat_equals_its_twin(case: tuple[int, list[int]], overlap: bool) -> None:
    seq_len, lengths = case[0] + overlap, case[1]
    plan = pack(np.array(lengths, np.int64), seq_len, strategy="concat", predict_every_token=overlap)
    assert segments(plan) == reference.concat(lengths, seq_len, int(overlap))
    assert plan.padding < seq_len
    assert plan.tokens - plan.repeated_tokens == sum(lengths)


@given(CASES, st.sampled_from([1, 2, 4, 8]))
def test_first_fit_with_few_open_rows(case: tuple[int, list[int]], open_rows: int) -> None:
    seq_len, lengths = case
    pieces = reference.pieces_of(lengths, seq_len, "split")
    rows = first_fit(np.array([n for _, _, n in pieces], np.int32), seq_len, open_rows)
    made: dict[int, list[tuple[int, int, int]]] = {}
    for row, piece in zip(rows.tolist(), pieces, strict=True):
        made.setdefault(row, []).append(piece)
    assert [made[r] for r in sorted(made)] == reference.first_fit(lengths, seq_len, "split", 0, open_rows)


@given(CASES, st.sampled_from(["best_fit", "concat", "first_fit", "padded"]))
def test_every_token_is_predicted_once_if_asked(case: tuple[int, list[int]], strategy: str) -> None:
    seq_len, lengths = case[0] + 1, case[1]
    plan = pack(np.array(lengths, np.int64), seq_len, strategy=strategy, predict_every_token=True)
    predicted = sorted((d, o + i) for parts in segments(plan) for d, o, n in parts for i in range(1, n))
    assert predicted == [(d, i) for d, n in enumerate(lengths) for i in range(1, n)]


@given(st.lists(st.integers(1, 20), max_size=7), st.integers(20, 24))
def test_few_rows_are_close_to_the_fewest(lengths: list[int], seq_len: int) -> None:
    def fewest(rest: list[int], rooms: tuple[int, ...]) -> int:
        if not rest:
            return len(rooms)
        head, *tail = rest
        places = {rooms.index(room) for room in rooms if room >= head}
        into = [fewest(tail, (*rooms[:i], rooms[i] - head, *rooms[i + 1 :])) for i in places]
        return min([fewest(tail, (*rooms, seq_len - head)), *into])

    optimum = fewest(sorted(lengths, reverse=True), ())
    for strategy, bound in (("best_fit", 11 / 9 * optimum + 6 / 9), ("first_fit", 1.7 * optimum)):
        assert len(pack(np.array(lengths, np.int64), seq_len, strategy=strategy)) <= bound


@given(CASES, st.sampled_from(["best_fit", "concat", "first_fit", "padded"]), st.integers(0, 3))
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
