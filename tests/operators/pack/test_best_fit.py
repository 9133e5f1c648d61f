"""Best-fit decreasing puts each piece where it is specified to go."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pairloom.operators.pack.best_fit import best_fit
from pairloom.operators.reference.pack.strategies import best_fit as best_fit_by_hand
from pairloom.operators.reference.pack.strategies import layout


@given(st.integers(1, 40), st.data())
def test_pieces_share_rows_as_specified(seq_len: int, data: st.DataObject) -> None:
    lengths = data.draw(st.lists(st.integers(1, seq_len), max_size=40))
    rows = layout(best_fit(np.array(lengths, np.int32), seq_len).tolist())
    expected = [[piece for piece, _, _ in row] for row in best_fit_by_hand(lengths, seq_len, "split")]
    assert sorted(rows) == expected
