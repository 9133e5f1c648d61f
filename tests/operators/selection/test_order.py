"""The order of rows is a bijection, and the one that is specified."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pairloom.operators.reference.selection.order import permute as permute_by_hand
from pairloom.operators.selection.kernels import permute
from pairloom.operators.selection.order import permutation


@given(st.integers(1, 70), st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=6), st.data())
def test_an_index_goes_where_it_is_specified(size: int, keys: list[int], data: st.DataObject) -> None:
    indices = np.array(data.draw(st.lists(st.integers(0, size - 1))), np.int64)
    bits = next(bits for bits in range(1, 64) if 4**bits >= size)
    out = np.empty(len(indices), np.int64)
    permute(indices, size, bits, np.array(keys, np.uint64), out)
    assert out.tolist() == [permute_by_hand(int(index), size, keys) for index in indices]


@given(st.integers(0, 300), st.integers(0, 9))
def test_a_permutation_is_one(size: int, seed: int) -> None:
    assert sorted(permutation(size, seed).tolist()) == list(range(size))
