"""A tally is the sum of its hashes, whatever the order and the width of what it is of."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairloom.operators.kernels.hashing import hash_bytes
from pairloom.operators.pack.tally import tally_tokens, tally_values
from pairloom.operators.reference.pack.tally import tally, tally_documents

segments = st.lists(
    st.tuples(st.integers(0, 2**62), st.integers(0, 2**20), st.lists(st.integers(0, 255), max_size=5)),
    max_size=8,
)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32])
@given(segments, st.sampled_from(["input_ids", "loss_mask"]))
def test_tokens_add_up(dtype: Any, some: list[tuple[int, int, list[int]]], name: str) -> None:
    values = np.array([token for _, _, tokens in some for token in tokens], dtype)
    lengths = np.array([len(tokens) for _, _, tokens in some], np.int64)
    documents, offsets = (np.array([one[k] for one in some], np.int64) for k in range(2))
    found = np.zeros(4, np.uint64)
    tally_tokens(found, values, np.cumsum(lengths) - lengths, lengths, documents, offsets, name)
    column = 0 if name == "input_ids" else hash_bytes(name.encode())
    assert found.tolist() == tally(4, some, column)
    backwards = np.zeros(4, np.uint64)
    order = slice(None, None, -1)
    starts = (np.cumsum(lengths) - lengths)[order]
    tally_tokens(backwards, values, starts, lengths[order], documents[order], offsets[order], name)
    assert (backwards == found).all()


@given(st.lists(st.tuples(st.integers(0, 2**62), st.integers(0, 9), st.integers(0, 2**16 - 1)), max_size=8))
def test_values_of_documents_add_up_once_a_token(some: list[tuple[int, int, int]]) -> None:
    documents, lengths, values = (np.array([one[k] for one in some], np.int64) for k in range(3))
    found = np.zeros(8, np.uint64)
    tally_values(found, values.astype(np.uint16), lengths, documents, "quality")
    assert found.tolist() == tally_documents(8, some, hash_bytes(b"quality"))
