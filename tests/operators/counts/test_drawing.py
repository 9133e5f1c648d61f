"""Occurrences of words one by one: each once, any stretch like the whole."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairloom.operators import WordCounts
from pairloom.operators.counts.drawing import drawn_words, golden_step
from pairloom.operators.errors import CapacityError
from pairloom.operators.reference.counts import draw

WORDS = st.dictionaries(st.binary(min_size=1, max_size=3), st.integers(1, 9), max_size=12).map(
    lambda found: sorted(found.items())
)


def counts_of(words: list[tuple[bytes, int]]) -> WordCounts:
    return WordCounts(
        words=pa.array([word for word, _ in words], pa.large_binary()),
        counts=np.array([count for _, count in words], np.int64),
    )


@given(WORDS, st.integers(1, 40))
def test_words_come_in_the_order_of_the_twin_and_each_as_often_as_it_is_counted(
    words: list[tuple[bytes, int]], block: int
) -> None:
    places = [place for some in drawn_words(counts_of(words), block) for place in some.tolist()]
    total = sum(count for _, count in words)
    found = [words[place][0] for place in places]
    assert found == (draw(words, golden_step(total)) if total else [])
    assert {word: found.count(word) for word in set(found)} == dict(words)


def test_a_stretch_is_like_the_whole() -> None:
    """A word with a share p of all occurrences is within 4 of p * 1,000 of any thousand."""
    counts = counts_of([(b"a", 500_000), (b"b", 300_000), (b"c", 200_000)])
    for some in drawn_words(counts, 1000):
        seen = np.bincount(some, minlength=3)
        assert np.abs(seen - [500, 300, 200]).max() <= 4


def test_counts_as_large_as_they_can_be_are_gone_through_and_larger_ones_refused() -> None:
    half = 1 << 62
    first = next(drawn_words(counts_of([(b"a", half), (b"b", half - 1)]), 1000))
    assert 400 < int(first.sum()) < 600
    with pytest.raises(CapacityError, match="too many"):
        next(drawn_words(counts_of([(b"a", half), (b"b", half)])))
