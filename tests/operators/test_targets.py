"""Weights and distributions of documents: those of the definition, and what is left out moves nothing."""

from collections import Counter
from math import log

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairloom.operators.statistics.document_frequency import DocumentFrequency
from pairloom.operators.targets import target_distributions
from tests.operators.statistics.support import DOCUMENTS, table

STOPS = st.lists(st.sampled_from([0, 1, 2]), max_size=2, unique=True)


def lists(documents: list[list[int]]) -> pa.Array:
    return pa.array(documents, pa.large_list(pa.uint32()))


@given(DOCUMENTS, STOPS, st.booleans())
def test_of_every_document_the_definition(
    documents: list[list[int]], stops: list[int], counted: bool
) -> None:
    """N14, N27: tf · idf, adding up to 1, without what is left out, from any cut of the corpus."""
    statistic = DocumentFrequency(leave_out=tuple(stops) if counted else ())
    whole = table(statistic, [documents], 1)
    assert table(statistic, [documents[::2], documents[1::2]], 3).equals(whole)
    found = target_distributions(lists(documents), whole, leave_out=() if counted else stops).to_pylist()
    kept = [[token for token in document if token not in stops] for document in documents]
    many = sum(map(bool, kept)) if counted and stops else len(documents)
    having = Counter(token for document in kept for token in set(document))
    assert len(found) == len(documents)
    for document, row in zip(kept, found, strict=True):
        weights = {token: n * log(many / having[token]) for token, n in sorted(Counter(document).items())}
        weights = {token: weight for token, weight in weights.items() if weight > 0}
        assert row["tokens"] == list(weights)
        np.testing.assert_allclose(row["weights"], list(weights.values()))
        np.testing.assert_allclose(
            row["probabilities"], [weight / sum(weights.values()) for weight in weights.values()]
        )


@given(DOCUMENTS, st.integers(1, 5))
def test_documents_of_nothing_but_stop_tokens_change_nothing(documents: list[list[int]], more: int) -> None:
    """N14."""
    statistic = DocumentFrequency(leave_out=(1, 300))
    grown = table(statistic, [documents, [[1, 300, 1]] * more], 2)
    assert grown.equals(table(statistic, [documents], 2), check_metadata=True)
    assert grown.schema.metadata == {b"leave_out": b"[1, 300]"}
    assert DocumentFrequency().identity() == {"name": "document_frequency", "version": 1, "keys": {}}


def test_tokens_that_the_corpus_has_not_weigh_as_those_of_one_document() -> None:
    frequencies = table(DocumentFrequency(), [[[5, 6], [5], [5, 7, 7], [7]]], 1)
    row = target_distributions(lists([[6, 99]]), frequencies).to_pylist()[0]
    assert row["tokens"] == [6, 99]
    np.testing.assert_allclose(row["weights"], [log(4), log(4)])
    sliced = pa.chunked_array([lists([[1], [6], [7, 5]])[1:], lists([[]])])
    assert target_distributions(sliced, frequencies)["tokens"].to_pylist() == [[6], [5, 7], []]


def test_what_is_not_such_a_table_is_refused() -> None:
    frequencies = table(DocumentFrequency(), [[[5, 6], [5]]], 1)
    with pytest.raises(ValueError, match="no column documents, idf"):
        target_distributions(lists([[5]]), pa.table({"token": [1]}))
    with pytest.raises(ValueError, match="one group of `per`"):
        target_distributions(lists([[5]]), pa.concat_tables([frequencies, frequencies]))
    with pytest.raises(ValueError, match="without nulls"):
        target_distributions(pa.array([None], pa.large_list(pa.uint32())), frequencies)
    with pytest.raises(ValueError, match="leave_out must be ids"):
        DocumentFrequency(leave_out=(-1,))
