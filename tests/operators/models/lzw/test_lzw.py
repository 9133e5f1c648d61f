"""LZW as a family (C12): grown and parsed as its twin, written as a file that `tokenizers` encodes with the same ids."""

import json
import pickle

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairloom.operators import Pretokenizer, Vocabulary, count_words
from pairloom.operators.counts.drawing import golden_step
from pairloom.operators.encode import Tokenizer
from pairloom.operators.errors import CorruptionError, RecipeError
from pairloom.operators.models.lzw import LZW, learn_lzw
from pairloom.operators.reference.counts import draw
from pairloom.operators.reference.models.lzw import lzw_dictionary, lzw_encode
from pairloom.operators.vocabulary import byte_order

TEXTS = st.lists(st.text("ab é日\n1<|e>", max_size=60), max_size=6)
CUT = Pretokenizer(scheme="gpt2")


def learned(texts: list[str], size: int = 300, special_tokens: tuple[str, ...] = ("<|e|>",)) -> Vocabulary:
    counts = count_words(pa.array(texts, pa.large_string()), CUT)
    return learn_lzw(counts, size, special_tokens=special_tokens, pretokenizer=CUT)


@given(TEXTS, st.integers(257, 340))
def test_it_is_grown_from_all_words_in_their_order(texts: list[str], size: int) -> None:
    vocabulary = learned(texts, size)
    counts = count_words(pa.array(texts, pa.large_string()), CUT)
    words = list(zip(counts.words.to_pylist(), counts.counts.tolist(), strict=True))
    order = draw(words, golden_step(counts.total)) if words else []
    assert list(vocabulary.tokens[256:-1]) == lzw_dictionary(order, size - 1)[256:]
    assert list(vocabulary.tokens[:256]) == [bytes([byte]) for byte in byte_order()]
    assert vocabulary.special_ids == (len(vocabulary) - 1,)


@given(TEXTS, TEXTS)
def test_the_longest_token_is_taken_at_each_place_of_a_word(texts: list[str], others: list[str]) -> None:
    vocabulary = learned(texts)
    ordinary = list(vocabulary.tokens[:-1])
    for text in others:
        pieces = CUT.split_text(text)
        expected = [i for piece in pieces for i in lzw_encode(piece.encode(), ordinary)]
        ids = vocabulary.encode_one(text)
        assert ids.tolist() == expected
        assert vocabulary.decode(ids) == text.encode()


@given(TEXTS, TEXTS)
def test_a_file_is_read_as_it_was_written_and_encodes_as_tokenizers_does(
    texts: list[str], others: list[str]
) -> None:
    tokenizers = pytest.importorskip("tokenizers")
    vocabulary = learned(texts)
    data = vocabulary.to_json()
    again = Vocabulary.from_json(data)
    assert again == vocabulary
    assert isinstance(again.model, LZW)
    assert again.to_json() == data
    library = tokenizers.Tokenizer.from_str(data.decode())
    library.encode_special_tokens = True
    for text in others:
        assert library.encode(text, add_special_tokens=False).ids == again.encode_one(text).tolist()
        assert library.decode(again.encode_one(text).tolist()) == text


def test_special_tokens_are_found_where_they_are_asked_for_and_have_the_ids_that_the_library_gives() -> None:
    tokenizers = pytest.importorskip("tokenizers")
    vocabulary = learned(["a b<|e|>"] * 9)
    ids = vocabulary.encode_one("a<|e|>b", special_tokens_in_text="parse").tolist()
    assert vocabulary.special_id("<|e|>") in ids
    assert tokenizers.Tokenizer.from_str(vocabulary.to_json().decode()).encode("a<|e|>b").ids == ids
    assert vocabulary.special_id("<|e|>") not in vocabulary.encode_one("a<|e|>b").tolist()


def test_a_memo_and_pickling_change_nothing() -> None:
    texts = ["the cat and the hat", "a" * 3000, "そのつぎ"]
    counts = count_words(pa.array(texts, pa.large_string()), CUT)
    vocabulary = learned(texts, 400)
    plain = vocabulary.encode(pa.array(texts)).to_pylist()
    tokenizer = Tokenizer(vocabulary).with_memo(counts).prepared()
    assert pickle.loads(pickle.dumps(tokenizer)).encode(pa.array(texts)).to_pylist() == plain
    assert Tokenizer(vocabulary).encode(pa.array(texts), offsets=True)[1].to_pylist()[0][-1] == len(texts[0])


def test_what_it_cannot_be_is_refused() -> None:
    with pytest.raises(RecipeError, match="is also a token of the text"):
        learned(["abab abab"], 300, special_tokens=("ab",))
    with pytest.raises(RecipeError, match="is also a token of the text"):
        learned(["a a a a"], 300, special_tokens=("\u0120a",))
    with pytest.raises(ValueError, match="no entry for 255 bytes, the first 0x00"):
        Vocabulary(tokens=[b"a"], model=LZW())
    document = json.loads(learned(["abab"]).to_json())
    document["model"]["pairloom"]["golden"][1][1][0] += 1
    with pytest.raises(CorruptionError, match="golden"):
        Vocabulary.from_json(json.dumps(document).encode())


@pytest.mark.parametrize(
    "change",
    [
        {"continuing_subword_prefix": "##"},
        {"max_input_chars_per_word": 100},
    ],
)
def test_other_wordpieces_are_left_to_other_models(change: dict[str, object]) -> None:
    document = json.loads(learned(["abab"]).to_json())
    document["model"] |= change
    document["model"]["vocab"]["[UNK]"] = document["added_tokens"][-1]["id"] + 1
    assert Vocabulary.from_json(json.dumps(document).encode()).model.name != "lzw"


def test_a_wordpiece_without_a_byte_is_left_to_other_models() -> None:
    document = json.loads(learned(["abab"], special_tokens=()).to_json())
    del document["model"]["vocab"]["!"]
    document["model"]["vocab"]["[UNK]"] = 0
    assert Vocabulary.from_json(json.dumps(document).encode()).model.name != "lzw"


def test_learning_stops_where_the_words_end() -> None:
    vocabulary = learned(["ab ab"], 1000)
    assert 257 < len(vocabulary) < 263
    assert np.array_equal(vocabulary.encode_one("ab"), [vocabulary.token_to_id(b"ab")])
