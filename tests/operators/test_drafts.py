"""Drafts as arrays: those of counting by hand, with what is left out, whatever the chunks of the table."""

from collections import Counter, defaultdict

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairloom.operators.drafts import drafts_of
from pairloom.operators.statistics.successors import Successors
from tests.operators.statistics.support import DOCUMENTS, table


def followers(documents: list[list[int]], context: int) -> dict[tuple[int, ...], Counter[int]]:
    found: dict[tuple[int, ...], Counter[int]] = defaultdict(Counter)
    for document in documents:
        for i in range(len(document) - context):
            found[tuple(document[i : i + context])][document[i + context]] += 1
    return found


@given(DOCUMENTS, st.integers(1, 4), st.integers(1, 3), st.integers(1, 2))
def test_rows_are_the_most_frequent_and_say_what_they_lack(
    documents: list[list[int]], context: int, top: int, min_count: int
) -> None:
    """N23: equal to a count by hand; rows add up to 1 at most, and with what was discarded to all that follows."""
    statistic = Successors(context=context, top=top, min_count=min_count)
    drafts = drafts_of(table(statistic, [documents[::2], documents[1::2]], 2))
    wanted = {
        key: sorted(((-n, token) for token, n in after.items() if n >= min_count))[:top]
        for key, after in followers(documents, context).items()
    }
    wanted = {key: rows for key, rows in wanted.items() if rows}
    assert [tuple(row) for row in drafts.contexts.tolist()] == sorted(wanted)
    assert drafts.first[0] == 0
    assert drafts.first[-1] == len(drafts.tokens) == len(drafts.probabilities)
    for i, key in enumerate(sorted(wanted)):
        here = slice(drafts.first[i], drafts.first[i + 1])
        assert (
            list(zip((-drafts.counts[here]).tolist(), drafts.tokens[here].tolist(), strict=True))
            == wanted[key]
        )
        total = followers(documents, context)[key].total()
        assert drafts.counts[here].sum() + drafts.discarded[i] == drafts.totals[i] == total
        assert np.isclose(drafts.probabilities[here].sum() + drafts.discarded[i] / total, 1)
    assert drafts.places(drafts.contexts).tolist() == list(range(len(wanted)))
    if context > 1:
        absent = np.array([[9] * context, [-1] * context, [1 << 33] * context])
        assert drafts.places(absent).tolist() == [-1, -1, -1]


def test_the_matrix_of_a_corpus_drafts_what_it_goes_on_with() -> None:
    """N22: a row for each token, zeros where nothing follows; drafts from it are right more often than those from zeros."""
    rng = np.random.default_rng(3)
    documents = [np.cumsum(rng.choice([1, 1, 1, 2], 60)).tolist() for _ in range(40)]
    documents = [[1 + one % 50 for one in document] for document in documents]
    drafts = drafts_of(table(Successors(), [documents[:30]], 1))
    matrix = drafts.matrix(60)
    assert matrix.shape == (60, 8)
    assert matrix.nbytes == 60 * 8 * 8
    assert not matrix[51:].any()
    held = [
        (one, two) for document in documents[30:] for one, two in zip(document, document[1:], strict=False)
    ]
    first = sum(matrix[one, 0] == two for one, two in held)
    assert first > len(held) / 2  # of zeros none would be
    with pytest.raises(ValueError, match="tokens must be the size of the vocabulary, above 50, not 50"):
        drafts.matrix(50)


def test_what_is_not_such_a_table_is_refused() -> None:
    with pytest.raises(ValueError, match="no column context, successors, total"):
        drafts_of(pa.table({"counts": [1]}))
    found = table(Successors(), [[[5, 6, 5, 6]]], 1)
    with pytest.raises(ValueError, match="one group of `per`"):
        drafts_of(pa.concat_tables([found, found]))
    with pytest.raises(ValueError, match="contexts of one length"):
        drafts_of(pa.concat_tables([found, table(Successors(context=2), [[[5, 6, 5, 6]]], 1)]))
    drafts = drafts_of(table(Successors(context=2), [[[5, 6, 5, 6]]], 1))
    with pytest.raises(ValueError, match="rows of 2 tokens"):
        drafts.places([[5]])
    with pytest.raises(ValueError, match="a row for each token"):
        drafts.matrix(9)
