"""Packing equals its twin, and loses no token."""

from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairloom.operators.pack import STRATEGIES, PackPlan, decompose, gather, pack, widths
from pairloom.operators.pack.counting_sort import layout
from pairloom.operators.pack.first_fit import first_fit
from pairloom.operators.reference.pack import strategies as reference
from pairloom.operators.selection.order import document_keys, permutation, permuted
from pairloom.pipeline.stages.exchange.partitions import Splits

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


@given(
    st.sampled_from([(1, 1), (2, 1), (2, 2), (16, 1), (16, 4), (16, 16), (64, 8)]),
    st.data(),
    OVERFLOW,
    st.booleans(),
)
def test_buckets_equal_their_twin(
    case: tuple[int, int], data: st.DataObject, overflow: str, overlap: bool
) -> None:
    seq_len, least = case
    if seq_len == 1:
        overlap = False
    lengths = data.draw(lengths_for(seq_len))
    plans = decompose(
        np.array(lengths, np.int64), seq_len, least, overflow=overflow, predict_every_token=overlap
    )
    expected = reference.buckets(lengths, seq_len, least, overflow, int(overlap))
    assert [plan.seq_len for plan in plans] == list(widths(seq_len, least)) == list(expected)
    for plan in plans:
        assert segments(plan) == [[piece] for piece in expected[plan.seq_len]]
        assert all(n == plan.seq_len for ((_, _, n),) in segments(plan)) or plan.seq_len == least
    count = {
        name: sum(getattr(plan, name) for plan in plans)
        for name in ("tokens", "truncated_tokens", "dropped_tokens", "dropped_documents", "repeated_tokens")
    }
    kept = count["tokens"] - count["repeated_tokens"]
    assert kept + count["truncated_tokens"] + count["dropped_tokens"] == sum(lengths)
    assert count["dropped_documents"] == (overflow == "drop") * sum(n > seq_len for n in lengths)
    predicted = sorted(
        (d, o + i) for plan in plans for ((d, o, n),) in segments(plan) for i in range(1 if overlap else 0, n)
    )
    stops = [0 if overflow == "drop" and n > seq_len else n for n in lengths]
    stops = [min(n, seq_len) for n in stops] if overflow == "truncate" else stops
    assert predicted == [(d, i) for d, n in enumerate(stops) for i in range(int(overlap), n)]


@given(CASES, st.sampled_from(["best_fit", "concat", "first_fit", "padded"]), st.booleans())
def test_a_plan_is_parted_without_loss(case: tuple[int, list[int]], strategy: str, overlap: bool) -> None:
    seq_len, lengths = case[0] + overlap, case[1]
    plan = pack(np.array(lengths, np.int64), seq_len, strategy=strategy, predict_every_token=overlap)
    full, rest = STRATEGIES.get(strategy)().parted(plan)
    assert sorted(segments(full) + segments(rest)) == sorted(segments(plan))
    assert full.repeated_tokens == plan.repeated_tokens
    assert rest.repeated_tokens == 0
    if strategy == "padded":
        assert len(rest) == 0
    elif strategy == "concat":
        assert full.padding == 0
    else:
        assert (2 * full.filled > seq_len).all()
    # With ever so many rows open, two rows that are half empty would be one.
    assert len(rest) <= 1
    for start in range(len(plan) + 1):
        for stop in range(start, len(plan) + 1):
            assert segments(plan.part(start, stop)) == segments(plan)[start:stop]


@given(CASES, st.sampled_from(["best_fit", "concat", "first_fit"]), st.integers(1, 4))
def test_leftovers_of_many_parts_leave_one_row(
    case: tuple[int, list[int]], strategy: str, parts: int
) -> None:
    seq_len, lengths = case
    pieces: list[int] = []
    padding = 0
    for part in range(parts):
        plan = pack(np.array(lengths[part::parts], np.int64), seq_len, strategy=strategy)
        full, rest = STRATEGIES.get(strategy)().parted(plan)
        padding += full.padding
        pieces += rest.length.tolist()
    last = pack(np.array(pieces, np.int64), seq_len, strategy=strategy)
    if strategy == "concat":
        assert padding == 0
        assert last.padding < seq_len
    else:
        assert (2 * last.filled <= seq_len).sum() <= 1


@given(st.lists(st.integers(0, 6), max_size=40))
def test_layout_equals_its_twin(row: list[int]) -> None:
    names = {number: i for i, number in enumerate(sorted(set(row)))}  # rows are numbered without gaps
    dense = [names[number] for number in row]
    begins, order = layout(np.array(dense, np.int64))
    found = [order[a:b].tolist() for a, b in zip(begins, begins[1:], strict=False)]
    assert found == reference.layout(dense)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"document": np.array([0, 2])}, "documents 0 to 2, of 2"),
        ({"offset": np.array([0, 1])}, "outside of its document"),
        ({"offset": np.array([-1, 0])}, "outside of its document"),
        ({"rows": np.array([0, 2])}, "more than 3 tokens"),
    ],
)
def test_a_plan_of_other_documents_is_refused(change: dict[str, Any], message: str) -> None:
    tokens = pa.array([[1, 2, 3], [4]], pa.large_list(pa.uint16()))
    plan = pack(np.array([3, 1]), 3)
    assert gather(plan, tokens, 0).to_pylist() == [[1, 2, 3], [4, 0, 0]]
    with pytest.raises(ValueError, match=message):
        gather(replace(plan, **change), tokens, 0)


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


def chi_square(counts: np.ndarray) -> float:
    """How far counts are from equal ones, in standard deviations of what chance would do."""
    free = counts.size - 1
    expected = counts.sum() / counts.size
    return float((((counts - expected) ** 2 / expected).sum() - free) / np.sqrt(2 * free))


def test_rows_go_everywhere_equally_often() -> None:
    places = np.array([permutation(32, seed) for seed in range(4000)])
    for row in range(32):
        assert abs(chi_square(np.bincount(places[:, row], minlength=32))) < 5
    # Two neighbours do not stay together either.
    apart = (places[:, 0] - places[:, 1]) % 32
    assert abs(chi_square(np.bincount(apart, minlength=32)[1:])) < 5
    assert chi_square(np.bincount((places[:, 0] & ~1), minlength=32)) > 100  # what is uneven would be seen


def test_documents_go_everywhere_equally_often() -> None:
    ids = pa.array([f"file:///data/part-{i // 100:05}.jsonl#{i % 100}" for i in range(40_000)])
    splits = Splits(train=16, validation=0, share=0.0, tokens=1, width=1, mode="document")
    first, second = document_keys(ids, 0), document_keys(ids, 1)
    none = np.zeros(len(ids), np.bool_)
    assert abs(chi_square(np.bincount(splits.by_hash(first, none), minlength=16))) < 5
    # Where a document goes with one seed says nothing about where it goes with another, or stood before.
    for other in (second, np.arange(len(ids), dtype=np.uint64) * np.uint64(2**64 // len(ids))):
        pairs = 16 * splits.by_hash(first, none) + splits.by_hash(other, none)
        assert abs(chi_square(np.bincount(pairs, minlength=256))) < 5
    # Within a partition, the order is that of the key: its lower half is as even.
    assert abs(chi_square(np.bincount((first << np.uint64(32) >> np.uint64(60)).astype(int)))) < 5


@pytest.mark.parametrize(
    ("seq_len", "strategy", "overflow"),
    [(0, "best_fit", "split"), (8, "worst", "split"), (8, "concat", "drop")],
)
def test_what_cannot_be_packed_is_refused(seq_len: int, strategy: str, overflow: str) -> None:
    with pytest.raises(ValueError, match=r"seq_len|strategy|pack"):
        pack(np.array([3]), seq_len, strategy=strategy, overflow=overflow)
