"""Words by their bytes: every byte and token of a row once, words of the twin, cut where they are too long (C23)."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairloom.operators.layouts import laid_out, taken_back
from pairloom.operators.layouts.byte2word import Byte2Word
from pairloom.operators.reference.layouts.byte2word import cut_words, spell_words
from pairloom.operators.reference.layouts.dupmae import mark_words
from pairloom.operators.reference.layouts.masked_lm import Setting
from tests.support.rows import Words, matrix, rows_of

WORDS = Words(["[PAD]", "[CLS]"], [b" a", b"b", b"cdefg", b".", b" d", b"\xc3", b"\xa9"])
WIDTH = 40
segment = st.lists(st.integers(0, len(WORDS) - 1), min_size=1, max_size=12)
rows_drawn = st.lists(st.lists(segment, min_size=1, max_size=3), min_size=0, max_size=3)


def expected(rows: list[list[list[int]]], step: Byte2Word, bits: np.ndarray) -> list[tuple[int, list[int]]]:
    """The row and the tokens of each word, by the twin's marks and one token after another."""
    setting = Setting(
        special=frozenset({0, 1}),
        goes_on=frozenset(np.flatnonzero(bits & 2).tolist()),
        closes=frozenset(np.flatnonzero(bits & 4).tolist()),
        ordinary=range(2, len(WORDS)),
        mask=1,
        rate=0,
        masked=0,
        changed=0,
    )
    out: list[tuple[int, list[int]]] = []
    for r, segments in enumerate(rows):
        flat = [token for one in segments for token in one]
        marks = mark_words(flat, [len(one) for one in segments], setting)
        size = [len(one) for one in WORDS.tokens]
        out += [(r, word) for word in cut_words(flat, marks, size, step.max_bytes, step.max_tokens)]
    return out


@given(rows_drawn, st.sampled_from([(5, 8), (9, 2), (32, 8), (6, 1)]))
def test_words_are_the_twins_and_nothing_is_lost(rows: list[list[list[int]]], size: tuple[int, int]) -> None:
    step = Byte2Word(max_bytes=size[0], max_tokens=size[1])
    tables = step.prepare(WORDS)
    given_rows = rows_of(rows, WIDTH)
    made = laid_out(given_rows, [step], 3, 0, 0, [tables])
    wanted = expected(rows, step, tables.bits)
    tokens = step.built("word_tokens", made, tables)
    spelled = step.built("word_bytes", made, tables)
    assert [[t for t in line if t != -100] for line in tokens.tolist()] == [word for _, word in wanted]
    assert step.built("word_rows", made, tables).tolist() == [row for row, _ in wanted]
    assert [bytes(b for b in line if b >= 0) for line in spelled.tolist()] == spell_words(
        [word for _, word in wanted], WORDS.tokens
    )
    assert (tokens.shape[1], spelled.shape[1]) == (size[1], size[0])
    assert (matrix(made, "words") > 0).sum() == sum(len(one) for segments in rows for one in segments)
    assert taken_back(made, [step], [tables]).equals(given_rows)


def test_the_tokens_of_a_word_are_its_bytes() -> None:
    step = Byte2Word(max_bytes=8, max_tokens=4)
    tables = step.prepare(WORDS)
    made = laid_out(rows_of([[[1, 2, 3, 4, 5]]], 8), [step], 0, 0, 0, [tables])
    assert matrix(made, "words").tolist() == [[1, 1, 2, 2, 1, 0, 0, 0]]
    assert step.built("word_tokens", made, tables).tolist() == [
        [1, -100, -100, -100],
        [2, 3, 4, -100],
        [5, -100, -100, -100],
    ]
    assert bytes(step.built("word_bytes", made, tables)[1].astype(np.uint8)) == b" abcdefg"


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(
        ValueError, match=r"max_bytes must be at least 5, the length of token \d+ \(b'.*'\), not 4"
    ):
        Byte2Word(max_bytes=4).prepare(WORDS)
    with pytest.raises(ValueError, match="max_tokens must be from 1 to 65535, not 0"):
        Byte2Word(max_tokens=0)
