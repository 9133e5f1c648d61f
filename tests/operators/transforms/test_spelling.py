"""Documents of tokens as units: those of the twin, one document after another."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pairloom.operators.reference.transforms.spelling import copy_units
from pairloom.operators.transforms._text import Spelling

spelled = st.lists(st.lists(st.integers(0, 256), max_size=4), min_size=1, max_size=6)


@given(spelled, st.data())
def test_units_are_those_of_the_tokens(units: list[list[int]], data: st.DataObject) -> None:
    documents = data.draw(st.lists(st.lists(st.integers(0, len(units) - 1), max_size=9), max_size=4))
    offsets = np.cumsum([0, *map(len, units)], dtype=np.int64)
    spelling = Spelling(np.array([unit for one in units for unit in one], np.uint16), offsets)
    ids = np.array([token for one in documents for token in one], np.uint16)
    text, length, first = spelling.text(ids, np.array([len(one) for one in documents], np.int64))
    assert text.tolist() == copy_units(ids.tolist(), units)
    assert length.tolist() == [len(copy_units(one, units)) for one in documents]
    assert first.tolist() == [len(copy_units(ids[:i].tolist(), units)) for i in range(len(ids))]
