"""What is derived from segment lengths equals what loops over every position say."""

from itertools import groupby
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairloom.operators.pack.derive import (
    IGNORED,
    cu_seqlens,
    document_mask,
    labels,
    max_seqlen,
    per_token,
    position_ids,
    segment_ids,
)
from pairloom.operators.reference.pack import derive as reference
from pairloom.operators.reference.pack.derive import pairs, places


def row(seq_len: int) -> st.SearchStrategy[list[int]]:
    def cut(cuts: set[int]) -> list[int]:
        edges = [0, *sorted(cuts)]
        return [b - a for a, b in zip(edges, edges[1:], strict=False)]

    return st.sets(st.integers(1, seq_len), max_size=seq_len).map(cut)


BATCHES = st.integers(1, 9).flatmap(lambda n: st.tuples(st.just(n), st.lists(row(n), max_size=5)))


def loops(seq_len: int, rows: list[list[int]]) -> list[list[tuple[int, int]]]:
    return [places(lengths, seq_len) for lengths in rows]


@given(BATCHES)
def test_positions_and_segments(batch: tuple[int, list[list[int]]]) -> None:
    seq_len, rows = batch
    column = pa.chunked_array([pa.array([[1], *rows], pa.list_(pa.int32())).slice(1)])
    places = loops(seq_len, rows)
    for lengths in (rows, column, column.chunk(0), [np.array(row, np.int32) for row in rows]):
        assert segment_ids(lengths, seq_len).tolist() == [[s for s, _ in r] for r in places]
        assert position_ids(lengths, seq_len).tolist() == [[p for _, p in r] for r in places]


@given(BATCHES, st.sampled_from([np.int32, np.float32, np.uint8]), st.data())
def test_a_value_of_each_segment_at_its_tokens(
    batch: tuple[int, list[list[int]]], dtype: Any, data: st.DataObject
) -> None:
    seq_len, rows = batch
    values = [data.draw(st.lists(st.integers(0, 99), min_size=len(r), max_size=len(r))) for r in rows]
    flat = np.array([value for row in values for value in row], dtype)
    found = per_token(flat, rows, seq_len, 7)
    assert found.dtype == dtype
    twins = zip(values, rows, strict=True)
    assert found.tolist() == [reference.per_token(v, lengths, seq_len, 7) for v, lengths in twins]
    with pytest.raises(ValueError, match="values for"):
        per_token(np.append(flat, 1), rows, seq_len, 7)


@given(BATCHES)
def test_the_mask_is_the_dense_reference_and_agrees_with_cu_seqlens(
    batch: tuple[int, list[list[int]]],
) -> None:
    seq_len, rows = batch
    mask = document_mask(rows, seq_len)
    places = loops(seq_len, rows)
    for b, r in enumerate(places):
        for i in range(seq_len):
            for j in range(seq_len):
                assert mask[b, i, j] == (j <= i and r[i][0] >= 0 and r[i][0] == r[j][0])
    edges = cu_seqlens(rows, seq_len)
    assert np.all(np.diff(edges) > 0) or len(rows) == 0
    flat = [(b, r[i][0]) for b, r in enumerate(places) for i in range(seq_len)]
    expected = [
        0,
        *(i for i in range(1, len(flat)) if flat[i] != flat[i - 1]),
        *([len(flat)] if flat else []),
    ]
    assert edges.tolist() == expected
    assert edges.dtype == np.int32
    runs = [len(list(run)) for _, run in groupby(flat)]
    assert max_seqlen(rows, seq_len) == max(runs, default=0)


@given(BATCHES, st.booleans(), st.booleans(), st.sampled_from([np.uint16, np.uint32, np.int64]))
def test_labels_never_cross_a_boundary_unless_asked(
    batch: tuple[int, list[list[int]]], shifted: bool, across: bool, dtype: Any
) -> None:
    seq_len, rows = batch
    ids = (np.arange(len(rows) * seq_len).reshape(len(rows), seq_len) + 10).astype(dtype)
    made = labels(ids, rows, shifted=shifted, across_documents=across)
    expected = np.full(ids.shape, IGNORED)
    for b, lengths in enumerate(rows):
        for i in pairs(lengths, seq_len, across_documents=across):
            expected[b, i if shifted else i + 1] = ids[b, i + 1]
    assert np.array_equal(made, expected)
    assert np.array_equal(
        labels(np.asfortranarray(ids), rows, shifted=shifted, across_documents=across), made
    )


def test_labels_of_other_rows_are_refused() -> None:
    for ids in ([[1, 2]], [1, 2], [[1, 2]] * 3):
        with pytest.raises(ValueError, match="are not those of 2 rows"):
            labels(ids, [[2], [1]], shifted=True)


@pytest.mark.parametrize("rows", [[[0]], [[2, 0, 1]], [[3, 2]], [[-1, 2]]])
def test_impossible_lengths_are_refused(rows: list[list[int]]) -> None:
    with pytest.raises(ValueError, match="segment"):
        segment_ids(rows, 4)


def test_documents_of_one_token_stay_apart_and_a_full_row_ends_where_it_ends() -> None:
    rows = [[1, 1, 1, 1], [4], [3, 1], [1]]
    assert cu_seqlens(rows, 4).tolist() == [0, 1, 2, 3, 4, 8, 11, 12, 13, 16]
    assert segment_ids(rows, 4).tolist() == [[0, 1, 2, 3], [0, 0, 0, 0], [0, 0, 0, 1], [0, -1, -1, -1]]
    assert document_mask(rows, 4).sum(axis=(1, 2)).tolist() == [4, 10, 7, 1]
    ids = np.arange(16, dtype=np.uint16).reshape(4, 4)
    assert (labels(ids, rows, shifted=True) >= 0).sum(axis=1).tolist() == [0, 3, 2, 0]
    assert (labels(ids, rows, shifted=True, across_documents=True) >= 0).sum(axis=1).tolist() == [3, 3, 3, 0]


@given(BATCHES, st.booleans())
def test_labels_shifted_by_the_trainer_or_by_the_model_are_the_same_pairs(
    batch: tuple[int, list[list[int]]], across: bool
) -> None:
    seq_len, rows = batch
    ids = np.arange(len(rows) * seq_len, dtype=np.uint32).reshape(len(rows), seq_len)
    shifted = labels(ids, rows, shifted=True, across_documents=across)
    by_model = labels(ids, rows, shifted=False, across_documents=across)
    assert np.array_equal(shifted[:, :-1], by_model[:, 1:])
    assert (shifted[:, -1:] == IGNORED).all()
    assert (by_model[:, :1] == IGNORED).all()


def test_boundaries_past_int32_are_refused() -> None:
    assert cu_seqlens([[1]], (1 << 31) - 1).tolist() == [0, 1, (1 << 31) - 1]
    with pytest.raises(ValueError, match="no int32"):
        cu_seqlens([[1], [1]], 1 << 30)
