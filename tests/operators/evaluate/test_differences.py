"""Pieces of text that two vocabularies cut otherwise: with the rest they are the text, and each is as small as can be."""

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from pairloom.operators import Pretokenizer, count_words, learn_bpe
from pairloom.operators.evaluate.differences import alignable, aligned, differences

ONE, OTHER = (
    learn_bpe(count_words(pa.array([text]), Pretokenizer(scheme=scheme)), 290, special_tokens=[])
    for text, scheme in (
        ("related words, naïve 日本 " * 9, "gpt2"),
        ("unrel atedly words 123 " * 9, "llama3"),
    )
)


@given(st.lists(st.text("related words un日ï1\n", max_size=20), max_size=3))
def test_pieces_lie_where_they_are_said_to_and_share_no_end_inside(texts: list[str]) -> None:
    found = aligned(ONE, OTHER, texts)
    for text, one in zip(texts, found, strict=True):
        data = text.encode()
        assert (len(one.first), len(one.second)) == tuple(len(v.encode_one(text)) for v in (ONE, OTHER))
        for start, ours, theirs in one.apart():
            assert ours != theirs
            whole = [part for part in (*ours, *theirs) if "\\x" not in part]
            if len(whole) == len(ours) + len(theirs):
                assert "".join(ours) == "".join(theirs)
                assert data[start:].decode().startswith("".join(ours))
    rows = differences(found)
    assert sum(row["count"] for row in rows) == sum(len(one.apart()) for one in found)
    assert [row["count"] for row in rows] == sorted((row["count"] for row in rows), reverse=True)


def test_a_vocabulary_differs_from_itself_in_nothing() -> None:
    assert differences(aligned(ONE, ONE, ["related words", ""])) == []
    assert alignable(ONE) is None
