"""Lexemes of code: those that a regular expression finds, numbered without going back, and pooled (N07)."""

import re

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pairloom.operators.transforms.identifiers import Identifiers, Tables, pooling_offsets
from tests.operators.transforms.support import batch_of, rows

TOKENS = [
    b"<end>",
    b"",
    b"def",
    b" parse",
    b"_",
    b"args",
    b"(",
    b"1",
    b"\xc3",
    b"\xa9",
    b" ",
    b"), x",
    b"\n\n",
]


class Known:
    """A vocabulary of these tokens, of which the first is special."""

    tokens = TOKENS
    reserved_ids = (0,)


TABLES: Tables = Identifiers().prepare(Known())


@given(st.lists(st.lists(st.integers(0, len(TOKENS) - 1), max_size=20), max_size=5))
def test_lexemes_are_runs_of_tokens_that_go_on(documents: list[list[int]]) -> None:
    made = Identifiers()(batch_of(documents), 0, TABLES)
    assert rows(made) == documents
    for document, found in zip(documents, rows(made, "lexeme"), strict=True):
        wanted, number = [], -1
        for at, token in enumerate(document):
            goes_on = at > 0 and 0 not in document[at - 1 : at + 1]
            goes_on &= bool(re.match(rb"[\w\x80-\xff]", TOKENS[token]))
            goes_on &= bool(re.search(rb"[\w\x80-\xff]\Z", TOKENS[document[at - 1]]))
            number += not goes_on
            wanted.append(number)
        assert found == wanted
        lexeme = np.array([*found, -1, -1], np.int32)
        offsets = pooling_offsets(lexeme)
        assert np.diff(offsets).tolist() == [found.count(number) for number in range(number + 1)]
        if found:
            pooled = np.add.reduceat(np.full(len(found), 2.5), offsets[:-1]) / np.diff(offsets)
            assert (pooled == 2.5).all()


def test_an_identifier_is_one_lexeme() -> None:
    document = [2, 3, 4, 5, 6, 5, 7, 11, 8, 9, 12, 0]
    made = Identifiers()(batch_of([document]), 0, TABLES)
    assert rows(made, "lexeme") == [[0, 1, 1, 1, 2, 3, 3, 4, 4, 4, 5, 6]]
