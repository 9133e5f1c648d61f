"""Successors, co-occurrence, document frequencies and lengths: equal to their definitions, however the corpus is cut."""

from fractions import Fraction
from math import lcm

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairloom.operators.reference import statistics as twin
from pairloom.operators.statistics.cooccurrence import Cooccurrence
from pairloom.operators.statistics.document_frequency import DocumentFrequency
from pairloom.operators.statistics.lengths import Lengths
from pairloom.operators.statistics.successors import Successors
from tests.operators.statistics.support import DOCUMENTS, rows, table

CUTS = st.integers(1, 4)


@given(DOCUMENTS, CUTS, CUTS, st.integers(1, 3), st.integers(1, 3), st.integers(1, 2))
def test_successors(
    documents: list[list[int]], cut: int, parts: int, context: int, top: int, min_count: int
) -> None:
    """N22 and N23: the order is that of counts, then ids; what the counts lack of the total was left out."""
    statistic = Successors(context=context, top=top, min_count=min_count)
    found = table(statistic, [documents[i::cut] for i in range(cut)], parts)
    wanted = twin.successors(documents, context, top, min_count)
    assert [(tuple(before), *rest) for before, *rest in rows(found)] == [tuple(row) for row in wanted]
    for _, _, counts, total in rows(found):
        assert sum(counts) <= total


@given(
    DOCUMENTS,
    CUTS,
    CUTS,
    st.integers(1, 6),
    st.booleans(),
    st.sampled_from([None, 2]),
    st.sampled_from([0, 0.75]),
    st.sampled_from([0.0, 0.1, 0.4]),
)
def test_cooccurrence(
    documents: list[list[int]],
    cut: int,
    parts: int,
    window: int,
    symmetric: bool,
    top: int | None,
    least: float,
    share: float,
) -> None:
    """N31: sums are exact, and so is what is left out."""
    statistic = Cooccurrence(window=window, symmetric=symmetric, top=top, min_weight=least, least_share=share)
    found = table(statistic, [documents[i::cut] for i in range(cut)], parts)
    scale = lcm(*range(1, window + 1))
    assert found.schema.metadata[b"scale"] == str(scale).encode()
    pairs = twin.cooccurrence(documents, window, symmetric=symmetric)
    bound = Fraction(repr(share)) * sum(pairs.values())
    wanted = sorted(
        (-weight, *pair)
        for pair, weight in pairs.items()
        if weight >= least and (not share or weight > bound)
    )[:top]
    assert [(-Fraction(count, scale), left, right) for left, right, count, _ in rows(found)] == wanted
    np.testing.assert_allclose(found.column("weight").to_numpy(), [float(-weight) for weight, *_ in wanted])


@given(DOCUMENTS, CUTS, CUTS, st.booleans())
def test_cooccurrence_of_ids_that_fill_their_numbers(
    documents: list[list[int]], cut: int, parts: int, symmetric: bool
) -> None:
    """N31: whether there is room for a distance beside a pair or not, the counts are the same."""
    statistic = Cooccurrence(window=3, symmetric=symmetric, top=None)
    wide = [[3_000_000_000 if one == 70_000 else one for one in document] for document in documents]
    found = table(statistic, [documents[i::cut] for i in range(cut)], parts)
    far = table(statistic, [wide[i::cut] for i in range(cut)], parts)
    moved = [tuple(70_000 if one == 3_000_000_000 else one for one in row) for row in rows(far)]
    assert sorted(moved) == sorted(rows(found))


@given(DOCUMENTS, CUTS, CUTS)
def test_document_frequencies_and_lengths(documents: list[list[int]], cut: int, parts: int) -> None:
    """N27."""
    units = [documents[i::cut] for i in range(cut)]
    found, wanted = rows(table(DocumentFrequency(), units, parts)), twin.document_frequency(documents)
    assert [row[:3] for row in found] == [row[:3] for row in wanted]
    np.testing.assert_allclose([row[3] for row in found], [row[3] for row in wanted], atol=1e-12)
    assert rows(table(Lengths(), units, parts)) == twin.lengths(documents)


@pytest.mark.parametrize(
    ("make", "key"),
    [
        (lambda: Successors(context=0), "context"),
        (lambda: Successors(top=0), "top"),
        (lambda: Successors(min_count=0), "min_count"),
        (lambda: Cooccurrence(window=31), "window"),
        (lambda: Cooccurrence(top=0), "top"),
        (lambda: Cooccurrence(min_weight=-1), "min_weight"),
        (lambda: Cooccurrence(least_share=-0.1), "least_share"),
    ],
)
def test_what_makes_no_sense_is_refused(make: object, key: str) -> None:
    with pytest.raises(ValueError, match=f"^{key} must be"):
        make()  # type: ignore[operator]
