"""Lines are cut as the twin cuts them, wherever documents and the data end."""

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pairloom.operators.reference.text.pretokenize.lines import edges
from pairloom.operators.text.pretokenize.kernels.lines import SPARE, cut_lines

documents = st.lists(
    st.one_of(st.text(alphabet="a\n", max_size=9), st.integers(0, 200).map(lambda size: "b" * size)).map(
        str.encode
    ),
    max_size=30,
)


@given(documents, st.binary(max_size=3), st.sampled_from([b"", b"\n", b"x" * 70, b"\n" * 70]))
def test_edges_are_those_of_the_twin(texts, before, after):
    data = before + b"".join(texts) + after
    offsets = np.array([len(before), *(len(before) + n for n in itertools.accumulate(map(len, texts)))])
    held = np.frombuffer(data + b"\n" * 128, np.uint8)
    given_ = (held.ctypes.data, len(data), offsets.ctypes.data, len(texts))
    expected = edges(data, offsets.tolist())
    assert cut_lines(*given_, 0, 0) == len(expected)
    found = np.full(len(expected) + SPARE, -1)
    assert cut_lines(*given_, found.ctypes.data, len(found)) == len(expected)
    assert found[: len(expected)].tolist() == expected
