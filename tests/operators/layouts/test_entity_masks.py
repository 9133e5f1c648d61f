"""Entity masks: equal to their twin, one token a span, within the budget, undone."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pairloom.operators.errors import RecipeError
from pairloom.operators.layouts import LAYOUTS, row_streams
from pairloom.operators.layouts.entity_masks import EntityMasks
from pairloom.operators.reference.layouts.entity_masks import Setting, mask_entities, spans_of
from tests.support.rows import Words, chi_square, matrix, rows_of

WORDS = Words(["[PAD]", "[MASK]"], [b"a", b"b", b"c", b"d", b"e", b"f"])
SPECIAL = frozenset({0, 1})
SEED, WIDTH = 5, 64


def with_entities(rows: pa.RecordBatch, entity: np.ndarray) -> pa.RecordBatch:
    column = pa.FixedSizeListArray.from_arrays(pa.array(entity.astype(np.int32).reshape(-1)), WIDTH)
    return rows.append_column("entity", column)


def setting(step: EntityMasks) -> Setting:
    masked, random, _ = step.replace
    return Setting(
        special=SPECIAL,
        rate=step.rate,
        masked=int(np.ceil(masked * 2**53)),
        changed=min(1 << 53, int(np.ceil((masked + random) * 2**53))),
        mask=1,
        ordinary=range(2, len(WORDS)),
    )


segment = st.lists(st.tuples(st.integers(0, 7), st.integers(0, 2)), min_size=1, max_size=20)
rows_drawn = st.lists(st.lists(segment, min_size=1, max_size=3), min_size=0, max_size=4)
steps = st.builds(
    EntityMasks,
    rate=st.sampled_from([0.05, 0.15, 0.9]),
    replace=st.sampled_from([(0.8, 0.1, 0.1), (1.0, 0.0, 0.0), (0.0, 1.0, 0.0)]),
)


@settings(deadline=None)
@given(rows_drawn, steps, st.integers(0, 2**64 - 1), st.integers(0, 2**40))
def test_the_kernel_is_its_twin_and_masks_one_token_a_span(
    rows: list[list[list[tuple[int, int]]]], step: EntityMasks, seed: int, first: int
) -> None:
    entity = np.zeros((len(rows), WIDTH))
    for r, segments in enumerate(rows):
        flat = [value for s in segments for _, value in s]
        entity[r, : len(flat)] = flat
    plain = rows_of([[[token for token, _ in s] for s in row] for row in rows], WIDTH)
    given_rows, tables = with_entities(plain, entity), step.prepare(WORDS)
    made = step(given_rows, seed, 0, first, tables)
    streams = row_streams(seed, 0, first, len(rows))
    for r, segments in enumerate(rows):
        row = [token for s in segments for token, _ in s]
        lengths, values = [len(s) for s in segments], entity[r, : len(row)].astype(int).tolist()
        out, labels = mask_entities(row, lengths, values, int(streams[r]), setting(step))
        assert matrix(made, "input_ids")[r].tolist() == out + [0] * (WIDTH - len(row))
        assert matrix(made, "labels")[r].tolist() == labels + [-100] * (WIDTH - len(row))
        # No label outside of a span, one of each at most, and as many as the budget has (N05).
        spans = spans_of(row, lengths, values, SPECIAL)
        hit = {i for i, label in enumerate(labels) if label != -100}
        assert hit <= {i for span in spans for i in span}
        assert all(len(hit & set(span)) <= 1 for span in spans)
        assert len(hit) == min(len(spans), round(step.rate * sum(t not in SPECIAL for t in row)))
    assert step.undo(made, tables).equals(given_rows)


def test_spans_and_their_tokens_are_alike() -> None:
    count = 3000
    rows = rows_of([[[2, 3, 4, 5, 6, 7, 2, 3, 4, 5, 6, 7, 2]]] * count, WIDTH)
    entity = np.zeros((count, WIDTH))
    entity[:, :12] = [1, 1, 1, 2, 2, 0, 3, 0, 1, 1, 1, 0]
    step = EntityMasks(rate=0.15)
    made = step(with_entities(rows, entity), SEED, 0, 0, step.prepare(WORDS))
    hit = (matrix(made, "labels") != -100)[:, :12].sum(axis=0)
    assert hit.sum() == 2 * count
    expected = np.array([1 / 3, 1 / 3, 1 / 3, 1 / 2, 1 / 2, 0, 1, 0, 1 / 3, 1 / 3, 1 / 3, 0]) * count / 2
    some = expected > 0
    assert hit[~some].sum() == 0
    assert chi_square(hit[some].tolist(), expected[some].tolist()) < 4
    masked = int((matrix(made, "input_ids") == 1).sum())
    assert chi_square([masked, 2 * count - masked], [1.6 * count, 0.4 * count]) < 4


def test_rows_without_the_column_are_refused_by_the_key() -> None:
    step = EntityMasks(column="names")
    with pytest.raises(RecipeError, match=r"column must be .* no such 'names' \(they have input_ids\)"):
        step(rows_of([[[3]]], WIDTH), 0, 0, 0, step.prepare(WORDS))


@pytest.mark.parametrize(
    ("keys", "start"),
    [
        ({"column": "no name"}, "column"),
        ({"rate": 0.0}, "rate"),
        ({"replace": (0.5, 0.1, 0.1)}, "replace"),
        ({"mask_token": ""}, "mask_token"),
    ],
)
def test_a_bad_parameter_is_named(keys: dict[str, object], start: str) -> None:
    with pytest.raises(ValueError, match=f"^{start} must"):
        EntityMasks(**keys)


def test_it_is_found_by_name() -> None:
    assert LAYOUTS.get("entity_masks") is EntityMasks
