"""Prefixes of ordered tokens."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pairloom.operators.models.ids import vocabulary_of_ids
from pairloom.operators.tokens import TokenBatch
from pairloom.operators.transforms import TRANSFORMS, document_streams, draws
from pairloom.operators.transforms.prefix import Prefix

VOCABULARY = vocabulary_of_ids(20, ["<|end|>", "<b>", "</b>"])
END, BEGIN, CLOSE = 20, 21, 22
TOKENS = st.lists(st.sampled_from([*range(6), END, BEGIN, CLOSE]), max_size=12)


def batch_of(documents: list[list[int]], **columns: list[np.ndarray]) -> TokenBatch:
    """Documents, with columns beside them."""
    ids = [np.array(one, np.uint16) for one in documents]
    return TokenBatch.from_lists({"input_ids": ids, **columns})


def rows(batch: TokenBatch, name: str = "input_ids") -> list[list[int]]:
    """A column of each document."""
    return batch.gathered(name).to_pylist()


def cut(document: list[int], k: int, spans: bool) -> list[int]:
    """The same in plain Python."""
    if not spans:
        own = [i for i, token in enumerate(document) if token < 20]
        if not own:
            return document
        first, last = own[0], own[-1] + 1
        return document[:first] + document[first:last][:k] + document[last:]
    out, left = [], None
    for token in document:
        if token == BEGIN:
            left = k
            out.append(token)
        elif token == CLOSE:
            left = None
            out.append(token)
        elif left is None or left > 0:
            out.append(token)
            left = None if left is None else left - 1
    return out


@settings(deadline=None)
@given(st.lists(TOKENS, max_size=5), st.integers(0, 4), st.booleans())
def test_it_is_what_plain_python_gives(documents: list[list[int]], k: int, spans: bool) -> None:
    step = Prefix(keep=k, **({"begin": "<b>", "end": "</b>"} if spans else {}))
    place = [np.arange(len(one), dtype=np.int32) for one in documents]
    batch = batch_of(documents, place=place)
    made = step(batch, 0, step.prepare(VOCABULARY))
    assert rows(made) == [cut(one, k, spans) for one in documents]
    for ids, places, document in zip(rows(made), rows(made, "place"), documents, strict=True):
        assert [document[i] for i in places] == ids
    assert made.documents["prefix_length"].tolist() == [k] * len(documents)


def test_flextok_keeps_a_power_of_two_of_tokens() -> None:
    """(D3) FlexTok: 256 ordered tokens, of which 1, 2, 4, … or 256 are kept; drawn by document and copy."""
    values = tuple(1 << i for i in range(9))
    step = Prefix(keep=values)
    batch = batch_of([[i % 20 for i in range(256)] + [END]] * 900)
    made = step(batch, 7, step.prepare(VOCABULARY))
    kept = made.documents["prefix_length"].tolist()
    assert made.length.tolist() == [k + 1 for k in kept]
    assert set(kept) == set(values)
    assert all(60 < many < 140 for many in Counter(kept).values())
    streams = draws(document_streams(7, batch), 0)
    assert kept == [values[(one >> 11) * 9 >> 53] for one in streams.tolist()]
    again = step(batch.take(np.arange(900)[::-1]), 7, step.prepare(VOCABULARY))
    assert again.documents["prefix_length"].tolist() == kept[::-1]
    other = step(batch.with_copies(np.ones(900, np.int64)), 7, step.prepare(VOCABULARY))
    assert other.documents["prefix_length"].tolist() != kept


def test_one_d_piece_drops_tails_uniformly_and_shares_may_be_said() -> None:
    """(D3) One-D-Piece: any length from 1 to 8; and a set of lengths with shares."""
    batch = batch_of([list(range(8))] * 2000)
    step = Prefix(keep=tuple(range(1, 9)))
    assert all(
        190 < many < 310
        for many in Counter(step(batch, 0, step.prepare(VOCABULARY)).length.tolist()).values()
    )
    step = Prefix(keep=(2, 8), shares=(3, 1))
    found = Counter(step(batch, 0, step.prepare(VOCABULARY)).length.tolist())
    assert set(found) == {2, 8}
    assert 1400 < found[2] < 1600


def test_a_column_may_say_how_many() -> None:
    """(D3) Matryoshka: nested sets of tokens, the size of the set given."""
    batch = batch_of([[1, 2, 3, END], [4, 5], [6]]).with_documents({"k": np.array([2, -1, 9], np.int64)})
    step = Prefix(column="k")
    made = step(batch, 0, step.prepare(VOCABULARY))
    assert rows(made) == [[1, 2, END], [], [6]]
    assert made.documents["prefix_length"].tolist() == [2, 0, 9]
    with pytest.raises(ValueError, match=r"^column must be one of documents"):
        step(batch_of([[1]]), 0, step.prepare(VOCABULARY))


@pytest.mark.parametrize(
    ("keys", "start"),
    [
        ({}, "keep"),
        ({"keep": 3, "column": "k"}, "keep"),
        ({"keep": -1}, "keep"),
        ({"keep": (1, 2), "shares": (1.0,)}, "shares"),
        ({"keep": 3, "begin": "<b>"}, "begin"),
    ],
)
def test_a_bad_parameter_is_named(keys: dict[str, object], start: str) -> None:
    with pytest.raises(ValueError, match=f"^{start} must"):
        Prefix(**keys)


def test_it_is_found_by_name() -> None:
    assert TRANSFORMS.get("prefix") is Prefix
