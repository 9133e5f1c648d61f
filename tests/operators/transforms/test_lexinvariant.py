"""Lexinvariant documents: the twin's permutation, a bijection that is undone, and one that looks random (C28)."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairloom.operators.reference.transforms import lexinvariant as twin
from pairloom.operators.steps import in_53rds
from pairloom.operators.tokens import TokenBatch
from pairloom.operators.transforms import document_streams
from pairloom.operators.transforms.lexinvariant import Lexinvariant, Tables
from tests.operators.transforms.support import DTYPES, SEEDS, batch_of, deviation, rows


def tables(size: int, special: set[int]) -> Tables:
    """A vocabulary of so many tokens, some of them special."""
    able = np.array([token not in special for token in range(size)])
    place = np.full(size, -1, np.int64)
    place[able] = np.arange(able.sum())
    return Tables(ordinary=np.flatnonzero(able).astype(np.uint32), place=place)


@given(
    st.integers(3, 200),
    st.lists(st.lists(st.integers(0, 199), max_size=40), max_size=4),
    st.sampled_from([0.3, 0.9, 1.0]),
    DTYPES,
    SEEDS,
)
def test_it_is_the_twin_and_is_undone(
    size: int, documents: list[list[int]], rate: float, dtype: type, seed: int
) -> None:
    known = tables(size, {0, size - 1})
    documents = [[token % size for token in document] for document in documents]
    batch = batch_of(documents, dtype)
    step = Lexinvariant(rate=rate)
    made = step(batch, seed, known)
    for document, found, stream in zip(
        documents, rows(made), document_streams(seed, batch).tolist(), strict=True
    ):
        asked = twin.permutation(known.ordinary.tolist(), stream, int(in_53rds(rate)))
        assert sorted(asked.values()) == sorted(asked)
        assert found == [asked.get(token, token) for token in document]
    back = step.undo(made, seed, known)
    assert rows(back) == documents
    assert rows(back, "place") == rows(batch, "place")


def test_equal_tokens_stay_equal_and_counts_flatten() -> None:
    """The pattern of what equals what stays in a document; over many documents a token becomes each as often."""
    known = tables(40, {0})
    documents = 8_000
    batch = TokenBatch.from_lists(
        {"input_ids": [np.array([7, 7, 9, 0, 7], np.uint16)] * documents}, number=np.arange(documents)
    )
    found = np.array(rows(Lexinvariant()(batch, 5, known)))
    assert (found[:, 0] == found[:, 1]).all()
    assert (found[:, 0] == found[:, 4]).all()
    assert (found[:, 0] != found[:, 2]).all()
    assert (found[:, 3] == 0).all()
    counts = np.bincount(found[:, 0], minlength=40)[1:]
    assert abs(deviation(counts, np.full(39, documents / 39))) < 4
    both = np.bincount(found[:, 0] * 40 + found[:, 2], minlength=1600).reshape(40, 40)[1:, 1:]
    off = both[~np.eye(39, dtype=bool)]
    assert abs(deviation(off, np.full(len(off), documents / len(off)))) < 4


def test_so_many_take_part_as_asked() -> None:
    known = tables(1001, {0})
    documents = 300
    batch = TokenBatch.from_lists(
        {"input_ids": [np.arange(1, 1001, dtype=np.uint16)] * documents}, number=np.arange(documents)
    )
    found = np.array(rows(Lexinvariant(rate=0.25)(batch, 5, known)))
    moved = (found != np.arange(1, 1001)).mean()
    # One of those that take part stays where it is, on average.
    assert abs(moved - 0.25 + 0.001) < 4 * (0.25 * 0.75 / (1000 * documents)) ** 0.5
    assert all(len(set(row)) == 1000 for row in found.tolist())


def test_a_rate_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^rate must be above 0 and at most 1, not 0"):
        Lexinvariant(rate=0)
