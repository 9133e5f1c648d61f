"""WordPiece as the library encodes it, whatever its options and the text."""

import pickle
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairloom.operators import Vocabulary
from pairloom.operators.encode.warm import encode_words
from pairloom.operators.models.wordpiece.tables import WordPieceTable
from pairloom.operators.reference.models.wordpiece import encode_word
from tests.support.nasty import nasty_texts
from tests.support.owners import check_equal, corpus, library

PIECES = ["[UNK]", "a", "b", "ab", "abé", "##a", "##b", "##ba", "##é", "日", "##日本", "##", "é##"]


@given(st.lists(st.text("abé日本#", max_size=24), max_size=8), st.integers(1, 12))
def test_a_word_is_encoded_as_by_its_twin(words: list[str], longest: int) -> None:
    table = WordPieceTable.of([piece.encode() for piece in PIECES], unknown=0, prefix="##", longest=longest)
    ids = {piece: i for i, piece in enumerate(PIECES)}
    assert encode_words(table.kernel(), words) == [
        encode_word(word, ids, unknown=0, longest=longest) if word else [] for word in words
    ]


def learned(size: int = 1200, **bert: Any) -> Any:
    tokenizers = library()
    theirs = tokenizers.Tokenizer(tokenizers.models.WordPiece(unk_token="[UNK]"))
    theirs.normalizer = tokenizers.normalizers.BertNormalizer(**bert)
    theirs.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    theirs.decoder = tokenizers.decoders.WordPiece()
    trainer = tokenizers.trainers.WordPieceTrainer(
        vocab_size=size, special_tokens=["[UNK]", "[MASK]"], show_progress=False
    )
    theirs.train_from_iterator(corpus(), trainer)
    return theirs


@pytest.mark.parametrize(
    "bert",
    [
        {},
        {"lowercase": False},
        {"lowercase": False, "strip_accents": True},
        {"clean_text": False, "handle_chinese_chars": False, "strip_accents": False},
    ],
)
def test_bert_is_encoded_as_by_the_library(bert: dict[str, Any]) -> None:
    vocabulary = check_equal(learned(**bert), [*nasty_texts(), *corpus()], model="wordpiece")
    assert vocabulary.slow_path is None
    assert pickle.loads(pickle.dumps(vocabulary)) == vocabulary
    assert Vocabulary.from_json(vocabulary.to_json()) == vocabulary


@pytest.mark.parametrize("cut", ["Whitespace", "WhitespaceSplit"])
@pytest.mark.parametrize("normal", [None, "Lowercase", "NFC", "NFKD", "StripAccents", "Strip"])
def test_other_pretokenizers_and_normalizers(cut: str, normal: str | None) -> None:
    tokenizers = library()
    theirs = learned()
    theirs.pre_tokenizer = getattr(tokenizers.pre_tokenizers, cut)()
    if normal is None:
        theirs.normalizer = tokenizers.normalizers.Sequence([])
    else:
        theirs.normalizer = getattr(tokenizers.normalizers, normal)()
    check_equal(
        theirs,
        nasty_texts(200),
        model="wordpiece",
        max_input_chars_per_word=12,
        continuing_subword_prefix="##",
    )


@pytest.mark.parametrize("cut", ["Whitespace", "WhitespaceSplit", "BertPreTokenizer"])
def test_a_mark_in_the_place_of_spaces_parts_no_words(cut: str) -> None:
    tokenizers = library()
    pieces = ["[UNK]", "a", "b", "##b", "##a", "\u2581", "##\u2581", "\u2581\u2581"]
    words = {piece: i for i, piece in enumerate(pieces)}
    texts = [*nasty_texts(100), "a b", "a  b", "  a", "a ", "a\tb", "\u00a0a\u2581b a", " ", "\u2581"]
    normal = tokenizers.normalizers
    mark = normal.Replace(" ", "\u2581")
    for model in (tokenizers.models.WordPiece, tokenizers.models.WordLevel):
        theirs = tokenizers.Tokenizer(model(words, unk_token="[UNK]"))
        theirs.pre_tokenizer = getattr(tokenizers.pre_tokenizers, cut)()
        for before in ([], [normal.NFKC()], [normal.Prepend("\u2581")], [normal.Strip()]):
            theirs.normalizer = normal.Sequence([*before, mark])
            check_equal(theirs, texts, model="wordpiece")


def test_added_tokens_with_flags_send_a_document_to_the_library() -> None:
    tokenizers = library()
    theirs = learned()
    added = tokenizers.AddedToken
    theirs.add_special_tokens([added("<mask>", lstrip=True), added("<sep>", normalized=True)])
    theirs.add_tokens([added("Foo", normalized=True), added("bar", single_word=True, normalized=False)])
    theirs.add_tokens([added("qux", normalized=False), added("\u00c9a", rstrip=True, normalized=True)])
    texts = ["a <mask> b", "FOO foo Foofoo", "bar rebar bar.", "aquxb quxqux", "\u00e9a  ea ", "x<sep>y<SEP>"]
    check_equal(theirs, [*texts, *nasty_texts(60)], model="wordpiece")


def test_what_is_unknown_without_a_token_is_refused_or_left_to_the_library() -> None:
    theirs = learned()
    tokenizers = library()
    theirs.pre_tokenizer = tokenizers.pre_tokenizers.CharDelimiterSplit("-")
    vocabulary = Vocabulary.from_json(theirs.to_str().encode())
    assert vocabulary.model.name == "foreign"
    assert "CharDelimiterSplit" in str(vocabulary.slow_path)


@pytest.mark.parametrize("cut", ["BertPreTokenizer", "Whitespace", "WhitespaceSplit"])
def test_runs_of_spaces_that_become_a_mark_are_words(cut: str) -> None:
    tokenizers = library()
    theirs = learned()
    theirs.pre_tokenizer = getattr(tokenizers.pre_tokenizers, cut)()
    theirs.normalizer = tokenizers.normalizers.Replace(tokenizers.Regex(" {2,}"), "\u2581")
    check_equal(theirs, ["the  tool", "the   ", "a b  c", *nasty_texts(100)], model="wordpiece")


def test_an_added_token_that_is_white_space_once_normalized_is_left_to_the_library() -> None:
    tokenizers = library()
    theirs = learned()
    theirs.normalizer = tokenizers.normalizers.Nmt()
    theirs.add_tokens([tokenizers.AddedToken("\u200d", normalized=True)])
    vocabulary = Vocabulary.from_json(theirs.to_str().encode())
    assert "looked for in normalized text" in str(vocabulary.slow_path)
    texts = ["a b", " ", "a\u200db", "the  tool"]
    assert vocabulary.encode(pa.array(texts)).to_pylist() == [
        theirs.encode(text, add_special_tokens=False).ids for text in texts
    ]


@pytest.mark.parametrize("cut", ["BertPreTokenizer", "Whitespace", "WhitespaceSplit"])
def test_a_wordlevel_has_whole_words(cut: str) -> None:
    tokenizers = library()
    theirs = tokenizers.Tokenizer(tokenizers.models.WordLevel(unk_token="<unk>"))
    theirs.normalizer = tokenizers.normalizers.NFC()
    theirs.pre_tokenizer = getattr(tokenizers.pre_tokenizers, cut)()
    trainer = tokenizers.trainers.WordLevelTrainer(
        vocab_size=900, special_tokens=["<unk>", "<s>"], show_progress=False
    )
    theirs.train_from_iterator(corpus(), trainer)
    texts = ["thethe the", "the" * 99, *corpus()[:2], *nasty_texts(150)]
    check_equal(theirs, texts, model="wordpiece")
