"""Landmarks and thoughts: where they stand, how many there are, and that without them documents are as before (C20, N24)."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairloom.operators.reference.transforms import inserted as twin
from pairloom.operators.transforms.kernels.inserted import insert_runs
from pairloom.operators.transforms.landmark import Landmark
from pairloom.operators.transforms.thought import Thought
from tests.operators.transforms.support import DTYPES, SEEDS, batch_of, rows

DOCUMENTS = st.lists(st.lists(st.integers(3, 300), max_size=30), max_size=5)


@given(st.lists(st.binary(max_size=20), max_size=4), st.integers(1, 6), st.binary(max_size=3), st.data())
def test_runs_are_where_the_twin_puts_them(
    documents: list[bytes], every: int, run: bytes, data: st.DataObject
) -> None:
    count = [data.draw(st.integers(0, len(document) // every)) for document in documents]
    flat = np.frombuffer(b"".join(documents) + b"\0", np.uint8).copy()
    size = np.array([len(document) for document in documents], np.int64)
    out = np.zeros(int(size.sum()) + sum(count) * len(run), np.uint8)
    insert_runs(
        flat.ctypes.data + np.cumsum(size) - size,
        size,
        every,
        np.array(count, np.int64),
        np.frombuffer(run, np.uint8).copy(),
        out,
    )
    assert out.tobytes() == twin.insert_runs(documents, every, count, run)


@given(DOCUMENTS, st.integers(1, 9), st.booleans(), DTYPES, SEEDS)
def test_landmarks_end_blocks_and_are_counted_as_published(
    documents: list[list[int]], every: int, last: bool, dtype: type, seed: int
) -> None:
    """C20: floor(n / every) where one may end a document, ceil(n / every) - 1 where none does."""
    step = Landmark(every=every, last=last)
    batch = batch_of(documents, dtype)
    made = step(batch, seed, np.array([2]))
    for document, found, block, place in zip(
        documents, rows(made), rows(made, "block"), rows(made, "place"), strict=True
    ):
        n = len(document)
        assert found.count(2) == (n // every if last else max(0, -(-n // every) - 1))
        assert [token for token in found if token != 2] == document
        assert [at for at in place if at] == list(range(1, n + 1))
        for at, token in enumerate(found):
            assert block[at] == twin.number_places(len(found), every + 1)[at][0]
            assert (token == 2) == (at % (every + 1) == every)
    back = step.undo(made, seed, np.array([2]))
    assert rows(back) == rows(batch)
    assert rows(back, "place") == rows(batch, "place")


@given(DOCUMENTS, st.integers(1, 9), st.integers(2, 5), st.booleans(), SEEDS)
def test_thoughts_have_their_slots_and_text_between(
    documents: list[list[int]], every: int, slots: int, other: bool, seed: int
) -> None:
    step = Thought(every=every, slots=slots, slot="<s>" if other else None)
    names = {"<|startthought|>": 0, "<|endthought|>": 1, "<s>": 2}

    class Known:
        def special_id(self, token: str) -> int:
            return names[token]

    run = step.prepare(Known())
    assert run.tolist() == [0, *[2 if other else 0] * (slots - 2), 1]
    made = step(batch_of(documents), seed, run)
    for document, found, thought in zip(documents, rows(made), rows(made, "thought"), strict=True):
        wanted: list[int] = []
        for at in range(0, len(document), every):
            wanted += document[at : at + every]
            if at + every < len(document):
                wanted += run.tolist()
        assert found == wanted
        assert [place for place in thought if place] == list(range(1, slots + 1)) * (found.count(1))
    assert rows(step.undo(made, seed, run)) == documents


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: Landmark(every=0), "every"),
        (lambda: Landmark(token=""), "token"),
        (lambda: Thought(slots=1), "slots"),
        (lambda: Thought(every=0), "every"),
        (lambda: Thought(start="<x>", end="<x>"), "start"),
    ],
)
def test_a_bad_parameter_is_named(make: object, named: str) -> None:
    with pytest.raises(ValueError, match=f"^{named}"):
        make()  # type: ignore[operator]


def test_the_defaults_are_those_of_the_papers() -> None:
    assert Landmark().every == 63
    assert Thought().slots == 12
    assert Thought().special_tokens == ("<|startthought|>", "<|endthought|>")
