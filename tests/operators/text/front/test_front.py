"""Normalizing by a table and cutting between neighbours, as their twins do."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairloom.operators.reference.text.front import met, normalized, pieces
from pairloom.operators.text.arrays import Text, text_of
from pairloom.operators.text.front import UnknownFrontError, read_front
from pairloom.operators.text.front.kernels import rewrite as k
from pairloom.operators.text.front.normal import Table, by_table
from pairloom.operators.text.front.pieces import Pieces, apart_by

TEXTS = st.lists(st.text("aB é日\n\u0301\u2581🤦 ", max_size=40), max_size=6)
BECOMES = {"B": "b", "\n": " ", "日": " 日 ", "\u0301": None, "é": "", "🤦": "x" * (k.LONGEST + 1)}


def becomes(char: str) -> str | None:
    made = BECOMES.get(char, char)
    return made if made is None or len(made) <= k.LONGEST else None


def column(texts: list[str]) -> Text:
    return text_of(pa.array(texts, pa.large_string()))


@given(
    TEXTS, st.booleans(), st.sampled_from(["", "l", "r", "lr"]), st.sampled_from(["", "prefix", "prepend"])
)
def test_text_is_normalized_as_its_characters_are(
    texts: list[str], runs: bool, strip: str, first: str
) -> None:
    does = (k.JOIN_RUNS if runs else 0) | (k.STRIP_LEFT if "l" in strip else 0)
    does |= (k.STRIP_RIGHT if "r" in strip else 0) | {"": 0, "prefix": k.PREFIX, "prepend": k.PREPEND}[first]
    table = Table(lambda char: BECOMES.get(char, char))
    made, hard = by_table(column(texts), np.full(len(texts), does, np.int16), table)
    options = {"runs": runs, "strip": strip, "prefix": first == "prefix", "prepend": first == "prepend"}
    expected = [normalized(text, becomes, **options) for text in texts]
    assert hard.tolist() == [i for i, one in enumerate(expected) if one is None]
    found = [
        made.data[low:high].tobytes().decode()
        for low, high in zip(made.offsets[:-1], made.offsets[1:], strict=True)
    ]
    assert found == [one or "" for one in expected]


@given(TEXTS, st.integers(1, 6))
def test_unknown_characters_are_met_once(texts: list[str], room: int) -> None:
    text, table = column(texts), np.zeros(0x110000, np.int32)
    table[:128] = k.KEEP
    expected = met(texts, lambda char: ord(char) < 128)
    found = np.empty(room, np.int64)
    seen: list[int] = []
    while count := k.unknown_points(text.data, text.offsets, table, found):
        seen += found[:count].tolist()
    assert list(map(chr, seen)) == expected


@given(TEXTS, st.integers(1, 30))
def test_text_is_cut_between_neighbours_that_are_apart(texts: list[str], size: int) -> None:
    pairs = {(1, 2), (2, 2), (0, 1)}
    numbers = {" ": 1, "é": 2, "日": 2}
    classes = np.zeros(0x110000, np.uint8)
    for char, number in numbers.items():
        classes[ord(char)] = number
    cut = Pieces(classes, apart_by(dict.fromkeys(pairs, True)))
    text = column(texts)
    found: list[str] = []
    last = 0
    for start, ends in cut.blocks(text, block_bytes=size):
        assert start == last
        for end in ends.tolist():
            found.append(text.data[last:end].tobytes().decode())
            last = end
    expected = [
        piece
        for one in texts
        for piece in pieces(one, lambda a, b: (numbers.get(a, 0), numbers.get(b, 0)) in pairs)
    ]
    assert found == expected


def test_what_is_not_known_says_so() -> None:
    with pytest.raises(UnknownFrontError, match="CharDelimiterSplit"):
        read_front(None, {"type": "CharDelimiterSplit"})
    with pytest.raises(UnknownFrontError, match="first"):
        read_front(
            {"type": "NFC"},
            {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "first", "split": True},
        )
    assert (
        read_front({"type": "Replace", "pattern": {"String": "ab"}, "content": ""}, None).whole == "Replace"
    )
