"""The vocabulary of ids alone: numbers in, numbers out, here and in `tokenizers`."""

import json

import numpy as np
import pyarrow as pa
import pytest

from pairloom.operators import Vocabulary
from pairloom.operators.errors import DataError, RecipeError
from pairloom.operators.given import reserved_tokens, with_modalities
from pairloom.operators.models.ids import vocabulary_of_ids


def test_it_is_written_and_read_and_tokenizers_gives_the_same_ids() -> None:
    tokenizers = pytest.importorskip("tokenizers")
    vocabulary = vocabulary_of_ids(1024, ["<|endoftext|>", "<|fill|>"])
    again = Vocabulary.from_json(vocabulary.to_json())
    assert again == vocabulary
    assert again.to_json() == vocabulary.to_json()
    library = tokenizers.Tokenizer.from_str(vocabulary.to_json().decode())
    text = "0 7  1023\n5 <|fill|> 9<|endoftext|>"
    ids = vocabulary.encode_one(
        "0 7  1023\n5 <|fill|> 9 <|endoftext|>", special_tokens_in_text="parse"
    ).tolist()
    assert ids == library.encode(text).ids == [0, 7, 1023, 5, 1025, 9, 1024]
    assert vocabulary.decode(ids) == b"0 7 1023 5 <|fill|> 9 <|endoftext|>"
    assert library.decode(ids, skip_special_tokens=False) == vocabulary.decode(ids).decode()


@pytest.mark.parametrize("word", ["1024", "-1", "x", "007", "1.0", "99999999999999999999", "<|endoftext|>"])
def test_what_is_no_id_is_refused(word: str) -> None:
    with pytest.raises(DataError, match="is no id of this vocabulary"):
        vocabulary_of_ids(1024, ["<|endoftext|>"]).encode_one(word)


def test_columns_are_encoded_and_decoded() -> None:
    vocabulary = vocabulary_of_ids(70_000)
    texts = pa.array(["1 2", None, "", "69999"], pa.large_string())
    ids = vocabulary.encode(texts)
    assert ids.type.value_type == pa.uint32()
    assert ids.to_pylist() == [[1, 2], None, [], [69999]]
    assert vocabulary.decode(ids).to_pylist() == [b"1 2", None, b"", b"69999"]
    with pytest.raises(DataError, match="id 70000 is outside"):
        vocabulary.decode(np.array([70_000]))


@pytest.mark.parametrize("token", ["5", "a b", "\u0663"])
def test_a_special_token_that_is_a_number_is_refused(token: str) -> None:
    with pytest.raises(RecipeError, match="is no word beside numbers"):
        vocabulary_of_ids(16, [token])


def test_no_file_of_ids_is_too_large() -> None:
    with pytest.raises(RecipeError, match="at most 4,194,304"):
        vocabulary_of_ids(1 << 31)


def test_a_damaged_file_is_one_error() -> None:
    document = json.loads(vocabulary_of_ids(16, ["<s>"]).to_json())
    document["model"]["vocab"]["3"] = 4
    with pytest.raises(DataError, match="damaged"):
        Vocabulary.from_json(json.dumps(document).encode())


def test_ids_of_modalities_come_behind_a_tokenizer_that_stays_as_it_was() -> None:
    tokenizers = pytest.importorskip("tokenizers")
    from pairloom.operators import Pretokenizer, count_words, learn_bpe

    texts = pa.array(["the cat and the dog <|image|>"], pa.large_string())
    base = learn_bpe(count_words(texts, Pretokenizer()), 265, special_tokens=["<|endoftext|>"])
    made = with_modalities(base, reserved_tokens({"image": 300, "sound": 2}))
    assert len(made) == len(base) + 306
    assert made.encode(texts).to_pylist() == base.encode(texts).to_pylist()
    assert Vocabulary.from_json(made.to_json()) == made
    library = tokenizers.Tokenizer.from_str(made.to_json().decode())
    assert library.encode("<|image:7|>").ids == [made.special_id("<|image:7|>")] == [len(base) + 2 + 7]
    with pytest.raises(RecipeError, match=r"has the special token '<\|/image\|>' already"):
        with_modalities(made, reserved_tokens({"image": 1}))
