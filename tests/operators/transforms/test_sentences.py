"""Sentences: the twin's, nothing longer than asked for unless it has no separator, text from its pieces (N06)."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairloom.operators.reference.transforms.sentences import mark_sentences
from pairloom.operators.transforms._text import Spelling, spelling_of
from pairloom.operators.transforms.kernels.hat import SPECIAL
from pairloom.operators.transforms.sentences import SEPARATORS, Sentences
from tests.operators.transforms.support import batch_of, rows

BYTES = Spelling(np.append(np.arange(256), SPECIAL).astype(np.uint16), np.arange(258))
MARKS = [separator.decode() for separator in SEPARATORS]
TEXTS = st.text(st.sampled_from("ab .!?\n\t\")'\u2026\u3002\uff01\u201d,;:\u00e9\U0001f600"), max_size=30)


def sentences(text: str, most: int) -> list[str]:
    """The sentences of a text, cut by what the step says of its bytes."""
    content = text.encode()
    number = rows(Sentences(max_characters=most)(batch_of([list(content)]), 0, BYTES), "sentence")[0]
    edges = [i for i in range(len(number)) if i == 0 or number[i] != number[i - 1]]
    assert [number[i] for i in edges] == list(range(len(edges)))
    ends = [*edges[1:], len(content)] if edges else []
    return [content[a:b].decode() for a, b in zip(edges, ends, strict=True)]


@given(TEXTS, st.sampled_from([1, 2, 5, 10, 256]))
def test_it_is_the_twin_and_pieces_are_the_text(text: str, most: int) -> None:
    found = sentences(text, most)
    assert found == mark_sentences(text, most, MARKS)
    assert "".join(found) == text
    for piece in found:
        assert len(piece) <= max(most, 15) or not any(mark in piece[:-1] for mark in (" ", ",", "\n"))


def test_a_long_sentence_is_cut_at_the_best_separator() -> None:
    text = "One of them; a second, which is longer than that: x. Short! No."
    assert sentences(text, 256) == ["One of them; a second, which is longer than that: x. ", "Short! ", "No."]
    assert sentences(text, 20) == [
        "One of them;",
        " a second,",
        " ",
        "which ",
        "is ",
        "longer ",
        "than ",
        "that:",
        " x. ",
        "Short! ",
        "No.",
    ]
    assert sentences("a. b. c. d. e. f. ", 256) == ["a. ", "b. ", "c. ", "d. ", "e. ", "f. "]
    assert sentences("1\n2\n3\n4\n5\n6\n7\n8\n9\n", 256) == ["1\n2\n3\n4\n5\n6\n7\n", "8\n9\n"]
    assert sentences('\u4eca\u65e5\u306f\u3002\u660e\u65e5\u3002 He said "No." Yes', 256) == [
        "\u4eca\u65e5\u306f\u3002",
        "\u660e\u65e5\u3002 ",
        'He said "No." ',
        "Yes",
    ]


class Known:
    """A vocabulary with tokens that hold ends, have no bytes, or are special."""

    tokens = (b"<end>", b"", b"It", b" rained", b". Why", b"?", b" ", b"\n\n")
    reserved_ids = (0,)


def test_a_token_belongs_to_the_sentence_of_its_first_byte() -> None:
    documents = [[2, 3, 4, 5, 7, 2, 0], [1, 1], [], [1, 5, 7, 1, 2, 3, 1], [0, 1]]
    made = Sentences()(batch_of(documents), 0, spelling_of(Known()))
    assert rows(made) == documents
    # ". Why" begins in the first sentence, "?" ends the second.
    assert rows(made, "sentence") == [[0, 0, 0, 1, 1, 2, 3], [0, 0], [], [0, 0, 0, 1, 1, 1, 1], [0, 0]]


def test_a_limit_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="max_characters must be from 1"):
        Sentences(max_characters=0)
