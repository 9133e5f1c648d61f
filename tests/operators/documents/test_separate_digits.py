"""Numbers with separators, and without them again."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairloom.operators import Pretokenizer, count_words
from pairloom.operators.documents import DocumentBatch
from pairloom.operators.documents.separate_digits import SeparateDigits, join_digits, separate_digits

NUMBERS = st.lists(
    st.sampled_from(["1", "12", "123", "1234567", ",", " ", ".", "$", "a", "٣٤٥٦"]), max_size=12
).map("".join)


@pytest.mark.parametrize(("direction", "cut"), [("l2r", "123,456,7"), ("r2l", "1,234,567")])
def test_from_the_end_and_from_the_start(direction, cut):
    """C09: `1234567` in both directions."""
    assert separate_digits("1234567", ",", direction) == cut
    assert separate_digits("123", ",", direction) == "123"


@pytest.mark.parametrize(("direction", "pieces"), [(None, 8), ("r2l", 12), ("l2r", 12)])
def test_a_problem_is_cut_in_as_many_tokens_as_published(direction, pieces):
    """C09: 8 tokens of cl100k, in which all numbers of three digits are tokens, and 12 with separators."""
    problem = "2307350+6058422="
    text = problem if direction is None else separate_digits(problem, ",", direction)
    assert count_words(pa.array([text], pa.large_string()), Pretokenizer(scheme="cl100k")).total == pieces


@given(
    st.lists(NUMBERS, max_size=5),
    st.sampled_from([",", " ", ".", "$", "#", ", "]),
    st.sampled_from(["r2l", "l2r"]),
)
def test_it_can_be_undone(texts, separator, direction):
    """C09: the text and the field `separated` give back every document."""
    step = SeparateDigits(separator=separator, direction=direction)
    made = step(DocumentBatch.of(texts))
    pairs = zip(made.content.to_pylist(), made.fields["separated"].to_pylist(), strict=True)
    assert [join_digits(text, separator, direction) if some else text for text, some in pairs] == texts


def test_what_cannot_be_undone_is_kept_or_counted():
    texts = ["1,234 and 5678", "5678", "none"]
    kept = SeparateDigits()(DocumentBatch.of(texts))
    assert kept.content.to_pylist() == ["1,234 and 5678", "5,678", "none"]
    assert kept.fields["separated"].to_pylist() == [False, True, False]
    left = SeparateDigits(ambiguous="drop")(DocumentBatch.of(texts))
    assert left.content.to_pylist() == ["5,678", "none"]
    assert left.dropped == {"has such separators already": 1}


@pytest.mark.parametrize("separator", ["", "1", "a2"])
def test_separators_that_are_none(separator):
    with pytest.raises(ValueError, match=r"^separator must be"):
        SeparateDigits(separator=separator)
