"""Ends of tokens beside ends of morphemes."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairloom.operators import Pretokenizer, count_words, learn_bpe
from pairloom.operators.evaluate.alignment import morpheme_alignment

VOCABULARY = learn_bpe(
    count_words(pa.array(["evler evlerde kitap kitaplar é日" * 3]), Pretokenizer()),
    275,
    pretokenizer=Pretokenizer(),
)


def test_a_case_by_hand() -> None:
    cut = Pretokenizer(scheme="none")
    made = learn_bpe(count_words(pa.array([" ab", " ab", " ab"]), cut), 258, pretokenizer=cut)
    assert [made.tokens[i] for i in made.encode_one(" abc").tolist()] == [b" ab", b"c"]
    found = morpheme_alignment(
        made, {"abc": ("ab", "c"), "abcd": ("a", "bc", "d"), "ab": ("a", "b"), "x": ("x",)}
    )
    # abc|: found. abcd is ab|c|d: one of its two boundaries found. ab is one token. x is cut nowhere, and need not be.
    assert found == {
        "words": 4,
        "recall": 2 / 4,
        "precision": 2 / 3,
        "aligned": 2 / 4,
        "whole": 2 / 4,
        "score": (1 + 1 / 2) / 2,
        "scored": 2,
    }
    assert morpheme_alignment(made, {})["recall"] == 0
    for wrong in (("ab",), ("ab", "", "c"), ("ab", "d")):
        with pytest.raises(ValueError, match="does not spell 'abc'"):
            morpheme_alignment(made, {"abc": wrong})


@given(
    st.lists(st.lists(st.sampled_from(["ev", "ler", "de", "k", "itap", "é", "日"]), min_size=1, max_size=4))
)
def test_boundaries_are_those_of_the_tokens_spelled_one_by_one(segmented: list[list[str]]) -> None:
    words = {"".join(morphemes): tuple(morphemes) for morphemes in segmented}
    wanted = found = both = 0
    for word, morphemes in words.items():
        spelled = [VOCABULARY.tokens[i] for i in VOCABULARY.encode_one(f" {word}").tolist()]
        tokens = {len(b"".join(spelled[:i])) for i in range(1, len(spelled))} - {1}
        gold = {len("".join(morphemes[:i]).encode()) + 1 for i in range(1, len(morphemes))}
        wanted, found, both = wanted + len(gold), found + len(tokens), both + len(gold & tokens)
    facts = morpheme_alignment(VOCABULARY, words)
    assert facts["recall"] == both / max(1, wanted)
    assert facts["precision"] == both / max(1, found)
