"""Tokens that are chosen by scores."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pairloom.operators.tokens import TokenBatch
from pairloom.operators.transforms import TRANSFORMS
from pairloom.operators.transforms.select_tokens import SelectTokens
from tests.operators.transforms.test_prefix import batch_of, rows

NUMBERS = st.integers(-8, 8)
TOKENS = st.lists(st.tuples(st.integers(0, 1), NUMBERS, NUMBERS, NUMBERS), max_size=9)


def scored(documents: list[list[tuple[int, int, int, int]]]) -> TokenBatch:
    """Documents with a mask, two losses and attention."""
    names = ("loss_mask", "history", "current", "attention")
    columns = {
        name: [np.array([one[k] for one in d], np.uint8 if k == 0 else np.float32) for d in documents]
        for k, name in enumerate(names)
    }
    return batch_of([list(range(len(d))) for d in documents], **columns)


def between(values: list[float]) -> list[float]:
    """Scaled from 0 to 1."""
    low, high = min(values), max(values)
    return [0.0 if low == high else (value - low) / (high - low) for value in values]


def chosen(document: list[tuple[int, int, int, int]], gamma: float, rho: float) -> list[int]:
    """The mask that ssToken leaves, in plain Python."""
    at = [i for i, one in enumerate(document) if one[0]]
    if not at:
        return [0] * len(document)
    relative = between([document[i][1] - document[i][2] for i in at])
    attention = between([document[i][3] for i in at])
    score = [gamma * r + (1 - gamma) * a for r, a in zip(relative, attention, strict=True)]
    best = sorted(range(len(at)), key=lambda i: (-score[i], i))[: math.ceil(rho * len(at) - 1e-9)]
    return [int(i in {at[k] for k in best}) for i in range(len(document))]


@settings(deadline=None)
@given(st.lists(TOKENS, max_size=4), st.sampled_from([0.0, 0.5, 1.0]), st.sampled_from([0.2, 0.6, 1.0]))
def test_ss_token_keeps_the_share_with_the_highest_scores(
    documents: list[list[tuple[int, int, int, int]]], gamma: float, rho: float
) -> None:
    """(N11)"""
    step = SelectTokens(history="history", current="current", attention="attention", gamma=gamma, share=rho)
    made = step(scored(documents), 0, None)
    assert rows(made, "loss_mask") == [chosen(one, gamma, rho) for one in documents]
    assert rows(made) == rows(scored(documents))


def test_gamma_and_constant_losses_do_what_the_paper_says() -> None:
    """(N11) gamma = 1 ignores attention; a constant REL falls back to the order of attention."""
    document = [(0, 9, 0, 9), (1, 5, 1, 0), (1, 5, 4, 9), (1, 5, 3, 5)]
    keys = {"history": "history", "current": "current", "attention": "attention", "share": 1 / 3}
    assert rows(SelectTokens(**keys, gamma=1.0)(scored([document]), 0, None), "loss_mask") == [[0, 1, 0, 0]]
    flat = [(m, 1, 1, a) for m, _, _, a in document]
    assert rows(SelectTokens(**keys, gamma=0.5)(scored([flat]), 0, None), "loss_mask") == [[0, 0, 1, 0]]


def test_one_score_and_a_threshold() -> None:
    """(D4) R2R: labels of tokens; PAWN: not all tokens count."""
    batch = scored([[(1, 0, 0, 3), (1, 0, 0, 1), (0, 0, 0, 9), (1, 0, 0, 2)]])
    assert rows(SelectTokens(score="attention", at_least=2)(batch, 0, None), "loss_mask") == [[1, 0, 0, 1]]
    assert rows(SelectTokens(score="attention", share=0.3)(batch, 0, None), "loss_mask") == [[1, 0, 0, 0]]


@pytest.mark.parametrize(
    ("keys", "start"),
    [
        ({"share": 0.5}, "score"),
        ({"score": "a", "attention": "b", "share": 0.5}, "score"),
        ({"history": "a", "share": 0.5}, "history"),
        ({"score": "a"}, "share"),
        ({"score": "a", "share": 0.5, "at_least": 1}, "share"),
        ({"score": "a", "share": 0.0}, "share"),
        ({"score": "a", "share": 0.5, "gamma": 2}, "gamma"),
    ],
)
def test_a_bad_parameter_is_named(keys: dict[str, object], start: str) -> None:
    with pytest.raises(ValueError, match=f"^{start} must"):
        SelectTokens(**keys)


def test_a_column_that_is_missing_is_named() -> None:
    assert TRANSFORMS.get("select_tokens") is SelectTokens
    with pytest.raises(ValueError, match=r"^loss_mask must be a column beside tokens"):
        SelectTokens(score="a", share=0.5)(batch_of([[1]]), 0, None)
