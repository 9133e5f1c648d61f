"""Ledgers add up alike one by one and all at once."""

from functools import reduce

from hypothesis import given
from hypothesis import strategies as st

from pairloom.pipeline.store.coverage import Coverage
from pairloom.pipeline.store.receipts import Ledger

amounts = st.integers(0, 1 << 40)
reasons = st.dictionaries(st.sampled_from(["a", "b", "c: d"]), st.integers(1, 9))
ledgers = st.builds(
    Ledger,
    **{name: amounts if told.annotation is int else reasons for name, told in Ledger.model_fields.items()},
)
coverages = st.builds(
    Coverage,
    bytes=amounts,
    tokens=amounts,
    words=amounts,
    unknown_words=amounts,
    memo=st.sampled_from([None, "a", "b"]),
)


@given(st.lists(ledgers, max_size=5))
def test_all_at_once_is_one_by_one(some: list[Ledger]) -> None:
    assert Ledger.sum(some) == reduce(Ledger.__add__, some, Ledger())


@given(st.lists(coverages, max_size=5))
def test_coverage_of_parts_is_what_adding_to_nothing_gives(some: list[Coverage]) -> None:
    assert Coverage.sum(some) == reduce(Coverage.__add__, some, Coverage())
