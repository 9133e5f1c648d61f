"""Extensible tokens: slots and factors are those of a loop over the tokens, and each factor is drawn as often (N21)."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairloom.operators.reference.hashing import draw
from pairloom.operators.reference.transforms import inserted as twin
from pairloom.operators.tokens import TokenBatch
from pairloom.operators.transforms import document_streams
from pairloom.operators.transforms.extensible import Extensible
from tests.operators.transforms.support import SEEDS, batch_of, deviation, rows


def slots(length: int, stream: int, step: Extensible) -> tuple[list[int], list[int]]:
    """The slot and the factor of each token, one token after another."""
    slot, scale, free = [], [], 0
    before = max(0, length - step.window)
    for chunk, at in enumerate(range(0, before, step.context)):
        n = min(step.context, before - at)
        k = step.scales[(draw(stream, chunk) >> 32) * len(step.scales) >> 32]
        slot += twin.number_slots(n, k, free)
        scale += [k] * n
        free += -(-n // k)
    near = length - before
    return slot + [free + i for i in range(near)], scale + [1] * near


@given(
    st.lists(st.integers(0, 60), max_size=5),
    st.integers(1, 20),
    st.integers(0, 20),
    st.lists(st.integers(1, 9), min_size=1, max_size=4),
    SEEDS,
)
def test_it_is_a_loop_over_tokens(
    lengths: list[int], context: int, window: int, scales: list[int], seed: int
) -> None:
    step = Extensible(context=context, window=window, scales=tuple(scales))
    batch = batch_of([list(range(1, length + 1)) for length in lengths])
    made = step(batch, seed, None)
    assert rows(made) == rows(batch)
    wanted = [
        slots(length, stream, step)
        for length, stream in zip(lengths, document_streams(seed, batch).tolist(), strict=True)
    ]
    assert list(zip(rows(made, "slot"), rows(made, "scale"), strict=True)) == wanted


def test_a_context_is_shortened_as_published_and_the_window_stays() -> None:
    """ceil(L / k) slots for a chunk of L tokens, one for each token of the window."""
    step = Extensible(context=100, window=10, scales=(8,))
    made = step(batch_of([list(range(110))]), 0, None)
    slot = rows(made, "slot")[0]
    assert slot[99] + 1 == 13
    assert slot[100:] == list(range(13, 23))
    assert rows(made, "scale")[0] == [8] * 100 + [1] * 10


def test_factors_are_drawn_alike() -> None:
    documents = 5_000
    batch = TokenBatch.from_lists(
        {"input_ids": [np.zeros(4, np.uint16)] * documents}, number=np.arange(documents)
    )
    made = Extensible(context=2, window=0)(batch, 9, None)
    scale = np.array(rows(made, "scale"))
    assert (scale[:, 0] == scale[:, 1]).all()
    counts = np.array([(scale[:, ::2] == k).sum() for k in (2, 4, 8, 16, 32)])
    assert counts.sum() == 2 * documents
    assert abs(deviation(counts, np.full(5, 2 * documents / 5))) < 4


@pytest.mark.parametrize("key", ["context", "window", "scales"])
def test_a_bad_parameter_is_named(key: str) -> None:
    with pytest.raises(ValueError, match=f"^{key} must be"):
        Extensible(**{key: () if key == "scales" else -1})
