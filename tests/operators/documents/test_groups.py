"""Documents that one record gives: they count as rows, and are together or not at all."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairloom.operators.documents import DeadLetter, DocumentBatch
from pairloom.operators.documents._groups import groups_of, incomplete, named, numbered
from pairloom.operators.documents.sample import Sample


def letter(row: int) -> DeadLetter:
    return DeadLetter(uri="u", position=f"row {row}", row=row, reason="r", detail="d", excerpt="")


def batch_of(sizes: list[int], first: int = 0) -> DocumentBatch:
    """Records from `first` on, each of which gives so many documents; of 0, it is rejected."""
    rows = [first + i for i, size in enumerate(sizes) if size]
    owner, groups = groups_of(np.array(rows, np.int64), np.array([size for size in sizes if size], np.int64))
    texts = [f"{rows[i]} {k}" for k, i in enumerate(owner)]
    batch = DocumentBatch.of(texts, id=[f"d{rows[i]}" for i in owner], row=[rows[i] for i in owner])
    letters = tuple(letter(first + i) for i, size in enumerate(sizes) if not size)
    return replace(batch, groups=groups, rejected=letters, refused={rows[0]: "wrong"} if rows else {})


@given(st.lists(st.integers(0, 4), max_size=12), st.integers(1, 5))
def test_rows_are_numbered_alike_in_batches_of_any_size(sizes: list[int], many: int) -> None:
    places, extra = [], 0
    for at in range(0, len(sizes), many):
        made, extra = numbered(batch_of(sizes[at : at + many], at), extra)
        places += [*made.row.to_pylist(), *(one.row for one in made.rejected)]
        assert all(
            one.position == f"row {at + i}"
            for one, i in zip(made.rejected, _none(sizes[at : at + many]), strict=True)
        )
    assert sorted(places) == list(range(sum(max(1, size) for size in sizes)))
    assert extra == sum(size - 1 for size in sizes if size)


def _none(sizes: list[int]) -> list[int]:
    return [i for i, size in enumerate(sizes) if not size]


def test_what_is_refused_is_refused_of_all() -> None:
    made, extra = numbered(batch_of([2, 0, 3], 7), 5)
    assert made.row.to_pylist() == [12, 13, 15, 16, 17]
    assert [one.row for one in made.rejected] == [14]
    assert dict(made.refused) == {12: "wrong", 13: "wrong"}
    assert extra == 8


def test_a_group_is_incomplete_where_one_is_lost() -> None:
    batch = batch_of([2, 3, 1])
    assert not incomplete(batch).any()
    assert incomplete(batch.filter([True, True, True, False, True, True])).tolist() == [False] * 2 + [
        True
    ] * 2 + [False]
    assert named(batch).id.to_pylist() == ["d0/0", "d0/1", "d1/0", "d1/1", "d1/2", "d2/0"]
    (one,) = batch.reject([False, False, False, True, False, False], "why", "so").rejected[-1:]
    assert one.position == "row 1, 2 of its 3 completions"


@pytest.mark.parametrize("share", [0.2, 0.5])
def test_a_sample_takes_whole_groups(share: float) -> None:
    batch = batch_of([2, 3] * 50)
    kept = Sample(share=share)(batch)
    assert 0 < len(kept) < len(batch)
    assert not incomplete(kept).any()
