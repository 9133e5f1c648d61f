"""Chunks between two tokenizations: they tile both, and end where both do (N04)."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairloom.operators.evaluate.chunks import chunks_between


def two_pointers(one: list[int], other: list[int]) -> list[list[int]]:
    """Advance the one that has fewer bytes; where both have as many, a chunk ends."""
    chunks, i, j, i0, j0 = [], 0, 0, 0, 0
    while i < len(one) or j < len(other):
        a, b = (one[i - 1] if i else 0), (other[j - 1] if j else 0)
        if a <= b:
            i += 1
        else:
            j += 1
        a, b = (one[i - 1] if i else 0), (other[j - 1] if j else 0)
        if a == b:
            chunks.append([i0, i, j0, j])
            i0, j0 = i, j
    return chunks


@given(st.sets(st.integers(1, 29)), st.sets(st.integers(1, 29)))
def test_they_are_those_of_two_pointers(first: set[int], second: set[int]) -> None:
    one, other = sorted({*first, 30}), sorted({*second, 30})
    found = chunks_between(np.array(one), np.array(other))
    assert found.tolist() == two_pointers(one, other)
    assert len(found) == len(set(one) & set(other))
    text = bytes(32 if place % 7 == 3 else 97 for place in range(30))
    spaced = chunks_between(np.array(one), np.array(other), mode="space", text=text)
    assert len(spaced) == sum(end == 30 or end % 7 == 3 for end in set(one) & set(other))
    for chunks in (found, spaced):
        assert chunks[0, 0] == chunks[0, 2] == 0
        assert (chunks[1:, [0, 2]] == chunks[:-1, [1, 3]]).all()
        assert (chunks[-1, 1], chunks[-1, 3]) == (len(one), len(other))


def test_the_published_example() -> None:
    """`ultracrepidarianism` by two tokenizers: three chunks."""
    one, other = (
        np.cumsum([len(part) for part in parts])
        for parts in ([" ultra", "cre", "pid", "arian", "ism"], [" ultr", "ac", "repid", "arian", "ism"])
    )
    assert chunks_between(one, other).tolist() == [[0, 3, 0, 3], [3, 4, 3, 4], [4, 5, 4, 5]]


def test_other_texts_are_refused_and_none_has_no_chunk() -> None:
    with pytest.raises(ValueError, match="no tokens of one text"):
        chunks_between(np.array([3]), np.array([4]))
    assert chunks_between(np.zeros(0, np.int64), np.zeros(0, np.int64)).shape == (0, 4)
