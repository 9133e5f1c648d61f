"""Ids become the bytes of their tokens, and each token ends where its bytes do."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pairloom.operators.encode.decode import decode_lists, token_ends
from pairloom.operators.reference.encode import decode
from pairloom.operators.vocabulary.tokens import TokenTable


@given(st.lists(st.binary(max_size=6), min_size=1, max_size=9), st.data())
def test_lists_of_ids_are_decoded_as_by_hand(tokens: list[bytes], data: st.DataObject) -> None:
    lists = data.draw(st.lists(st.lists(st.integers(0, len(tokens) - 1), max_size=8), max_size=5))
    values = np.array([token for one in lists for token in one], np.uint32)
    offsets = np.cumsum([0, *map(len, lists)], dtype=np.int64)
    expected = [decode(one, tokens) for one in lists]
    table = TokenTable.of(tokens)
    assert decode_lists(table, values, offsets).to_pylist() == [whole for whole, _ in expected]
    assert token_ends(table, values, offsets, 0, 0).tolist() == [end for _, ends in expected for end in ends]
