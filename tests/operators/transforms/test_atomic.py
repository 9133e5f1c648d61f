"""Spans that no row cuts."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pairloom.operators.transforms import TRANSFORMS
from pairloom.operators.transforms.atomic import Atomic
from tests.operators.transforms.test_prefix import BEGIN, CLOSE, END, VOCABULARY, batch_of, rows

STEP = Atomic(begin="<b>", end="</b>", fill="<|end|>")
PARTS = st.lists(st.tuples(st.booleans(), st.lists(st.integers(0, 9), max_size=7)), max_size=8)


@settings(deadline=None, max_examples=200)
@given(st.lists(PARTS, max_size=4), st.integers(2, 9))
def test_spans_that_fit_a_row_are_in_one_row(
    documents: list[list[tuple[bool, list[int]]]], size: int
) -> None:
    """(D2)"""
    ids = [[i for span, own in d for i in ([BEGIN, *own, CLOSE] if span else own)] for d in documents]
    place = [np.arange(1, len(one) + 1, dtype=np.int32) for one in ids]
    step = STEP.in_rows(size, aligned=True)
    tables = step.prepare(VOCABULARY)
    made = step(batch_of(ids, place=place), 0, tables)
    for found, places, before in zip(rows(made), rows(made, "place"), ids, strict=True):
        assert [one for one in found if one != END] == before
        assert [p for p in places if p] == list(range(1, len(before) + 1))
        assert all((p == 0) == (one == END) for one, p in zip(found, places, strict=True))
        start = None
        for at, one in enumerate(found):
            if one == BEGIN:
                start = at
            elif one == CLOSE and start is not None:
                assert start // size == at // size or at + 1 - start > size
                start = None
        if len(before) <= size:
            assert found == before
    assert rows(step.undo(made, 0, tables)) == ids


def test_the_fill_is_no_longer_than_it_must_be() -> None:
    step = STEP.in_rows(6, aligned=True)
    ids = [[1, 2, 3, BEGIN, 4, 5, CLOSE, 6, BEGIN, 7, CLOSE]]
    made = step(batch_of(ids), 0, step.prepare(VOCABULARY))
    assert rows(made) == [[1, 2, 3, END, END, END, BEGIN, 4, 5, CLOSE, 6, END, BEGIN, 7, CLOSE]]


def test_it_is_refused_where_rows_cut_elsewhere() -> None:
    assert TRANSFORMS.get("atomic") is Atomic
    with pytest.raises(ValueError, match=r"^seq_len must be where rows cut documents"):
        STEP.in_rows(8, aligned=False)
    with pytest.raises(ValueError, match=r"^begin, end and fill must"):
        Atomic(begin="<b>", end="<b>", fill="x")
