"""Targets further ahead: equal to their twin, next tokens first, of documents as if they were alone."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pairloom.operators.errors import RecipeError
from pairloom.operators.layouts import LAYOUTS
from pairloom.operators.layouts.caft import Caft
from pairloom.operators.pack.derive import labels as next_tokens
from pairloom.operators.reference.layouts.caft import look_ahead
from tests.support.rows import matrix, rows_of

WIDTH = 48
segment = st.lists(st.integers(0, 9), min_size=1, max_size=14)
rows_drawn = st.lists(st.lists(segment, min_size=1, max_size=3), min_size=0, max_size=3)


@settings(deadline=None)
@given(rows_drawn, st.integers(1, 6), st.booleans(), st.integers(0, 99))
def test_the_kernel_is_its_twin(rows: list[list[list[int]]], ahead: int, within: bool, seed: int) -> None:
    given_rows = rows_of(rows, WIDTH)
    runs = np.random.default_rng(seed).integers(0, 3, (len(rows), WIDTH)).astype(np.int32)
    column = pa.FixedSizeListArray.from_arrays(pa.array(runs.reshape(-1)), WIDTH)
    given_rows = given_rows.append_column("concept", column)
    step = Caft(ahead=ahead, within="concept" if within else None)
    made = step(given_rows, 0, 0, 0, None)
    for r, segments in enumerate(rows):
        row = [token for s in segments for token in s]
        of = runs[r, : len(row)].tolist() if within else None
        wanted = look_ahead(row, [len(s) for s in segments], ahead + 1, of)
        for h, values in enumerate(wanted):
            assert matrix(made, f"labels_{h}")[r].tolist() == values + [-100] * (WIDTH - len(row))
        # Of packed documents as of each alone (N10).
        if not within:
            alone = [look_ahead(s, [len(s)], ahead + 1) for s in segments]
            assert wanted == [[x for one in alone for x in one[h]] for h in range(ahead + 1)]
    if rows:
        ids, lengths = matrix(given_rows, "input_ids").astype(np.int64), given_rows.column("segment_lengths")
        assert (matrix(made, "labels_0") == next_tokens(ids, lengths, shifted=True)).all()
    assert step.undo(made, None).equals(given_rows)
    assert [column.name for column in step.columns] == [f"labels_{h}" for h in range(ahead + 1)]


def test_rows_without_the_column_are_refused_by_the_key() -> None:
    with pytest.raises(RecipeError, match="within must be a column beside tokens"):
        Caft(within="concept")(rows_of([[[3]]], WIDTH), 0, 0, 0, None)


@pytest.mark.parametrize(("keys", "start"), [({"ahead": 0}, "ahead"), ({"within": "no name"}, "within")])
def test_a_bad_parameter_is_named(keys: dict[str, object], start: str) -> None:
    with pytest.raises(ValueError, match=f"^{start} must"):
        Caft(**keys)


def test_it_is_found_by_name() -> None:
    assert LAYOUTS.get("caft") is Caft
