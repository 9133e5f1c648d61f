"""The use of codebooks, against plain Python."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pairloom.operators.counts import KeyCounter
from pairloom.operators.reference import statistics as twin
from pairloom.operators.statistics.codebooks import Codebooks
from pairloom.operators.tokens import TokenBatch

CODES = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 6)), max_size=20)


def table(statistic: Codebooks, *batches: TokenBatch) -> list[tuple[float, ...]]:
    """The rows of the table, counted in parts."""
    counter = KeyCounter()
    for batch in batches:
        statistic.add(batch, counter)
    counts = counter.finish()
    made = list(statistic.finish(lambda: iter(counts.partition(3))))
    return [tuple(row.values()) for batch in made for row in batch.to_pylist()]


def batch_of(ids: list[int], **columns: list[int]) -> TokenBatch:
    """One document."""
    lists = {"input_ids": [np.array(ids, np.uint16)]}
    return TokenBatch.from_lists(lists | {name: [np.array(one, np.uint32)] for name, one in columns.items()})


@settings(deadline=None)
@given(CODES, CODES)
def test_codes_of_one_sequence_are_counted_by_codebook(
    one: list[tuple[int, int]], other: list[tuple[int, int]]
) -> None:
    """(D1)"""
    batches = [batch_of([c for _, c in codes], codebook=[b for b, _ in codes]) for codes in (one, other)]
    found, wanted = table(Codebooks(), *batches), twin.codebooks(one + other)
    assert [row[:3] for row in found] == [row[:3] for row in wanted]
    assert [row[3] for row in found] == pytest.approx([row[3] for row in wanted])


def test_streams_are_codebooks_and_what_fills_them_is_left_out() -> None:
    """(D1) delayed codebooks, 9 where there is no code."""
    batch = batch_of([1, 2, 9], codes_1=[9, 3, 3])
    assert table(Codebooks(below=9), batch) == [(1, 2, 2, 1.0), (2, 2, 1, 0.0)]


def test_another_column_may_tell_codes_apart() -> None:
    """(D2)"""
    batch = batch_of([7, 1, 2, 1], modality=[0, 1, 1, 2])
    assert table(Codebooks(by="modality"), batch) == [(1, 2, 2, 1.0), (2, 1, 1, 0.0)]


def test_a_bad_parameter_is_named() -> None:
    with pytest.raises(ValueError, match=r"^below must be"):
        Codebooks(below=0)
