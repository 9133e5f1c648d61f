"""Vocabularies of bytes and of characters: the ids of their owners' rules, and every text comes back."""

import numpy as np
import pyarrow as pa
import pytest

from pairloom.operators import Pretokenizer, Vocabulary, WordCounts, count_words
from pairloom.operators.encode.tokenizer import Tokenizer
from pairloom.operators.errors import RecipeError
from pairloom.operators.learners import Shape, Target
from pairloom.operators.learners.bytes import BytesLearner
from pairloom.operators.learners.characters import CharactersLearner
from tests.golden.families.texts import texts
from tests.support.owners import library

BYT5 = ("<pad>", "</s>", "<unk>", *(f"<extra_id_{i}>" for i in range(125)))
ROWS = texts()


def words() -> WordCounts:
    return count_words(pa.array(ROWS, pa.large_string()), Pretokenizer(scheme="whitespace"))


def test_bytes_are_those_of_byt5() -> None:
    """By the rule of ByT5Tokenizer: pad 0, eos 1, unk 2, a byte and 3, and then 125 extra ids."""
    vocabulary = BytesLearner(offset=3).learn(words(), Target(size=384, special_tokens=BYT5))
    assert len(vocabulary) == 384
    assert [vocabulary.special_id(token) for token in (*BYT5[:4], BYT5[-1])] == [0, 1, 2, 259, 383]
    column = pa.array([*ROWS, None], pa.large_string())
    expected = [[byte + 3 for byte in text.encode()] for text in ROWS]
    for _ in range(2):  # words are remembered the second time
        assert vocabulary.encode(column, append=[1]).to_pylist() == [*([*ids, 1] for ids in expected), None]
    assert vocabulary.decode(vocabulary.encode(column.slice(0, len(ROWS)))).to_pylist() == [
        text.encode() for text in ROWS
    ]
    assert vocabulary.encode_one("<extra_id_0>a", special_tokens_in_text="parse").tolist() == [259, 100]
    again = Vocabulary.from_json(vocabulary.to_json())
    assert again == vocabulary
    theirs = library().Tokenizer.from_str(vocabulary.to_json().decode())
    theirs.encode_special_tokens = True
    assert [theirs.encode(text, add_special_tokens=False).ids for text in ROWS] == expected


def test_each_byte_has_its_place() -> None:
    vocabulary = BytesLearner().learn(words(), Target(size=300, special_tokens=("<s>",)))
    assert vocabulary.encode_one("aé").tolist() == [98, 196, 170]
    found = Tokenizer(vocabulary)("aé", offsets="bytes")
    assert found["offset_mapping"].tolist() == [[0, 1], [1, 2], [2, 3]]
    assert Tokenizer(vocabulary)("aé", offsets=True)["offset_mapping"].tolist() == [[0, 1], [1, 2], [1, 2]]


@pytest.mark.parametrize(
    ("learner", "target", "why"),
    [
        (BytesLearner(), Target(size=256, special_tokens=("<s>",)), "size must be at least 257"),
        (BytesLearner(offset=3), Target(size=999, special_tokens=("<s>",)), "offset is 3, and there are 1"),
        (CharactersLearner(), Target(size=257), "size must be more than 257"),
    ],
)
def test_what_does_not_fit_is_named(
    learner: BytesLearner | CharactersLearner, target: Target, why: str
) -> None:
    with pytest.raises(ValueError, match=why):
        learner.check(target)


def test_keys_have_bounds() -> None:
    with pytest.raises(ValueError, match="offset must be at least 0"):
        BytesLearner(offset=-1)
    with pytest.raises(ValueError, match="coverage is a share"):
        CharactersLearner(coverage=0.0)
    with pytest.raises(RecipeError, match="special token 'a' is also a token of the text"):
        BytesLearner().learn(words(), Target(size=999, special_tokens=("a",)))
    with pytest.raises(RecipeError, match="special token 'a' is also a character of the text"):
        CharactersLearner().learn(words(), Target(size=4000, special_tokens=("a",)))


@pytest.mark.parametrize("fallback", [True, False])
def test_characters_are_ids_as_in_the_library(fallback: bool) -> None:
    target = Target(size=5000, special_tokens=("<s>",))
    learner = CharactersLearner(byte_fallback=fallback, coverage=1.0 if fallback else 0.98)
    vocabulary = learner.learn(words(), target)
    column = pa.array(ROWS, pa.large_string())
    ids = vocabulary.encode(column)
    theirs = library().Tokenizer.from_str(vocabulary.to_json().decode())
    theirs.encode_special_tokens = True
    assert ids.to_pylist() == [theirs.encode(text, add_special_tokens=False).ids for text in ROWS]
    if fallback:
        assert vocabulary.decode(ids).to_pylist() == [text.encode() for text in ROWS]
        assert set("".join(ROWS)) <= {
            token.decode() for token in vocabulary.tokens if token.isascii() or True
        }
    rounds = learner.rounds(target)
    decider = rounds.decider(np.zeros((0, 2), np.int32))
    halves = [words() for _ in range(2)]
    members = [rounds.member([one], np.empty) for one in halves]
    while (question := decider.next()) is not None:
        decider.take([member.answer(question) for member in members])
    assert rounds.finish(decider.merges, halves).to_json() == vocabulary.to_json()


def test_the_most_frequent_characters_are_taken() -> None:
    counts = count_words(pa.array(["aaaa bbb cc d\u65e5"]), Pretokenizer(scheme="whitespace"))

    def learned(**options: object) -> list[str]:
        shape = Shape(**{key: options.pop(key) for key in [*options] if key.endswith("alphabet")})  # type: ignore[arg-type]
        learner = CharactersLearner(byte_fallback=False, **options)  # type: ignore[arg-type]
        found = learner.learn(counts, Target(size=6, shape=shape))
        return [token.decode() for token in found.tokens[1:]]

    assert learned() == [" ", "a", "b", "c", "d"]  # of equals the lower one
    assert learned(coverage=0.5) == [" ", "a"]
    assert learned(limit_alphabet=2, initial_alphabet=("\u65e5",)) == ["a", "\u65e5"]
