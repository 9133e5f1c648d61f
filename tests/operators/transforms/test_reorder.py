"""Tokens in the order of their coordinates."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pairloom.operators.transforms import TRANSFORMS
from pairloom.operators.transforms.reorder import Reorder
from tests.operators.transforms.test_prefix import END, VOCABULARY, batch_of, rows


def columns(documents: list[list[tuple[int, int]]]) -> dict[str, list[np.ndarray]]:
    """Coordinates as columns."""
    return {
        name: [np.array([one[k] for one in document], np.uint16) for document in documents]
        for k, name in enumerate(("y", "x"))
    }


@settings(deadline=None)
@given(
    st.lists(
        st.lists(st.tuples(st.integers(0, 19), st.integers(0, 4), st.integers(0, 4)), max_size=9), max_size=4
    ),
    st.sampled_from([None, 1, 2, 3]),
)
def test_it_is_what_plain_python_gives(documents: list[list[tuple[int, int, int]]], cell: int | None) -> None:
    step = Reorder(by=("y", "x"), cell=cell)
    ids = [[END, *(one[0] for one in document), END] for document in documents]
    grid = columns([[(0, 0), *(one[1:] for one in document), (0, 0)] for document in documents])
    batch = batch_of(ids, **grid)
    made = step(batch, 0, step.prepare(VOCABULARY))

    def key(one: tuple[int, int, int]) -> tuple[int, ...]:
        side = cell or 1
        return (one[1] // side, one[2] // side, one[1], one[2])

    wanted = [[END, *(one[0] for one in sorted(document, key=key)), END] for document in documents]
    assert rows(made) == wanted
    for document, places, found in zip(ids, rows(made, "place"), rows(made), strict=True):
        assert [document[i] for i in places] == found
        assert sorted(places) == list(range(len(document)))


def test_next_x_goes_through_cells_of_an_image() -> None:
    """(D5) Next-X: a grid of 4 x 4 in cells of 2 x 2."""
    grid = [(y, x) for y in range(4) for x in range(4)]
    batch = batch_of([list(range(16))], **columns([grid]))
    step = Reorder(by=("y", "x"), cell=2)
    assert rows(step(batch, 0, step.prepare(VOCABULARY))) == [
        [0, 1, 4, 5, 2, 3, 6, 7, 8, 9, 12, 13, 10, 11, 14, 15]
    ]


def test_uni_3dar_goes_from_coarse_levels_to_fine_ones() -> None:
    """(D5) Uni-3DAR: an octree's tokens by level, then by position, however they were given."""
    level = [np.array([1, 0, 1, 1], np.uint16)]
    position = [np.array([7, 0, 2, 5], np.uint16)]
    batch = batch_of([[10, 11, 12, 13]], level=level, position=position)
    step = Reorder(by=("level", "position"))
    made = step(batch, 0, step.prepare(VOCABULARY))
    assert rows(made) == [[11, 12, 13, 10]]
    assert rows(made, "place") == [[1, 2, 3, 0]]


def test_a_seeded_order_is_drawn_by_document_and_copy_within_what_is_declared() -> None:
    """(D5)"""
    level = [np.array([0] * 8 + [1] * 8, np.uint16)] * 3
    batch = batch_of([list(range(16))] * 3, level=level)
    step = Reorder(by=("level",), shuffle=True)
    made = rows(step(batch, 5, step.prepare(VOCABULARY)))
    assert all(sorted(one[:8]) == list(range(8)) for one in made)
    assert len({tuple(one) for one in made}) == 3
    backwards = rows(step(batch.take(np.array([2, 1, 0])), 5, step.prepare(VOCABULARY)))
    assert backwards == made[::-1]
    copied = rows(step(batch.with_copies(np.ones(3, np.int64)), 5, step.prepare(VOCABULARY)))
    assert copied != made
    free = Reorder(shuffle=True)
    assert sorted(rows(free(batch, 5, free.prepare(VOCABULARY)))[0]) == list(range(16))


@pytest.mark.parametrize(
    ("keys", "start"),
    [({}, "by"), ({"by": ("x",), "cell": 2}, "cell"), ({"by": ("y", "x"), "cell": 0}, "cell")],
)
def test_a_bad_parameter_is_named(keys: dict[str, object], start: str) -> None:
    with pytest.raises(ValueError, match=f"^{start} must"):
        Reorder(**keys)


def test_a_column_that_is_missing_is_named() -> None:
    assert TRANSFORMS.get("reorder") is Reorder
    step = Reorder(by=("z",))
    with pytest.raises(
        ValueError, match=r"^by must name columns beside tokens, and there are input_ids, not 'z'"
    ):
        step(batch_of([[1]]), 0, step.prepare(VOCABULARY))
