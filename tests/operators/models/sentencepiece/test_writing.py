"""`.model` files that are written: the ids of the vocabulary they are of, and what they cannot say in one line."""

import json
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairloom.operators import Pretokenizer, Vocabulary, count_words
from pairloom.operators.errors import RecipeError
from pairloom.operators.learners import Target
from pairloom.operators.learners.character_bpe import CharacterBPELearner
from pairloom.operators.learners.characters import CharactersLearner
from pairloom.operators.learners.unigram import UnigramLearner
from pairloom.operators.models.sentencepiece import file as f
from pairloom.operators.models.sentencepiece.converted import model_of
from pairloom.operators.models.sentencepiece.wire import field, fields
from pairloom.operators.models.sentencepiece.writing import write_model
from tests.golden.families.texts import texts
from tests.support.owners import corpus, library
from tests.support.piece_models import PLAIN, bytes_pieces, piece_model

SPECIAL = ("<s>", "</s>", "<pad>", "<x>")
LEARNERS = {"unigram": UnigramLearner, "character_bpe": CharacterBPELearner}
OPTIONS: tuple[dict[str, bool], ...] = ({}, {"byte_fallback": False}, {"prefix": False})


def learned(family: str, **options: bool) -> Vocabulary:
    words = count_words(pa.array(corpus()), Pretokenizer(scheme="whitespace"))
    return LEARNERS[family](**options).learn(words, Target(size=900, special_tokens=SPECIAL))


@given(st.lists(st.tuples(st.integers(1, 99), st.one_of(st.integers(0, 2**64 - 1), st.binary(max_size=300)))))
def test_what_is_written_is_read(message: list[tuple[int, int | bytes]]) -> None:
    data = b"".join(field(number, value) for number, value in message)
    assert [(number, value) for number, value, _ in fields(data)] == message


@pytest.mark.parametrize("family", ["bpe", "unigram", "char"])
def test_a_file_is_written_as_it_was_read(family: str) -> None:
    pieces = [*PLAIN, ("<x>", 0.0, 4), ("\u2581", -9.0, 1), ("a", -1.5, 1), *bytes_pieces()]
    kind = {"unigram": 1, "bpe": 2, "char": 4}[family]
    model = f.read_model(piece_model(pieces, family=kind, byte_fallback=True, suffix=True, remove=False))
    assert f.read_model(write_model(model)) == model


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("family", LEARNERS)
def test_what_is_learned_has_a_model_with_the_same_ids_and_texts(
    family: str, options: dict[str, bool]
) -> None:
    vocabulary = learned(family, **options)
    data = model_of(vocabulary, {"bos": "<s>", "eos": "</s>", "pad": "<pad>"})
    read = Vocabulary.from_json(data)
    assert read.tokens == vocabulary.tokens
    rows = pa.array([one for one in texts() if "<" not in one] + corpus()[:3], pa.large_string())
    ids = vocabulary.encode(rows)
    assert read.encode(rows).to_pylist() == ids.to_pylist()
    assert read.decode(ids).to_pylist() == vocabulary.decode(ids).to_pylist()
    owner = library().Tokenizer.from_str(vocabulary.to_json().decode())
    owner.encode_special_tokens = True
    assert ids.to_pylist() == [owner.encode(one, add_special_tokens=False).ids for one in rows.to_pylist()]
    (trainer,) = (
        {key: one for key, one, _ in fields(part)} for number, part, _ in fields(data) if number == 2
    )
    assert [trainer[number] for number in (40, 41, 42, 43)] == [4, 0, 1, 2]
    assert [trainer[number] for number in (45, 46, 47, 48)] == [b"<unk>", b"<s>", b"</s>", b"<pad>"]


def changed(family: str, **changes: Any) -> Vocabulary:
    """A vocabulary that is learned, with other values in its file."""
    document = json.loads(learned(family).to_json())
    document["model"].update(changes.pop("model", {}))
    return Vocabulary.from_json(json.dumps(document | changes).encode())


def small(merges: list[list[str]], **model: Any) -> Vocabulary:
    """A BPE over characters of a few merges."""
    words = ["<unk>", "\u2581", "a", "b", "c", *("".join(pair) for pair in merges)]
    vocab = {word: i for i, word in enumerate(dict.fromkeys(words))}
    made = {"type": "BPE", "unk_token": "<unk>", "fuse_unk": True, "vocab": vocab, "merges": merges} | model
    space = {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"}
    return Vocabulary.from_json(
        json.dumps({"version": "1.0", "added_tokens": [], "normalizer": space, "model": made}).encode()
    )


def test_merges_that_a_model_would_make_otherwise_are_refused() -> None:
    assert Vocabulary.from_json(model_of(small([["a", "b"], ["ab", "c"]]))).encode_one("abcab").tolist() == [
        6,
        5,
    ]
    for merges, why in (
        ([["b", "c"], ["a", "b"], ["ab", "c"]], "its merges do not make its token 'abc' of its own text"),
        ([["a", "b"], ["b", "c"], ["ab", "c"], ["a", "bc"]], "two of its merges make 'abc'"),
        ([["ab", "c"], ["a", "b"]], "its merge 1 makes 'ab', of which one before it is made"),
    ):
        with pytest.raises(RecipeError, match=f"a .model of SentencePiece cannot say this vocabulary: {why}"):
            model_of(small(merges))
    with pytest.raises(RecipeError, match="each character that it does not know is a token of its own"):
        model_of(small([["a", "b"]], fuse_unk=False))


@pytest.mark.parametrize(
    ("family", "changes", "why"),
    [
        ("unigram", {"normalizer": {"type": "NFC"}}, "its normalizer NFC is no map of characters"),
        ("character_bpe", {"normalizer": {"type": "Lowercase"}}, "normalizer Lowercase is no map"),
        (
            "unigram",
            {"pre_tokenizer": {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "first"}, "normalizer": None},
            "only where the text does not begin with one",
        ),
        (
            "unigram",
            {"added_tokens": [{"id": 0, "content": "<s>", "special": True, "lstrip": True, "rstrip": False, "single_word": False,
             "normalized": False}]},
            "its added token '<s>' has lstrip",
        ),
        (
            "unigram",
            {"added_tokens": [{"id": 0, "content": "<s>", "special": False, "lstrip": False, "rstrip": False, "single_word": False,
             "normalized": False}]},
            "its added token '<s>' begins a text anew",
        ),
    ],
)  # fmt: skip
def test_what_a_model_cannot_say_is_refused_in_a_line(family: str, changes: dict[str, Any], why: str) -> None:
    with pytest.raises(RecipeError, match=why) as raised:
        model_of(changed(family, **changes))
    assert "\n" not in str(raised.value)


def test_characters_alone_have_a_model_that_leaves_spaces_as_they_are() -> None:
    words = count_words(pa.array(["the text, naïve \u65e5\u672c"]), Pretokenizer(scheme="whitespace"))
    vocabulary = CharactersLearner().learn(words, Target(size=400, special_tokens=("<s>",)))
    data = model_of(vocabulary)
    assert (f.read_model(data).family, f.read_model(data).escape) == ("char", False)
    rows = pa.array([one for one in texts() if "<" not in one and "\u2581" not in one], pa.large_string())
    read, ids = Vocabulary.from_json(data), vocabulary.encode(rows)
    assert read.encode(rows).to_pylist() == ids.to_pylist()
    assert read.decode(ids).to_pylist() == [one.encode() for one in rows.to_pylist()]
    marked = CharactersLearner().learn(
        count_words(pa.array(["a\u2581"]), Pretokenizer(scheme="whitespace")), Target(size=400)
    )
    with pytest.raises(
        RecipeError,
        match="'\u2581' is decoded as a space there; write a tokenizer",
    ):
        model_of(marked)
    null = CharactersLearner().learn(
        count_words(pa.array(["a\0"]), Pretokenizer(scheme="whitespace")), Target(size=400)
    )
    with pytest.raises(RecipeError, match="has a NUL, which no piece may have: take NULs out of the text"):
        model_of(null)


def test_other_families_have_no_model() -> None:
    from pairloom.operators import learn_bpe

    vocabulary = learn_bpe(count_words(pa.array(["a b"]), Pretokenizer()), 260)
    with pytest.raises(RecipeError, match="SentencePiece has no model 'bpe'"):
        vocabulary.model.piece_model(vocabulary, {})


def test_added_tokens_of_a_text_are_symbols_of_the_user() -> None:
    flags = {"lstrip": False, "rstrip": False, "single_word": False, "normalized": False}
    base = learned("character_bpe", prefix=False)
    document = json.loads(base.to_json())
    document["added_tokens"].append({"id": len(base), "content": "<tool>", "special": False, **flags})
    vocabulary = Vocabulary.from_json(json.dumps(document).encode())
    read = Vocabulary.from_json(model_of(vocabulary))
    for text in ("a<tool>b", "<tool>", " the <tool> of", "<tool<tool>>"):
        assert read.encode_one(text).tolist() == vocabulary.encode_one(text).tolist()
        assert len(base) in read.encode_one(text).tolist()
