"""Where the tokens of roots and affixes are from: they tile every text, each over what it spells, and marks over nothing (C14)."""

import itertools
import unicodedata
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pairloom.operators import Pretokenizer, Vocabulary
from pairloom.operators.documents import special_spans_of
from pairloom.operators.encode import Tokenizer
from pairloom.operators.models.roots.spelling import MARKS
from pairloom.operators.models.typed.model import cut_words
from tests.operators.models.roots.test_roots import AFFIXES, PIECES, ROOTS, TURKISH, learned

TOKEN = "<|e|>"
CASE = {ord(capital): letter for capital, letter in TURKISH.case}
FORMS = {line.split()[-1]: {one.split("@")[0] for one in line.split()} for line in (*ROOTS, *AFFIXES)}
TEXTS = st.lists(st.one_of(PIECES, st.just(TOKEN), st.just("o\u0308")), max_size=10).map("".join)


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer(learned(TURKISH, special_tokens=(TOKEN,)))


@pytest.fixture(scope="module")
def formed() -> Tokenizer:
    return Tokenizer(learned(TURKISH, special_tokens=(TOKEN,), normalizer="nfc"))


def placed(tokenizer: Tokenizer, texts: list[str], unit: str) -> list[tuple[list[int], Any, list[int]]]:
    found = tokenizer(texts, offsets=unit, words=True, special_tokens_in_text="parse")
    rows = zip(found["input_ids"], found["offset_mapping"], found["word_ids"], strict=True)
    return [(ids.tolist(), [*map(tuple, at.tolist())], words.tolist()) for ids, at, words in rows]


def small(data: bytes) -> str:
    return data.decode().translate(CASE)


def check_tokens(vocabulary: Vocabulary, data: bytes, ids: list[int], places: list[tuple[int, int]]) -> None:
    """Every token is over what it spells, capitals aside."""
    spelled = vocabulary.model.spelled  # type: ignore[attr-defined]
    for bytes_, run in itertools.groupby(zip(ids, places, strict=True), lambda one: one[0] >= spelled):
        tokens = [*run]
        if bytes_:
            over = data[tokens[0][1][0] : tokens[-1][1][1]]
            assert small(over) == small(b"".join(vocabulary.tokens[i] for i, _ in tokens))
            continue
        for i, (begin, end) in tokens:
            shown = vocabulary.tokens[i].decode()
            if shown in MARKS:
                assert begin == end
            elif shown == TOKEN:
                assert data[begin:end].decode() == TOKEN
            else:
                assert small(data[begin:end]) in FORMS[shown]


@given(st.lists(TEXTS, min_size=1, max_size=4))
@settings(max_examples=60, deadline=None)
def test_tokens_tile_every_text(tokenizer: Tokenizer, texts: list[str]) -> None:
    rows = placed(tokenizer, texts, "bytes")
    characters = placed(tokenizer, texts, "characters")
    plain = tokenizer.encode(pa.array(texts), special_tokens_in_text="parse").to_pylist()
    for text, (ids, places, words), other, expected in zip(texts, rows, characters, plain, strict=True):
        assert ids == other[0] == expected
        assert words == other[2]
        data = text.encode()
        edges = [0, *(end for _, end in places)]
        assert [begin for begin, _ in places] == edges[:-1]
        assert edges[-1] == len(data)
        check_tokens(tokenizer.vocabulary, data, ids, places)
        # A word is what the pretokenizer cuts between special tokens, and these are words.
        parts = [part for one in text.split(TOKEN) for part in (one, TOKEN)][:-1]
        cut = [
            word
            for part in parts
            for word in (
                [part.encode()] if part == TOKEN else cut_words([part], Pretokenizer(scheme="whitespace"))[0]
            )
        ]
        assert words_over(data, places, words) == cut
        # In characters, all of those that a token has a byte of.
        starts = [at for at, byte in enumerate(data) if byte & 0xC0 != 0x80]
        for (begin, end), (first, last) in zip(places, other[1], strict=True):
            if begin == end:
                assert first == last
            else:
                assert first == sum(start <= begin for start in starts) - 1
                assert last == sum(start < end for start in starts)


def words_over(data: bytes, places: list[tuple[int, int]], words: list[int]) -> list[bytes]:
    """The bytes of each word, which are numbered in order."""
    found: dict[int, list[tuple[int, int]]] = {}
    for number, place in zip(words, places, strict=True):
        found.setdefault(number, []).append(place)
    assert [*found] == [*range(len(found))]
    return [data[over[0][0] : over[-1][1]] for over in found.values()]


@given(st.lists(TEXTS, min_size=1, max_size=4))
@settings(max_examples=60, deadline=None)
def test_places_are_in_the_text_before_it_was_normalized(formed: Tokenizer, texts: list[str]) -> None:
    plain = formed.encode(pa.array(texts), special_tokens_in_text="parse").to_pylist()
    for text, (ids, places, _), expected in zip(texts, placed(formed, texts, "bytes"), plain, strict=True):
        assert ids == expected
        data, at, normal = text.encode(), 0, ""
        for begin, end in dict.fromkeys(place for place in places if place[0] < place[1]):
            assert begin == at  # tokens of a part that was normalized all have the same place, the part
            normal += unicodedata.normalize("NFC", data[begin:end].decode(errors="surrogateescape"))
            at = end
        assert at == len(data)
        assert all(begin <= end for begin, end in places)
        spelled = formed.decode(ids).decode()
        assert normal.encode(errors="surrogateescape").decode() == spelled


def test_places_of_a_letter_that_is_made_of_two(formed: Tokenizer) -> None:
    text = f"go\u0308z{TOKEN} G\u00d6Z"
    ((ids, places, words),) = placed(formed, [text], "characters")
    shown = [formed.vocabulary.tokens[i].decode(errors="replace") for i in ids]
    assert (shown[:3], places[:3], words[:3]) == (["göz", TOKEN, " "], [(0, 4), (4, 9), (9, 10)], [0, 1, 2])


def test_capitals_that_take_other_bytes_than_their_small_letters(tokenizer: Tokenizer) -> None:
    ((ids, places, _),) = placed(tokenizer, ["\u0130X Ix"], "bytes")
    check_tokens(tokenizer.vocabulary, "\u0130X Ix".encode(), ids, places)


def test_special_spans_nulls_and_what_is_put_around(tokenizer: Tokenizer) -> None:
    end = tokenizer.vocabulary.special_id(TOKEN)
    rows = pa.array([f"ev{TOKEN}lar{TOKEN}", f"{TOKEN}ev"], pa.large_string())
    special = special_spans_of([[(2, 7, TOKEN)], []])
    found = tokenizer.encode_column(rows, special=special, prepend=[end], append=[end])
    assert found.ids.to_pylist()[0].count(end) == 3  # what spells one outside of the spans is text
    assert found.located.begin.tolist()[:3] == [0, 0, 2]
    assert found.located.end.tolist()[:3] == [0, 2, 7]
    assert found.located.words.tolist()[:3] == [-1, 0, 1]
    assert found.ids.to_pylist()[1].count(end) == 2
    texts = pa.array([f"ev{TOKEN}ev", None, ""], pa.large_string())
    parsed = tokenizer.encode_column(texts, offsets=True, special_tokens_in_text="parse", append=[end])
    assert parsed.ends.to_pylist() == [[2, 7, 9, 9], None, [0]]
    empty = tokenizer.encode_column(pa.array([], pa.large_string()), offsets=True)
    assert empty.ids.to_pylist() == []
