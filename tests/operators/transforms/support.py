"""Batches of documents for tests of token steps."""

import numpy as np
from hypothesis import strategies as st

from pairloom.operators.tokens import TokenBatch

DTYPES = st.sampled_from([np.uint16, np.uint32])
SEEDS = st.integers(0, 2**64 - 1)


def batch_of(
    documents: list[list[int]], dtype: type = np.uint16, copies: list[int] | None = None
) -> TokenBatch:
    """Documents of ids, numbered by a function of their places, with a column that says where each token was."""
    return TokenBatch.from_lists(
        {
            "input_ids": [np.array(d, dtype) for d in documents],
            "place": [np.arange(1, len(d) + 1, dtype=np.float32) for d in documents],
        },
        number=np.arange(len(documents), dtype=np.int64) * 7919 - 3,
        copy=None if copies is None else np.array(copies, np.int32),
    )


def rows(batch: TokenBatch, name: str = "input_ids") -> list[list[int]]:
    """A column of each document."""
    return batch.gathered(name).to_pylist()


def deviation(found: np.ndarray, expected: np.ndarray) -> float:
    """How far counts are from expected ones: chi-square less its mean, in its standard deviations."""
    free = len(found) - 1
    chi = float(((found - expected) ** 2 / expected).sum())
    return (chi - free) / (2 * free) ** 0.5
