"""N-grams: equal to their definition, however the corpus is cut."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairloom.operators.errors import RecipeError
from pairloom.operators.reference.statistics import ngrams
from pairloom.operators.statistics import STATISTICS
from pairloom.operators.statistics.ngrams import Ngrams
from tests.operators.statistics.support import DOCUMENTS, table


@given(DOCUMENTS, st.integers(1, 4), st.integers(1, 4), st.sampled_from([None, 1, 3]))
def test_it_is_the_definition_however_the_corpus_is_cut(
    documents: list[list[int]], cut: int, parts: int, top: int | None
) -> None:
    statistic = Ngrams(n=(3, 2), top=top)
    found = table(statistic, [documents[i::cut] for i in range(cut)], parts)
    expected = ngrams(documents, [2, 3], top)
    rows = list(zip(*(found.column(i).to_pylist() for i in range(3)), strict=True))
    assert [(n, tuple(gram), count) for n, gram, count in rows] == [row[:3] for row in expected]
    np.testing.assert_allclose(found.column("t").to_numpy(), [row[3] for row in expected], rtol=1e-9)
    whole = table(statistic, [documents], 1)
    assert found.equals(whole)


@given(DOCUMENTS, st.integers(1, 4), st.integers(1, 4), st.sampled_from([0.05, 0.2, 0.5]))
def test_what_is_rare_is_left_out_exactly(
    documents: list[list[int]], cut: int, parts: int, share: float
) -> None:
    """Two passes find every n-gram that is more than the share, with its count and its t, however the corpus is cut."""
    statistic = Ngrams(n=(3, 2), top=None, least_share=share)
    found = table(statistic, [documents[i::cut] for i in range(cut)], parts)
    expected = ngrams(documents, [2, 3], None)
    total = {n: sum(max(0, len(one) - n + 1) for one in documents) for n in (2, 3)}
    wanted = [row for row in expected if row[2] > Fraction(repr(share)) * total[row[0]]]
    rows = list(zip(*(found.column(i).to_pylist() for i in range(3)), strict=True))
    assert [(n, tuple(gram), count) for n, gram, count in rows] == [row[:3] for row in wanted]
    np.testing.assert_allclose(found.column("t").to_numpy(), [row[3] for row in wanted], rtol=1e-9)


def test_no_ngram_crosses_the_end_of_a_document() -> None:
    found = table(Ngrams(n=(2,), top=None), [[[1, 2], [3]]], 1)
    assert found.column("ngram").to_pylist() == [[1, 2]]


@pytest.mark.parametrize(
    "wrong", [{"n": ()}, {"n": (1,)}, {"n": (2, 2)}, {"n": (9,)}, {"top": 0}, {"least_share": 1}]
)
def test_what_makes_no_sense_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"n lists lengths|top must be|least_share must be"):
        Ngrams(**wrong)


def test_statistics_are_found_by_name() -> None:
    assert "ngrams" in STATISTICS.names()
    assert STATISTICS.get("ngrams") is Ngrams
    with pytest.raises(RecipeError, match="did you mean 'ngrams'"):
        STATISTICS.get("ngram")
