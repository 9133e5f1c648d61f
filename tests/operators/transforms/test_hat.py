"""HAT's words: the twin's and those of the package hat-splitter, the paper's examples, limits, prefixes (C21)."""

import runpy
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from hat_splitter import HATSplitter
from hypothesis import given
from hypothesis import strategies as st

from pairloom.operators.reference.transforms import hat as twin
from pairloom.operators.transforms import _word_breaks
from pairloom.operators.transforms.hat import Hat, word_matrix
from pairloom.operators.transforms.identifiers import pooling_offsets
from pairloom.operators.transforms.kernels.hat import SPECIAL
from tests.operators.transforms.support import batch_of, rows

BYTES = np.append(np.arange(256), SPECIAL).astype(np.uint16)
MARK = 256
NASTY = (
    "ab Z.,'\"\n\r\t-_1:;",
    "a\u0308\u200d \u00a0\u2003\u00e9\u00c9",
    "\u05d0\u05d1\"'\u05f4 \u05f3",
    "\u30a2\u30a4\u30fc_1 \u65e5\u672c\u8a9e",
    "\U0001f1e9\U0001f1ea\U0001f1eb\U0001f468\u200d\u2764\ufe0f ",
    "09.,;'a_",
    " \u0301\u00ad\u200d.\n",
    "\u0e2a\u0e27\u0e31 \u1000,\u06d4",
)
TEXTS = st.one_of(
    *(st.text(st.sampled_from(pool), max_size=14) for pool in NASTY),
    st.text(st.sampled_from("".join(NASTY)), max_size=14),
    st.text(max_size=10),
)


def words(text: str, most: int = 1 << 20) -> list[bytes]:
    """The words of a text, cut by what the step says of its bytes."""
    content = text.encode()
    made = Hat(max_bytes=most)(batch_of([list(content)]), 0, BYTES)
    assert rows(made) == [list(content)]
    offsets = pooling_offsets(np.array(rows(made, "word")[0], np.int32)).tolist()
    return [content[a:b] for a, b in zip(offsets, offsets[1:], strict=False)]


def value(character: str) -> int:
    return int(_word_breaks.word_breaks()[ord(character)])


@given(TEXTS, st.sampled_from([1, 2, 3, 5, 100]))
def test_it_is_the_twin(text: str, most: int) -> None:
    assert words(text, most) == twin.mark_words(text, most, value)


@given(TEXTS, st.sampled_from([1, 2, 3, 5, 100]))
def test_it_is_what_the_package_of_its_authors_says(text: str, most: int) -> None:
    if any(unicodedata.category(character) in {"Cn", "Cs"} for character in text):
        return  # what is not assigned in Python's Unicode is in the package's another thing than in ours
    assert words(text, most) == HATSplitter().split_with_limit(text, most)


@pytest.mark.parametrize(
    ("text", "most", "found"),
    [
        ("Hello, world!", 100, ["Hello,", " world!"]),
        ("howAreYou", 100, ["how", "Are", "You"]),
        ("how_are_you", 100, ["how_", "are_", "you"]),
        ("verylongword", 10, ["verylongwo", "rd"]),
        ("f\u00fcr", 2, ["f", "\u00fc", "r"]),
        ("a  b \n c", 100, ["a", "  ", "b", " ", "\n", " c"]),
        ("a . b (c) \u65e5\u672c\u3002", 100, ["a", " .", " b", " (", "c)", " \u65e5", "\u672c\u3002"]),
        (
            "\U0001f1e9\U0001f1ea\U0001f1eb\U0001f1f7 x",
            100,
            ["\U0001f1e9\U0001f1ea", "\U0001f1eb\U0001f1f7", " x"],
        ),
    ],
)
def test_words_are_those_of_the_paper(text: str, most: int, found: list[str]) -> None:
    assert words(text, most) == [word.encode() for word in found]


def test_a_character_longer_than_a_word_is_cut() -> None:
    assert words("\U0001f600", 2) == ["\U0001f600".encode()[:2], "\U0001f600".encode()[2:]]


@given(TEXTS)
def test_words_of_a_prefix_that_ends_with_a_word_come_first(text: str) -> None:
    found = words(text)
    for many in range(len(found)):
        prefix = b"".join(found[:many]).decode()
        # A boundary may depend on what follows it, never on what came after that.
        assert words(prefix + text[len(prefix) :])[:many] == found[:many]
        assert b"".join(words(prefix)) == prefix.encode()


@given(st.lists(st.lists(st.integers(0, MARK), max_size=20), max_size=4))
def test_documents_and_special_tokens_stand_alone(documents: list[list[int]]) -> None:
    """Any bytes, whether they are UTF-8 or not: each document as if it were alone, and so what is between special tokens."""
    made = rows(Hat(max_bytes=4)(batch_of(documents), 0, BYTES), "word")
    for document, found in zip(documents, made, strict=True):
        wanted: list[int] = []
        part: list[int] = []
        for token in [*document, MARK]:
            if token != MARK:
                part.append(token)
                continue
            number = max(wanted, default=-1) + 1
            alone = rows(Hat(max_bytes=4)(batch_of([part]), 0, BYTES), "word")[0]
            wanted += [number + n for n in alone]
            wanted.append(max(wanted, default=-1) + 1)
            part = []
        assert found == wanted[:-1]


def test_words_as_lines_of_a_matrix_are_the_text() -> None:
    content = b"Hello, world!"
    word = np.array([*rows(Hat()(batch_of([list(content)]), 0, BYTES), "word")[0], -1], np.int32)
    ids = np.array([*content, 0], np.uint16)
    found = word_matrix(ids, word, 8)
    assert [bytes(line).rstrip(b"\0") for line in found.astype(np.uint8)] == [b"Hello,", b" world!"]
    with pytest.raises(ValueError, match="a word has 7 bytes, more than max_bytes, which is 6"):
        word_matrix(ids, word, 6)
    assert word_matrix(ids[:0], word[:0], 6).shape == (0, 6)


def test_longer_tokens_and_limits_of_nothing_are_refused() -> None:
    class Known:
        tokens = (b"<end>", b"a", b"ab")
        reserved_ids = (0,)

    with pytest.raises(
        ValueError, match=r"vocabulary must be of single bytes, and token 2 is b'ab': learn one"
    ):
        Hat().prepare(Known())
    with pytest.raises(ValueError, match="max_bytes must be from 1"):
        Hat(max_bytes=0)


@pytest.mark.rare("operators/transforms", "infra/make_word_breaks.py")
def test_the_table_is_what_its_script_writes() -> None:
    made = runpy.run_path(str(Path(__file__).parents[3] / "infra" / "make_word_breaks.py"))
    shipped = Path(_word_breaks.__file__).with_name("unicode17.bin").read_bytes()
    assert made["opened"](shipped) == made["opened"](made["build"]())
