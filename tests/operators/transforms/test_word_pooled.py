"""Words on canvases: plain Python's, whole words in rows, text back from what is no filler (C22)."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairloom.operators.reference.transforms import hat
from pairloom.operators.reference.transforms.word_pooled import pooled
from pairloom.operators.transforms._word_breaks import word_breaks
from pairloom.operators.transforms.word_pooled import WordPooled
from tests.operators.transforms.support import DTYPES, batch_of, rows

TOKENS = [
    b"<end>",
    b"<|word|>",
    b"<|fill|>",
    b"",
    b" the",
    b"the",
    b" ",
    b"s.",
    b"n A",
    b"o",
    b",",
    b"\xc3",
    b"\xa9",
]


class Known:
    """A vocabulary of these tokens, of which the first three are special."""

    tokens = TOKENS
    reserved_ids = (0, 1, 2)

    @staticmethod
    def special_id(text: str) -> int:
        return TOKENS.index(text.encode())


TABLES = WordPooled().prepare(Known())
DOCUMENTS = st.lists(st.lists(st.sampled_from([0, *range(3, len(TOKENS))]), max_size=24), max_size=4)


def begins(document: list[int]) -> list[bool]:
    """Whether a word of the twin of HAT begins with each token; every special token is a word."""
    out: list[bool] = []
    part: list[int] = []
    for token in [*document, 0]:
        if token != 0:
            part.append(token)
            continue
        text = b"".join(TOKENS[one] for one in part).decode()
        starts = {0}
        for word in hat.mark_words(text, 1 << 20, lambda c: int(word_breaks()[ord(c)])):
            starts.add(max(starts) + len(word))
        at = 0
        for one in part:
            out.append(bool(TOKENS[one]) and at in starts)
            at += len(TOKENS[one])
        out.append(True)
        part = []
    return out[:-1]


@given(DOCUMENTS, st.sampled_from([(2, 1), (5, 2), (16, 4), (3, 0)]), DTYPES)
def test_it_is_plain_python(documents: list[list[int]], size: tuple[int, int], dtype: type) -> None:
    # Characters of several bytes are whole here: what is no UTF-8 is tried with the step `hat`.
    documents = [[t for t in d if t not in (11, 12)] for d in documents]
    step = WordPooled(canvas=size[0], prefix=size[1])
    batch = batch_of(documents, dtype)
    made = step(batch, 0, TABLES)
    for document, ids, units, places in zip(
        documents, rows(made), rows(made, "unit"), rows(made, "place"), strict=True
    ):
        assert (ids, units) == pooled(document, begins(document), *size, (1, 2))
        assert len(ids) % size[0] == 0
        assert [place for place, unit in zip(places, units, strict=True) if unit > 0] == [
            float(i) for i in range(1, len(document) + 1)
        ]
    assert rows(step.undo(made, 0, TABLES)) == documents
    assert made.dtype == batch.dtype


@given(DOCUMENTS)
def test_any_tokens_come_back(documents: list[list[int]]) -> None:
    step = WordPooled(canvas=4, prefix=1)
    assert rows(step.undo(step(batch_of(documents), 0, TABLES), 0, TABLES)) == documents


def test_a_word_and_what_it_predicts() -> None:
    made = WordPooled(canvas=5, prefix=2)(batch_of([[5, 7, 4, 0]]), 0, TABLES)
    ids = np.array(rows(made)[0]).reshape(-1, 5).tolist()
    assert ids == [[1, 1, 5, 7, 2], [1, 1, 4, 2, 2], [1, 1, 0, 2, 2]]  # "thes." " the" "<end>"


def test_what_makes_no_sense_is_refused() -> None:
    step = WordPooled(canvas=12)
    with pytest.raises(ValueError, match=r"canvas must divide pack\.seq_len, which is 128, not be 12"):
        step.in_rows(128, aligned=False)
    assert step.in_rows(144, aligned=False) == step
    for keys, message in (
        ({"canvas": 1}, "canvas must be from 2"),
        ({"prefix": 16}, "prefix must leave room for units on a canvas of 16 tokens: from 0 to 15, not 16"),
        ({"pad_token": "<|word|>"}, "pad_token must be another special token"),
    ):
        with pytest.raises(ValueError, match=message):
            WordPooled(**keys)
