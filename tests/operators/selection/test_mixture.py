"""Mixtures are exact: copies, epochs and places are what fractions say they are, one document at a time."""

import math
from collections import Counter
from fractions import Fraction

import numpy as np
import pyarrow as pa
import pytest
import xxhash
from hypothesis import given
from hypothesis import strategies as st

from pairloom.operators.errors import RecipeError
from pairloom.operators.kernels.hashing import hash_bytes
from pairloom.operators.reference.selection import duplicates as slow_duplicates
from pairloom.operators.reference.selection import mixture as slow
from pairloom.operators.selection.duplicates import digest_parts, digests, later_duplicates
from pairloom.operators.selection.mixture import (
    COPY_SEED,
    copy_keys,
    document_copies,
    expanded,
    partition_edges,
)
from pairloom.operators.selection.shares import MAX_EPOCHS, Asked, passes, source_epochs

IDS = st.lists(st.text(max_size=12), max_size=30)
EPOCHS = st.fractions(0, 6, max_denominator=10**6).filter(bool)
SEEDS = st.integers(0, 2**63 - 1)


def hashes(ids: list[str], seed: int) -> list[int]:
    stream = COPY_SEED ^ hash_bytes(seed.to_bytes(8, "little"))
    return [xxhash.xxh64_intdigest(name.encode(), stream) for name in ids]


@given(IDS, EPOCHS, SEEDS)
def test_copies_are_those_of_the_fraction(ids: list[str], epochs: Fraction, seed: int) -> None:
    expected = [slow.copies(hashed, epochs) for hashed in hashes(ids, seed)]
    column = pa.array(["before", *ids], pa.large_string()).slice(1)
    assert document_copies(column, epochs, seed).tolist() == expected


@given(st.text(max_size=12), SEEDS, st.sampled_from([-1, 0, 1]))
def test_a_document_is_chosen_from_its_own_hash_on(name: str, seed: int, beside: int) -> None:
    (hashed,) = hashes([name], seed)
    part = Fraction(max(0, min(2**64, hashed + beside)), 2**64)
    assert document_copies(pa.array([name]), 1 + part, seed).tolist() == [1 + (hashed < part * 2**64)]


def test_almost_an_epoch_is_an_epoch() -> None:
    ids = pa.array([str(i) for i in range(1000)])
    assert document_copies(ids, 2 - Fraction(1, 2**70), 0).tolist() == [2] * 1000
    assert document_copies(ids, Fraction(1, 10**30), 0).tolist() == [0] * 1000


@given(IDS, EPOCHS, EPOCHS, SEEDS)
def test_more_epochs_take_no_document_less_often(
    ids: list[str], one: Fraction, other: Fraction, seed: int
) -> None:
    less, more = sorted([one, other])
    column = pa.array(ids, pa.large_string())
    assert (document_copies(column, less, seed) <= document_copies(column, more, seed)).all()


@given(IDS, EPOCHS, SEEDS)
def test_copies_depend_on_nothing_but_the_document(ids: list[str], epochs: Fraction, seed: int) -> None:
    whole = document_copies(pa.array(ids, pa.large_string()), epochs, seed).tolist()
    each = [document_copies(pa.array([name], pa.large_string()), epochs, seed)[0] for name in ids]
    assert whole == each


@given(st.lists(st.integers(0, 5), max_size=20))
def test_copies_are_expanded_in_order(copies: list[int]) -> None:
    index, number = expanded(np.array(copies, np.int64))
    assert list(zip(index.tolist(), number.tolist(), strict=True)) == [
        (d, k) for d, many in enumerate(copies) for k in range(many)
    ]


@given(st.sets(st.integers(0, 2**64 - 1), max_size=30), st.integers(0, 900))
def test_places_of_copies(keys: set[int], copy: int) -> None:
    column = np.array(sorted(keys), np.uint64)
    first = copy_keys(column, np.zeros(len(column), np.int64))
    later = copy_keys(column, np.full(len(column), copy, np.int64))
    assert first.tolist() == column.tolist()
    assert len(set(later.tolist())) == len(keys)


@st.composite
def mixtures(draw: st.DrawFn) -> tuple[list[Asked], list[int], int | None]:
    available = draw(st.lists(st.integers(1, 10**15), min_size=1, max_size=5))
    if draw(st.booleans()):
        ratios = st.fractions(0, 10, max_denominator=1000).filter(bool)
        asked = [Asked(name=f"s{i}", weight=draw(ratios)) for i in range(len(available))]
        total = draw(st.none() | st.integers(1, 10**15))
        return asked, available, total
    one = st.sampled_from(["epochs", "tokens", "nothing"])
    asked = []
    for i, there in enumerate(available):
        kind = draw(one)
        epochs = draw(EPOCHS) if kind == "epochs" else None
        tokens = draw(st.integers(1, 900 * there)) if kind == "tokens" else None
        asked.append(Asked(name=f"s{i}", epochs=epochs, tokens=tokens))
    return asked, available, None


@given(mixtures())
def test_epochs_deliver_what_is_asked(case: tuple[list[Asked], list[int], int | None]) -> None:
    asked, available, total = case
    try:
        epochs = source_epochs(asked, available, total)
    except RecipeError as error:
        assert "would be seen" in str(error)  # noqa: PT017
        weights = sum(one.weight for one in asked if one.weight)
        assert total is not None
        assert any(
            total * one.weight / weights / there > MAX_EPOCHS
            for one, there in zip(asked, available, strict=True)
            if one.weight
        )
        return
    tokens = [e * there for e, there in zip(epochs, available, strict=True)]
    for one, e, got in zip(asked, epochs, tokens, strict=True):
        if one.tokens is not None:
            assert got == one.tokens
        elif one.weight is None:
            assert e == (one.epochs or 1)
    if asked[0].weight is not None:
        weights = sum(one.weight for one in asked if one.weight)
        assert [got / sum(tokens) for got in tokens] == [one.weight / weights for one in asked if one.weight]
        assert sum(tokens) == total if total is not None else max(epochs) == 1


@pytest.mark.parametrize(
    ("asked", "available", "total", "message"),
    [
        (Asked(name="a", weight=Fraction(1)), 0, None, "source a has no training tokens to take a share of"),
        (Asked(name="a", tokens=7), 0, None, "source a has no training tokens"),
        (
            Asked(name="a", tokens=10_001),
            10,
            None,
            r"seen 1,000\.1 times, for 10,001 tokens of the 10 that it has",
        ),
        (Asked(name="a", weight=Fraction(1)), 10, 10**9, "more than 1000 epochs are refused"),
        (Asked(name="a", epochs=Fraction(1001)), 10, None, "more than 1000 epochs"),
    ],
)
def test_what_cannot_be_taken_is_named(asked: Asked, available: int, total: int | None, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        source_epochs([asked], [available], total)


def test_a_source_without_tokens_may_be_taken_once() -> None:
    assert source_epochs([Asked(name="a"), Asked(name="b", tokens=6)], [0, 4]) == (1, Fraction(3, 2))


@given(EPOCHS, st.integers(0, 10**6))
def test_passes_add_up(epochs: Fraction, tokens: int) -> None:
    widths = passes(epochs, tokens)
    assert sum(widths) == epochs * tokens
    assert len(widths) == math.ceil(epochs)
    assert all(width == tokens for width in widths[:-1])


@given(
    st.lists(st.tuples(st.fractions(0, 50, max_denominator=50), st.integers(1, 30)), min_size=1, max_size=4),
    st.integers(1, 12),
    st.integers(1, 40),
)
def test_places_in_order_are_those_of_fractions(
    sources: list[tuple[Fraction, int]], parts: int, size: int
) -> None:
    base, last = Fraction(0), 0
    for width, length in sources:
        first, edges = partition_edges(base, width, length, size, parts)
        found = [first + int(np.searchsorted(edges, r, side="right")) for r in range(length)]
        assert found == [slow.partition(base, width, length, size, parts, r) for r in range(length)]
        assert last <= found[0] <= found[-1] < parts
        assert found == sorted(found)
        base, last = base + width, found[-1]


DOCUMENTS = st.lists(st.lists(st.integers(0, 3), max_size=4), max_size=40)


@given(
    DOCUMENTS,
    st.sampled_from([pa.uint16(), pa.uint32()]),
    st.integers(0, 3),
    st.randoms(use_true_random=False),
)
def test_the_first_of_equal_documents_stays(
    documents: list[list[int]], kind: pa.DataType, skip: int, rng: object
) -> None:
    tokens = pa.array([[9]] * skip + documents, pa.large_list(kind)).slice(skip)
    digest = digests(tokens)
    expected = slow_duplicates.later_duplicates(documents)
    ordinal = 3 * np.arange(len(documents))
    assert later_duplicates(digest, ordinal).tolist() == expected
    order = np.arange(len(documents))
    rng.shuffle(order)  # type: ignore[attr-defined]
    assert later_duplicates(digest[order], ordinal[order]).tolist() == [expected[i] for i in order]


@given(DOCUMENTS, st.integers(1, 7))
def test_partitions_find_what_the_whole_finds(documents: list[list[int]], parts: int) -> None:
    digest = digests(pa.array(documents, pa.large_list(pa.uint16())))
    part = digest_parts(digest, parts)
    ordinal = np.arange(len(documents))
    found = np.zeros(len(documents), np.bool_)
    for p in range(parts):
        found[part == p] = later_duplicates(digest[part == p], ordinal[part == p])
    assert found.tolist() == slow_duplicates.later_duplicates(documents)


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), max_size=30))
def test_both_halves_of_a_digest_count(halves: list[tuple[int, int]]) -> None:
    digest = np.array(halves, np.uint64).reshape(-1, 2)
    assert later_duplicates(digest, np.arange(len(halves))).tolist() == slow_duplicates.later_duplicates(
        halves
    )


def test_digests_are_those_of_sha256_and_spread_evenly() -> None:
    tokens = pa.array([[i, i >> 8] for i in range(4000)], pa.large_list(pa.uint16()))
    digest = digests(tokens)
    # echo -n "abc" | sha256sum
    abc = digests(pa.array([[0x61, 0x62, 0x63]], pa.large_list(pa.uint8())))
    assert [hex(int(half)) for half in abc[0]] == ["0xba7816bf8f01cfea", "0x414140de5dae2223"]
    spread = Counter(digest_parts(digest, 8).tolist())
    assert sorted(spread) == list(range(8))
    assert max(spread.values()) < 600
