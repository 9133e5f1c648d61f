"""Lists of numbers out of whatever a file has."""

import json
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pairloom.operators.errors import DataError
from pairloom.operators.given import lists_of
from pairloom.operators.given.lists import nested_lists_of

RAW = np.dtype(np.uint32)
ROWS = st.lists(st.one_of(st.none(), st.lists(st.integers(-(1 << 40), 1 << 40), max_size=5)), max_size=8)


def naive(row: list[Any] | None) -> str | list[int]:
    """What becomes of a list: its reason, or itself."""
    if row is None:
        return "null_tokens"
    if any(value < 0 for value in row):
        return "negative"
    return "too_large" if any(value >= 1 << 32 for value in row) else row


@given(ROWS, st.sampled_from(["list", "large_list", "json", "slice"]))
@settings(deadline=None)
def test_lists_are_what_they_are_in_plain_python(rows: list[Any], form: str) -> None:
    array = pa.array(rows, pa.list_(pa.int64()))
    if form == "large_list":
        array = pa.array(rows, pa.large_list(pa.int64()))
    elif form == "json":
        array = pa.array([None if row is None else json.dumps(row) for row in rows], pa.large_string())
    elif form == "slice":
        array = pa.array([[9, -9], *rows, [7]], pa.list_(pa.int64())).slice(1, len(rows))
    lists, faults = lists_of(array, RAW, "x")
    found = [faults[i][0] if i in faults else lists[i].as_py() for i in range(len(rows))]
    assert found == [naive(row) for row in rows]
    assert all(lists[i].as_py() == [] for i in faults)


def test_a_fixed_size_list_is_a_list() -> None:
    lists, faults = lists_of(pa.array([[1, 2], [3, 4]], pa.list_(pa.int8(), 2)), RAW, "x")
    assert (lists.to_pylist(), faults) == ([[1, 2], [3, 4]], {})


@pytest.mark.parametrize("values", [[[0.5]], [[float("nan")]], [[float("inf")]], [[1e300]]])
def test_what_is_no_whole_number_is_never_rounded(values: list[list[float]]) -> None:
    lists, faults = lists_of(pa.array(values), np.dtype(np.uint8), "x")
    assert lists.to_pylist() == [[]]
    assert faults[0][0] in ("not_an_integer", "too_large")


def test_floats_are_finite_in_their_type() -> None:
    lists, faults = lists_of(pa.array([[0.5, 1e39], [2.0]]), np.dtype(np.float32), "x")
    assert lists.to_pylist() == [[], [2.0]]
    assert faults == {0: ("not_finite", "field 'x': value 1 is 1e+39")}


def test_truth_is_a_number_only_where_it_may_be() -> None:
    for column in (pa.array([[True, False]]), pa.array(["[true, false]"])):
        assert lists_of(column, np.dtype(np.uint8), "x", truth=True)[0].to_pylist() == [[1, 0]]
    with pytest.raises(DataError, match="holds lists of bool"):
        lists_of(pa.array([[True]]), RAW, "x")
    assert lists_of(pa.array(["[true]"]), RAW, "x")[1][0][0] == "not_a_list"


@pytest.mark.parametrize("column", [pa.array([1, 2]), pa.array([["a"]]), pa.array([{"a": 1}])])
def test_another_type_is_an_error_of_the_file(column: pa.Array) -> None:
    with pytest.raises(DataError, match="must hold lists of numbers"):
        lists_of(column, RAW, "x")


def test_lists_of_lists_have_their_counts_and_faults() -> None:
    rows = [[[1, 2], [3]], None, [], [[4], [-1]]]
    for column in (pa.array(rows), pa.array([None if row is None else json.dumps(row) for row in rows])):
        counts, lists, faults = nested_lists_of(column, RAW, "x")
        assert counts.tolist() == [2, 0, 0, 2]
        assert lists.to_pylist() == [[1, 2], [3], [4], []]
        assert {row: reason for row, (reason, _) in faults.items()} == {1: "null_tokens", 3: "negative"}
