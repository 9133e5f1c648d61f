"""Vocabularies as files of tiktoken's, and back."""

import base64
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
import tiktoken
import tiktoken.load

from pairloom.operators import Pretokenizer, Vocabulary
from pairloom.operators.errors import DataError, RecipeError
from pairloom.operators.models.bpe import ByteLevelBPE, load_tiktoken, save_tiktoken
from tests.operators.vocabulary.checks import TEXTS, learned


def test_tiktoken_files(tmp_path):
    vocab = learned("cl100k", special=())
    save_tiktoken(vocab, tmp_path / "x.tiktoken")
    read = load_tiktoken(tmp_path / "x.tiktoken", scheme="cl100k", special_tokens={"<|end|>": 1000})
    assert np.array_equal(read.model.merges, vocab.model.merges)
    assert read.encode(pa.array(TEXTS)).equals(vocab.encode(pa.array(TEXTS)))
    assert read.encode_one("a<|end|>", special_tokens_in_text="parse").tolist()[-1] == 1000
    assert (len(read), read.tokens[999]) == (1001, b"")
    save_tiktoken(read, tmp_path / "y.tiktoken")
    assert (tmp_path / "y.tiktoken").read_bytes() == (tmp_path / "x.tiktoken").read_bytes()
    assert Vocabulary.from_json(read.to_json()) == read


def test_tiktoken_files_of_a_vocabulary_whose_special_tokens_come_first(tmp_path):
    vocab = learned("cl100k")
    special = dict(zip(vocab.special_tokens, vocab.special_ids, strict=True))
    assert 0 in special.values()
    save_tiktoken(vocab, tmp_path / "x.tiktoken")
    read = load_tiktoken(tmp_path / "x.tiktoken", scheme="cl100k", special_tokens=special)
    assert list(read.tokens) == list(vocab.tokens)
    assert np.array_equal(read.model.merges, vocab.model.merges)
    assert read.encode(pa.array(TEXTS)).equals(vocab.encode(pa.array(TEXTS)))
    theirs = tiktoken.Encoding(
        "x",
        pat_str=vocab.pretokenizer.patterns[0],
        mergeable_ranks=tiktoken.load.load_tiktoken_bpe(str(tmp_path / "x.tiktoken")),
        special_tokens=special,
    )
    for text in TEXTS:
        assert theirs.encode(text, disallowed_special=()) == vocab.encode_one(text).tolist()
    marked = f"a{vocab.special_tokens[0]}b"
    assert theirs.encode(marked, allowed_special="all") == (
        vocab.encode_one(marked, special_tokens_in_text="parse").tolist()
    )


def test_tiktoken_files_of_what_tiktoken_would_cut_otherwise(tmp_path):
    """(T3)"""
    file = tmp_path / "x.tiktoken"
    for cut, message in (
        ({"scheme": "deepseek_v3"}, "one pattern, and scheme 'deepseek_v3' has 3"),
        ({"scheme": "cl100k", "lines": True}, "scheme 'cl100k' has 2, that of lines included"),
        ({"scheme": "none"}, "scheme 'none' has 0"),
        ({"pattern": r"\S+$|\s+"}, "another dialect than Oniguruma"),
    ):
        vocab = replace(learned("cl100k", special=()), pretokenizer=Pretokenizer(**cut))
        with pytest.raises(RecipeError, match=message):
            save_tiktoken(vocab, file)
    assert not file.exists()


def test_tiktoken_files_that_cannot_be(tmp_path):
    file = tmp_path / "x.tiktoken"
    for vocab, message in (
        (learned(normalizer="nfc"), "without a normalizer"),
        (Vocabulary(tokens=[b"a", b"b"], model=ByteLevelBPE(merges=[])), "each of the 256 bytes"),
        (
            Vocabulary(tokens=[*(bytes([b]) for b in range(256)), b"ab"], model=ByteLevelBPE(merges=[])),
            "merge in another order",
        ),
    ):
        with pytest.raises(RecipeError, match=message):
            save_tiktoken(vocab, file)
    word = base64.b64encode(b"a").decode()
    for text in (f"{word} 0\n{word} 1", "nonsense", f"{word} x", " 0", f"{word} 0\nYg== 0", f"{word} -1"):
        file.write_text(text)
        with pytest.raises(DataError, match=r"tiktoken file"):
            load_tiktoken(file)
