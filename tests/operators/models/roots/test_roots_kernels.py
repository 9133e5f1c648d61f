"""The kernel of roots and affixes: ids of its twin, for any lexicon and text (C14)."""

import itertools

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pairloom.operators import Vocabulary
from pairloom.operators.models.roots import RootLexicon, Roots
from pairloom.operators.reference.models.bpe.word import encode_word
from pairloom.operators.reference.models.roots import cut_word
from pairloom.operators.text.arrays import text_of
from tests.operators.models.roots.test_roots import PIECES, TURKISH, learned


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    return learned(TURKISH, special_tokens=("<|e|>",))


def twin_ids(vocabulary: Vocabulary, word: str) -> list[int]:
    """The ids of a word by the twins of its kernel and of that of merges."""
    model = vocabulary.model
    assert isinstance(model, Roots)
    lexicon = model.lexicon
    items = cut_word(
        word,
        lexicon.roots,
        lexicon.affixes,
        dict(lexicon.classes),
        case=dict(lexicon.case),
        letters=lexicon.letters,
        joiners=lexicon.joiners,
    )
    ranks = {(left, right): (rank, 256 + rank) for rank, (left, right) in enumerate(model.fallback.tolist())}
    places = {vocabulary.tokens[model.spelled + i]: i for i in range(256)}
    ids: list[int] = []
    for item in items:
        if isinstance(item, str):
            symbols = [places[bytes([byte])] for byte in item.encode()]
            ids += [model.spelled + i for i in encode_word(symbols, ranks)]
        else:
            ids.append(model.lexical + item if item >= 0 else model.start - 1 - item)
    return ids


@given(st.lists(PIECES, max_size=10).map("".join))
def test_words_have_the_ids_of_the_twin(vocabulary: Vocabulary, word: str) -> None:
    check_ids(vocabulary, word)


def check_ids(vocabulary: Vocabulary, text: str) -> None:
    column = pa.array([text], pa.large_string())
    ends = np.concatenate(
        [
            np.zeros(0, np.int64),
            *(block.copy() for _, block in vocabulary.pretokenizer.blocks(text_of(column))),
        ]
    )
    words = [text.encode()[low:high].decode() for low, high in itertools.pairwise([0, *ends.tolist()])]
    expected = [i for word in words for i in twin_ids(vocabulary, word)]
    assert vocabulary.encode(column)[0].as_py() == expected


# Few letters, so that forms are parts of one another, and chosen and spelled in every way; of one to four bytes, some with a
# capital of another length, some with none.
LETTERS = "aberıßд漢😀"
CASES = {"A": "a", "B": "😀", "Д": "д", "𐐀": "ı", "E": "e"}


@st.composite
def lexica(draw: st.DrawFn) -> RootLexicon:
    forms = draw(
        st.lists(st.text(LETTERS + "'", min_size=1, max_size=3), min_size=2, max_size=14, unique=True)
    )
    names = {"vowel": "aeı😀", "x": "ab'", "y": "\u6f22e", "z": draw(st.text(LETTERS, max_size=3))}
    lines, at = [], 0
    while at < len(forms):
        size = draw(st.integers(1, 4))
        *first, last = forms[at : at + size]
        at += size
        tests = st.lists(
            st.builds(
                "{}{}{}".format,
                st.sampled_from(["vowel", "after", "before"]),
                st.sampled_from(["=", "!="]),
                st.sampled_from(sorted(names)),
            ),
            min_size=1,
            max_size=2,
        )
        lines.append(" ".join([*(f"{form}@{','.join(draw(tests))}" for form in first), last]))
    roots = draw(st.integers(0, len(lines)))
    return RootLexicon.of(
        lines[:roots],
        lines[roots:],
        {"classes": names, "case": CASES, "joiners": draw(st.sampled_from(["", "'"]))},
    )


@settings(max_examples=25)
@given(lexica(), st.lists(st.text([*LETTERS, *CASES, "R", "'", " ", "-"], max_size=9), max_size=4))
def test_words_of_any_lexicon_have_the_ids_of_the_twin(lexicon: RootLexicon, texts: list[str]) -> None:
    vocabulary = learned(lexicon, " ".join(texts) or "a", size=300)
    for text in texts:
        check_ids(vocabulary, text)


@pytest.mark.parametrize("letters", [254, 256, 257, 300])
@pytest.mark.parametrize("unit", ["ev", "B\u011f", "evlar'"])
def test_parts_as_long_as_forms_are_looked_for_in(vocabulary: Vocabulary, unit: str, letters: int) -> None:
    check_ids(vocabulary, f"a {(unit * letters)[:letters]}, ev")
