"""The methods by which rows of new tokens are made: weights, what they are near to, and what they leave alone."""

from dataclasses import fields
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pairloom.operators import Pretokenizer, Vocabulary, count_words, learn_bpe
from pairloom.operators.embeddings import (
    METHODS,
    NEEDS,
    ORIGINS,
    Given,
    RowMap,
    Vectors,
    mean_row,
    method_of,
    new_rows,
    numbers_cut,
    row_map,
    settings_of,
)
from pairloom.operators.embeddings.vectors import nearest, softmax, sparsemax, unit
from pairloom.operators.errors import RecipeError


def learned(text: str, size: int) -> Vocabulary:
    words = count_words(pa.array([text]), Pretokenizer())
    return learn_bpe(words, size, special_tokens=("<|endoftext|>",))


OLD = learned("the threads of the loom are the threads of the needle " * 20, 290)
NEW = learned("the threads of a loom that weaves threads on threads of gold and bold needles " * 20, 310)
WIDTH = 12


def vectors(n: int, seed: int) -> Vectors:
    return Vectors(np.random.default_rng(seed).normal(size=(n, WIDTH)).astype(np.float32), "F32")


def everything() -> Given:
    counts = np.random.default_rng(0).integers(0, 50, len(OLD)).astype(np.int64)
    return Given(
        old=OLD,
        new=NEW,
        rows=row_map(OLD, NEW),
        counts=counts,
        old_vectors=vectors(len(OLD), 1),
        new_vectors=vectors(len(NEW), 2),
        donor=vectors(len(NEW) + 5, 3),
    )


def of(rows: RowMap, i: int) -> tuple[str, list[int], npt.NDArray[np.float64]]:
    at = slice(*rows.offsets[i : i + 2])
    return ORIGINS[rows.origin[i]], rows.ids[at].tolist(), rows.weights[at].astype(np.float64)


def dense(values: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.float64]:
    some, weights = sparsemax(values)
    found = np.zeros(values.shape)
    found[some] = weights
    return found


def made(rows: RowMap) -> list[int]:
    return np.flatnonzero(rows.origin == ORIGINS.index("method")).tolist()


@pytest.mark.parametrize("name", METHODS.names())
def test_rows_that_both_have_are_bit_equal_and_the_others_are_weighted_sums(name: str) -> None:
    """(N01, N02, C16)"""
    given_ = everything()
    method = method_of(name)
    rows = method.rows(given_)
    old = np.random.default_rng(4).normal(size=(len(OLD), 7)).astype(np.float32)
    new = new_rows(old, "F32", rows, mean_row(old, "F32", len(OLD)), 0, len(rows))
    assert len(rows) == len(NEW)
    assert set(method.needs) <= set(NEEDS)
    before = given_.rows
    shared = np.flatnonzero(before.origin == ORIGINS.index("same"))
    assert len(shared) > 256
    assert np.array_equal(new[shared], old[before.ids[before.offsets[shared]]])
    for i in range(len(rows)):
        origin, ids, weights = of(rows, i)
        assert (origin == "method") <= (ORIGINS[before.origin[i]] == "pieces")
        if ids:
            assert new[i] == pytest.approx(weights @ old[ids].astype(np.float64), abs=1e-5)
            if name != "omp":
                assert weights.sum() == pytest.approx(1, abs=1e-5)
                assert (weights >= 0).all()
    assert bool(made(rows)) == (name != "pieces")
    assert rows.counts["pieces"] == (0 if name != "pieces" else before.counts["pieces"])


def test_pieces_count_as_often_as_they_occur() -> None:
    """(C16)"""
    given_ = everything()
    assert given_.counts is not None
    rows = method_of("frequency").rows(given_)
    for i in made(rows):
        _, ids, weights = of(rows, i)
        held = given_.counts[ids].astype(float)
        assert ids == of(given_.rows, i)[1]
        assert weights == pytest.approx(held / held.sum() if held.any() else np.full(len(ids), 1 / len(ids)))


def test_pieces_are_weighted_by_meaning_and_by_their_share_of_the_bytes() -> None:
    """(N01) Written out as it is published, softmax within softmax."""
    given_ = everything()
    assert given_.old_vectors is not None
    assert given_.new_vectors is not None
    rows = method_of("tokenadapt", {"mode": "local"}).rows(given_)
    assert made(rows)
    for i in made(rows):
        _, ids, weights = of(rows, i)
        token = given_.new_vectors.values[i]
        pieces = given_.old_vectors.values[ids]
        cosine = pieces @ token / np.linalg.norm(pieces, axis=1) / np.linalg.norm(token)
        share = np.array([len(OLD.tokens[piece]) for piece in ids]) / len(NEW.tokens[i])
        inner = np.exp(cosine) / np.exp(cosine).sum()
        outer = np.exp((inner + share) / 2 / 0.3)
        assert weights == pytest.approx(outer / outer.sum(), abs=1e-5)


def test_neighbours_are_the_nearest_of_the_old_tokens() -> None:
    """(N01) None of them special."""
    given_ = everything()
    assert given_.old_vectors is not None
    assert given_.new_vectors is not None
    rows = method_of("tokenadapt", {"mode": "global"}).rows(given_)
    for i in made(rows):
        _, ids, weights = of(rows, i)
        cosine = unit(given_.old_vectors.values) @ unit(given_.new_vectors.values[i : i + 1])[0]
        cosine[OLD.special_id("<|endoftext|>")] = -np.inf
        assert ids == np.argsort(-cosine, kind="stable")[:3].tolist()
        powers = np.exp(cosine[ids].astype(np.float64) / 0.3)
        assert weights == pytest.approx(powers / powers.sum(), abs=1e-5)


def test_both_are_mixed_seven_to_three() -> None:
    """(N01)"""
    given_ = everything()
    local, near, both = (
        method_of("tokenadapt", {"mode": mode}).rows(given_) for mode in ("local", "global", "hybrid")
    )
    for i in made(both):
        pieces, neighbours, mixed = of(local, i), of(near, i), of(both, i)
        assert mixed[1] == pieces[1] + neighbours[1]
        assert mixed[2] == pytest.approx(np.concatenate([0.7 * pieces[2], 0.3 * neighbours[2]]), abs=1e-6)


def test_a_token_of_one_piece_is_that_piece_where_neighbours_have_no_weight() -> None:
    """(N01)"""
    rows = row_map(OLD, NEW)
    i = next(i for i in range(len(NEW)) if ORIGINS[rows.origin[i]] == "pieces")
    one = RowMap(
        old_tokens=len(OLD),
        origin=np.where(np.arange(len(NEW)) == i, ORIGINS.index("pieces"), 0).astype(np.uint8),
        offsets=np.arange(len(NEW) + 1),
        ids=np.full(len(NEW), 7),
        weights=np.ones(len(NEW), np.float32),
    )
    given_ = Given(
        old=OLD, new=NEW, rows=one, old_vectors=vectors(len(OLD), 1), new_vectors=vectors(len(NEW), 2)
    )
    made_ = method_of("tokenadapt", {"weight": "0"}).rows(given_)
    old = np.random.default_rng(4).normal(size=(len(OLD), 7)).astype(np.float32)
    assert new_rows(old, "F32", made_, old[0], i, i + 1).tobytes() == old[7].tobytes()


def test_a_donor_that_is_the_model_itself_gives_its_own_rows() -> None:
    """(N02) Where both have the same rows for what they share, and k is their width."""
    given_ = everything()
    assert given_.donor is not None
    donor = given_.donor.values.astype(np.float64)
    old = np.random.default_rng(5).normal(size=(len(OLD), WIDTH))
    rows = given_.rows
    shared = np.flatnonzero(rows.origin == ORIGINS.index("same"))
    old[rows.ids[rows.offsets[shared]]] = donor[shared]
    found = method_of("omp", {"k": str(WIDTH)}).rows(given_)
    new = new_rows(old, "F64", found, old[0], 0, len(found))
    which = made(found)
    assert which
    assert new[which] == pytest.approx(donor[which], abs=1e-6)


def test_a_mixture_of_what_is_shared_is_sparse() -> None:
    """FOCUS: of tokens of both, by the sparsemax of cosines."""
    given_ = everything()
    assert given_.new_vectors is not None
    rows, before = method_of("focus").rows(given_), given_.rows
    shared = [
        i
        for i in range(len(NEW))
        if ORIGINS[before.origin[i]] == "same" and i != NEW.special_id("<|endoftext|>")
    ]
    ones = unit(given_.new_vectors.values)
    for i in made(rows):
        _, ids, weights = of(rows, i)
        wanted = dense((ones[shared] @ ones[i])[None])[0]
        assert ids == [int(before.ids[before.offsets[one]]) for one in np.array(shared)[wanted > 0]]
        assert weights == pytest.approx(wanted[wanted > 0], abs=1e-5)
        assert len(ids) < len(shared) / 4


@pytest.mark.parametrize("name", ["tokenadapt", "focus", "wechsel", "omp"])
def test_a_token_that_nothing_is_known_of_begins_from_its_pieces(name: str) -> None:
    given_ = everything()
    i = np.flatnonzero(given_.rows.origin == ORIGINS.index("pieces"))[0]
    assert given_.new_vectors is not None
    assert given_.donor is not None
    given_.new_vectors.values[i] = 0
    given_.donor.values[i] = np.nan
    told = {"mode": "global"} if name == "tokenadapt" else {}
    origin, ids, weights = of(method_of(name, told).rows(given_), int(i))
    assert (origin, ids) == ("pieces", of(given_.rows, int(i))[1])
    assert weights.sum() == pytest.approx(1)


@pytest.mark.parametrize("name", METHODS.names())
def test_the_same_vocabulary_has_nothing_to_be_made(name: str) -> None:
    given_ = Given(
        old=OLD,
        new=OLD,
        rows=row_map(OLD, OLD),
        counts=np.ones(len(OLD), np.int64),
        old_vectors=vectors(len(OLD), 1),
        new_vectors=vectors(len(OLD), 1),
        donor=vectors(len(OLD), 1),
    )
    assert method_of(name).rows(given_).counts["same"] == len(OLD)


@settings(max_examples=60)
@given(st.lists(st.floats(-5, 5, width=32), min_size=1, max_size=400))
def test_sparsemax_is_the_nearest_point_of_the_simplex(values: list[float]) -> None:
    z = np.array(values, np.float64)
    p = dense(z[None])[0]
    assert p.sum() == pytest.approx(1)
    assert (p >= 0).all()
    # Of the nearest point, what was taken away is the same wherever something is left, and no less elsewhere.
    taken = z - p
    assert taken[p > 0] == pytest.approx(taken[p > 0].max(), abs=1e-9)
    assert (taken[p == 0] <= taken[p > 0].max() + 1e-9).all()


def test_sparsemax_of_many_that_are_nearly_equal_takes_them_all() -> None:
    z = np.full((2, 3000), 0.3)
    z[1, :5] = [5, 1, 0, 0, 0]
    p = dense(z)
    assert p[0] == pytest.approx(np.full(3000, 1 / 3000))
    assert p[1].tolist()[:2] == [1.0, 0.0]
    assert dense(np.full((1, 3), -np.inf)).tolist() == [[0, 0, 0]]
    assert dense(np.zeros((2, 0))).shape == (2, 0)


def test_the_nearest_are_found_whatever_is_read_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    right, left = vectors(50, 6), unit(vectors(9, 7).values)
    ids = np.arange(0, 50, 2)
    whole = nearest(left, right, ids, 4)
    monkeypatch.setattr("pairloom.operators.embeddings.vectors.TILE_BYTES", 4 * WIDTH * 3)
    parts = nearest(left, right, ids, 4)
    assert np.array_equal(whole[0], parts[0])
    assert whole[1] == pytest.approx(parts[1])
    cosines = left @ unit(right.values[ids]).T
    assert np.array_equal(whole[0], ids[np.argsort(-cosines, axis=1)[:, :4]])
    assert softmax(np.array([[1000.0, 0.0]])).tolist() == [[1.0, 0.0]]


@pytest.mark.parametrize("name", METHODS.names())
def test_the_same_rows_are_made_however_little_is_read_at_a_time(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = method_of(name).rows(everything())
    monkeypatch.setattr("pairloom.operators.embeddings.vectors.TILE_BYTES", 4 * 3 * (WIDTH + 20))
    for module in ("tokenadapt", "wechsel"):
        monkeypatch.setattr(f"pairloom.operators.embeddings.methods.{module}._TOGETHER", 3)
    monkeypatch.setattr("pairloom.operators.embeddings.methods.focus.TILE_BYTES", 4 * 300 * 4)
    monkeypatch.setattr("pairloom.operators.embeddings.pursuit.BASIS_BYTES", 8 * WIDTH * WIDTH * 4)
    parts = method_of(name).rows(everything())
    assert np.array_equal(whole.ids, parts.ids)
    assert parts.weights == pytest.approx(whole.weights, rel=1e-4, abs=1e-6)


def test_what_a_method_is_told_is_checked() -> None:
    assert settings_of(method_of("wechsel", {"neighbours": "4"})) == {
        "name": "wechsel",
        "neighbours": 4,
        "temperature": 0.1,
    }
    for name, told, says in (
        ("omq", {}, "did you mean 'omp'"),
        ("omp", {"kk": "3"}, "is told k, and not 'kk'; did you mean 'k'"),
        ("omp", {"k": "x"}, "k is 'x', and no int"),
        ("omp", {"k": "0"}, "at least 1"),
        ("tokenadapt", {"mode": "near"}, "choose one of hybrid, local, global"),
        ("tokenadapt", {"weight": "2"}, "from 0 to 1"),
        ("tokenadapt", {"temperature": "nan"}, "more than 0"),
        ("wechsel", {"neighbours": "-1"}, "at least 1"),
        ("pieces", {"k": "1"}, "is told nothing, and not 'k'"),
    ):
        with pytest.raises(RecipeError, match=says):
            method_of(name, told)
    for kind in METHODS.all().values():
        assert kind.source
        assert all(field.kw_only for field in fields(kind))  # type: ignore[arg-type]


def test_numbers_are_cut_as_the_pretokenizer_cuts_them() -> None:
    """(C09)"""
    text = [
        " ".join(str(one) for one in range(1000, 9999, 7))
        + " "
        + " ".join(f"{one:03}" for one in range(1000))
    ]
    found = {}
    for digits in ("single", "l2r3", "r2l3"):
        cut = Pretokenizer(digits=digits)
        words = count_words(pa.array(text), cut)
        found[digits] = numbers_cut(learn_bpe(words, 2600, pretokenizer=cut))
    assert found["single"] == "single"
    assert (found["l2r3"], found["r2l3"]) == ("l2r3", "r2l3")


def test_of_those_that_are_as_near_the_first_are_taken() -> None:
    """Tokens of which vectors know the same, such as bytes that are no characters, are no draw."""
    rows = np.zeros((40, 2), np.float32)
    rows[:, 0] = 1
    rows[17] = 1, 1
    right = Vectors(rows, "F32")
    left = np.array([[1, 1], [1, 0]], np.float32) / np.sqrt([[2], [1]]).astype(np.float32)
    found, _ = nearest(left, right, np.arange(40), 3)
    assert found.tolist() == [[17, 0, 1], [0, 1, 2]]
