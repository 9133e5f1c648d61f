"""Covers of a text: with a model over tokens, all of them together are the probability of its bytes (C25)."""

import itertools

import numpy as np
import pyarrow as pa
import pytest

from pairloom.operators import Pretokenizer, Vocabulary, count_words, learn_bpe
from pairloom.operators.encode.tokenizer import Tokenizer
from pairloom.operators.evaluate.covers import covers, ends_inside
from pairloom.operators.models.bpe.model import ByteLevelBPE

TOKENS = [b"<s>", b"a", b"b", b" ", b"ab", b" a", b"ba", b"abb", b" ab"]
PAIRS = [(b"a", b"b"), (b" ", b"a"), (b"b", b"a"), (b"ab", b"b"), (b" a", b"b")]


def toy(scheme: str) -> Tokenizer:
    merges = np.array([[TOKENS.index(one), TOKENS.index(two)] for one, two in PAIRS], np.int32)
    return Tokenizer(
        Vocabulary(
            tokens=TOKENS,
            model=ByteLevelBPE(merges=merges),
            special_tokens=("<s>",),
            pretokenizer=Pretokenizer(scheme=scheme),
        )
    )


@pytest.mark.parametrize("scheme", ["none", "gpt2"])
def test_all_covers_together_have_the_probability_of_the_bytes(scheme: str) -> None:
    """A model over all encodings of four tokens; what it says of bytes is counted out, and is the sum over covers."""
    tokenizer = toy(scheme)
    every = list(itertools.product(range(1, len(TOKENS)), repeat=4))
    texts = [b"".join(TOKENS[i] for i in one) for one in every]
    again = tokenizer.encode(pa.array([text.decode() for text in texts], pa.large_string())).to_pylist()
    valid = [(one, text) for one, text, ids in zip(every, texts, again, strict=True) if list(one) == ids]
    chance = np.random.default_rng(3).random(len(valid))
    chance /= chance.sum()
    asked = 0
    for length in (1, 2, 3, 4):
        total = 0.0
        for letters in itertools.product("ab ", repeat=length):
            text = "".join(letters)
            wanted = sum(
                p for p, (_, whole) in zip(chance, valid, strict=True) if whole.startswith(text.encode())
            )
            found = covers(tokenizer, text)
            assert len(set(found)) == len(found)
            for one in found:
                spelled = b"".join(TOKENS[i] for i in one)
                assert spelled.startswith(text.encode())
                assert len(spelled) - len(TOKENS[one[-1]]) < len(text)
                assert tokenizer.encode_one(spelled.decode()).tolist() == list(one)
            said = sum(
                p
                for p, (ids, _) in zip(chance, valid, strict=True)
                if any(ids[: len(one)] == one for one in found)
            )
            assert said == pytest.approx(wanted, abs=1e-12)
            total += said
            asked += 1
        assert total == pytest.approx(1, abs=1e-12)
    assert asked == 3 + 9 + 27 + 81
    assert covers(tokenizer, "") == [()]
    assert covers(toy("none"), "a") == [(1,), (4,), (7,)]


def test_covers_of_text_of_many_bytes_a_character() -> None:
    texts = ["naïve 日本 日本語 caf\u00e9 " * 5]
    tokenizer = Tokenizer(learn_bpe(count_words(pa.array(texts), Pretokenizer()), 290, special_tokens=[]))
    found = covers(tokenizer, "naïve 日")
    tokens = tokenizer.vocabulary.tokens
    assert tuple(tokenizer.encode_one("naïve 日").tolist()) in found
    assert tuple(tokenizer.encode_one("naïve 日本").tolist()) in found
    assert all(b"".join(tokens[i] for i in one).startswith("naïve 日".encode()) for one in found)


def test_a_cut_inside_a_token_is_told_and_vocabularies_that_do_not_spell_are_refused() -> None:
    tokenizer = toy("none")
    assert [ends_inside(tokenizer, "abba", place) for place in range(5)] == [False, True, False, True, False]
    with pytest.raises(ValueError, match="as it is"):
        covers(Tokenizer(learn_bpe(count_words(pa.array(["a"]), Pretokenizer()), 258, normalizer="nfc")), "a")
