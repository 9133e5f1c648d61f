"""WordPiece and BPE over characters, learned as the library's trainers do, and encoded by it as by us."""

import json
from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from pairloom.operators import Pretokenizer, Vocabulary, count_words
from pairloom.operators.counts import WordCounts
from pairloom.operators.errors import RecipeError
from pairloom.operators.learners import LEARNERS, Shape, Target
from pairloom.operators.models.character_bpe.learning import learn_character_bpe
from pairloom.operators.models.wordpiece.learning import bert_words, learn_wordpiece
from pairloom.operators.reference.models.bpe.superwords import script_of
from tests.support.nasty import nasty_texts
from tests.support.owners import corpus, library

CUT = Pretokenizer(scheme="whitespace")
BERT = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


@pytest.fixture(scope="module")
def counts() -> WordCounts:
    return count_words(pa.array(corpus()), CUT)


def repeated(counts: dict[str, int]) -> list[str]:
    """Texts in which each word is as often as it was counted."""
    return [" ".join([word] * count) for word, count in counts.items()]


def untied(words: dict[str, int]) -> int:
    """How many characters are apart from the next one by their counts: of equals the trainer takes any."""
    weights = Counter(char for word, count in words.items() for char in word * count)
    for char in "qü":
        weights[char] += 1 << 40
    ranked = [count for _, count in weights.most_common()]
    return next(k for k in range(40, len(ranked)) if ranked[k - 1] > ranked[k])


@pytest.mark.parametrize("limited", [False, True])
@pytest.mark.parametrize("lowercase", [True, False])
def test_wordpiece_is_what_the_trainer_learns(counts: WordCounts, lowercase: bool, limited: bool) -> None:
    tokenizers = library()
    limit, initial = (untied(bert_words(counts, lowercase=lowercase)), "qü") if limited else (None, "")
    theirs = tokenizers.Tokenizer(tokenizers.models.WordPiece(unk_token="[UNK]"))
    theirs.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    options: dict[str, Any] = {} if limit is None else {"limit_alphabet": limit}
    trainer = tokenizers.trainers.WordPieceTrainer(
        vocab_size=1200,
        special_tokens=[*BERT],
        show_progress=False,
        initial_alphabet=[*initial],
        **options,
    )
    theirs.train_from_iterator(repeated(bert_words(counts, lowercase=lowercase)), trainer)
    expected = sorted(theirs.get_vocab().items(), key=lambda one: one[1])
    # In which order characters that go on have their ids, a hash decides anew each time.
    going_on = [token[2:] for token, _ in expected if token.startswith("##") and len(token) == 3]
    shape = Shape(limit_alphabet=limit, initial_alphabet=(initial,) if initial and limit else ())
    target = Target(size=1200, special_tokens=BERT, pretokenizer=CUT, shape=shape)
    found = learn_wordpiece(counts, target, lowercase=lowercase, continuing=going_on)
    assert [token.decode() for token in found.tokens] == [token for token, _ in expected]
    own = learn_wordpiece(counts, target, lowercase=lowercase)
    first = sum(len(token.removeprefix("##")) == 1 for token, _ in expected) + len(BERT)
    assert {*own.tokens[:first]} == {*found.tokens[:first]}
    assert len(own) == len(found)
    check_encoded(own, nasty_texts(60, seed=3))


@pytest.mark.parametrize("fallback", [True, False])
@pytest.mark.parametrize("prefix", [True, False])
def test_characters_are_merged_as_by_the_trainer(counts: WordCounts, fallback: bool, prefix: bool) -> None:
    tokenizers = library()
    theirs = tokenizers.Tokenizer(tokenizers.models.BPE(unk_token="<unk>"))
    theirs.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    special = ["<unk>", "<s>", *(f"<0x{byte:02X}>" for byte in range(256) if fallback)]
    size = len(special) + 900
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=size, special_tokens=special, initial_alphabet=["\u2581"], show_progress=False
    )
    words = {
        word.decode().replace(" ", "\u2581"): count
        for word, count in zip(counts.words.to_pylist(), counts.counts.tolist(), strict=True)
        if word.strip()
    }
    theirs.train_from_iterator(repeated(words), trainer)
    kept = WordCounts(
        words=pa.array([word.replace("\u2581", " ").encode() for word in words], pa.large_binary()),
        counts=np.array([*words.values()], np.int64),
    )
    target = Target(size=size, special_tokens=("<unk>", "<s>"), pretokenizer=CUT)
    found = learn_character_bpe(kept, target, byte_fallback=fallback, prefix=prefix)
    model, expected = (json.loads(data)["model"] for data in (found.to_json().decode(), theirs.to_str()))
    assert model["vocab"] == expected["vocab"]
    assert model["merges"] == expected["merges"]
    check_encoded(found, nasty_texts(60, seed=4))


def check_encoded(vocabulary: Vocabulary, texts: Sequence[str]) -> None:
    """The library encodes the file as we do, and so do kernels."""
    theirs = library().Tokenizer.from_str(vocabulary.to_json().decode())
    theirs.encode_special_tokens = True
    assert vocabulary.slow_path is None
    found = vocabulary.encode(pa.array(texts, pa.large_string())).to_pylist()
    assert found == [theirs.encode(text, add_special_tokens=False).ids for text in texts]


def test_shapes_hold(counts: WordCounts) -> None:
    shape = Shape(max_token_length=4, limit_alphabet=30, blocked=(" the", "*in*"))
    target = Target(size=700, special_tokens=("<s>",), pretokenizer=CUT, shape=shape)
    found = learn_character_bpe(counts, target)
    learned = [token.decode() for token in found.tokens[258:]]
    assert max(map(len, learned)) == 4
    assert sum(len(token) == 1 for token in learned) == 30
    assert "\u2581the" not in learned
    assert not any("in" in token for token in learned)
    shape = Shape(script_caps=(("Latin", Fraction(40)),))
    for learn, first in ((learn_character_bpe, 258), (learn_wordpiece, 2)):
        capped = learn(counts, Target(size=700, special_tokens=("<s>",), pretokenizer=CUT, shape=shape))
        made = [token.decode().removeprefix("##") for token in capped.tokens[first:]]
        assert sum(script_of(token.encode()) == "Latin" for token in made if len(token) > 1) == 40
    plain = learn_character_bpe(counts, Target(size=700, special_tokens=("<s>",), pretokenizer=CUT))
    assert "\u2581the" in [token.decode() for token in plain.tokens]


def test_what_special_tokens_and_bytes_are_spelled_as_is_no_token_of_the_text() -> None:
    words = count_words(pa.array([" <pad> <pad> <0x41> <0x41> x <unk>"]), CUT)
    found = learn_character_bpe(words, Target(size=400, special_tokens=("<pad>",), pretokenizer=CUT))
    assert found.tokens.count(b"<pad>") == found.tokens.count(b"<0x41>") == 1
    theirs = library().Tokenizer.from_str(found.to_json().decode())
    assert found.decode(pa.array([found.encode_one("x <pad> <0x41>")])).to_pylist() == [b"x <pad> <0x41>"]
    theirs.encode_special_tokens = True
    assert found.encode_one("x <pad> <0x41>").tolist() == theirs.encode("x <pad> <0x41>").ids


def test_what_does_not_fit_is_refused(counts: WordCounts) -> None:
    with pytest.raises(RecipeError, match=r"alone are .* tokens, and size is 270: raise it"):
        learn_character_bpe(counts, Target(size=270, pretokenizer=CUT))
    with pytest.raises(RecipeError, match="a special token is also a token of the text"):
        learn_wordpiece(counts, Target(size=900, special_tokens=("the",), pretokenizer=CUT))
    for family in ("wordpiece", "character_bpe"):
        learner = LEARNERS.get(family)()
        with pytest.raises(ValueError, match="size must be more than"):
            learner.check(Target(size=2, special_tokens=("<s>",), pretokenizer=CUT))
