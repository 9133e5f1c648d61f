"""Vocabularies in files of other names: a folder of BERT, of GPT-2, of SentencePiece, a tekken.json."""

import base64
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pairloom.operators import Vocabulary
from pairloom.operators.errors import DataError, RecipeError
from pairloom.operators.vocabulary.tokens import to_alphabet
from tests.support.nasty import nasty_texts
from tests.support.owners import library
from tests.support.piece_models import PLAIN, piece_model

WORDS = [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "[MASK]",
    *"abcé日,",
    "##a",
    "##b",
    "ab",
    "##ab",
    "E",
    "hello",
    "##s",
]
ALPHABET = [to_alphabet(bytes([byte])) for byte in range(256)]
MERGES = [("a", "b"), ("ab", "a"), (to_alphabet(b" "), "ab")]


def write(folder: Path, **files: Any) -> Path:
    """Files by name, with `_` for a dot; what is no string is JSON."""
    for name, content in files.items():
        text = content if isinstance(content, str) else json.dumps(content)
        (folder / name.replace("__", ".")).write_text(text)
    return folder


@pytest.mark.parametrize("lower", [None, False, True])
def test_a_vocab_txt_is_wordpiece_as_bert_has_it(tmp_path: Path, lower: bool | None) -> None:
    write(tmp_path, vocab__txt="\n".join(WORDS) + "\n")
    if lower is not None:
        write(tmp_path, tokenizer_config__json={"do_lower_case": lower})
    theirs = library().implementations.BertWordPieceTokenizer(
        str(tmp_path / "vocab.txt"), lowercase=lower is not False
    )
    texts = [*nasty_texts(150), "AbÉ Ab E hellos", "[MASK]ab"]
    for path in (tmp_path, tmp_path / "vocab.txt"):
        vocabulary = Vocabulary.load(path)
        assert (vocabulary.model.name, vocabulary.special_tokens) == ("wordpiece", tuple(WORDS[:5]))
        found = vocabulary.encode(pa.array(texts), special_tokens_in_text="parse").to_pylist()
        assert found == [theirs.encode(text, add_special_tokens=False).ids for text in texts]


def gpt2(folder: Path, **more: Any) -> Path:
    words = [*ALPHABET, *(left + right for left, right in MERGES), "<|endoftext|>"]
    merges = "\n".join(["#version: 0.2", *map(" ".join, MERGES)])
    return write(
        folder, vocab__json={word: i for i, word in enumerate(words)}, merges__txt=merges + "\n", **more
    )


def test_vocab_json_and_merges_txt_are_byte_level_bpe(tmp_path: Path) -> None:
    gpt2(tmp_path, special_tokens_map__json={"eos_token": "<|endoftext|>"}, added_tokens__json={"<x>": 260})
    tokenizers = library()
    theirs = tokenizers.Tokenizer(
        tokenizers.models.BPE.from_file(str(tmp_path / "vocab.json"), str(tmp_path / "merges.txt"))
    )
    theirs.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    for path in (tmp_path, tmp_path / "vocab.json", tmp_path / "merges.txt"):
        vocabulary = Vocabulary.load(path)
        assert (vocabulary.model.name, vocabulary.slow_path) == ("bpe", None)
        texts = [*nasty_texts(100), "aba ab abab"]
        assert vocabulary.encode(pa.array(texts)).to_pylist() == [theirs.encode(text).ids for text in texts]
        assert vocabulary.special_tokens == ("<|endoftext|>", "<x>")
        assert vocabulary.encode_one("ab<|endoftext|><x>", special_tokens_in_text="parse").tolist() == [
            256,
            259,
            260,
        ]


def test_a_folder_gives_the_first_that_it_has(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"it has none of tokenizer\.json, \*\.model, tekken\.json"):
        Vocabulary.load(tmp_path)
    write(tmp_path, vocab__txt="\n".join(WORDS))
    assert Vocabulary.load(tmp_path).model.name == "wordpiece"
    gpt2(tmp_path)
    assert Vocabulary.load(tmp_path).model.name == "bpe"
    (tmp_path / "x.model").write_bytes(piece_model([*PLAIN, ("a", -1.0, 1)]))
    assert Vocabulary.load(tmp_path).model.name == "sentencepiece"
    (tmp_path / "y.model").write_bytes(b"")
    with pytest.raises(RecipeError, match=r"several models \(x\.model, y\.model\): name the one"):
        Vocabulary.load(tmp_path)


@pytest.mark.parametrize(
    ("files", "why"),
    [
        (
            {"vocab__txt": "a\nb"},
            r"vocab\.txt: the token for what is unknown, '\[UNK\]', is on no line of it",
        ),
        ({"vocab__txt": "[UNK]", "tokenizer_config__json": "{"}, r"tokenizer_config\.json: not JSON"),
        (
            {"vocab__txt": "[UNK]", "tokenizer_config__json": []},
            r"tokenizer_config\.json: it is a list, not an object",
        ),
        (
            {"vocab__txt": "[UNK]", "tokenizer_config__json": {"added_tokens_decoder": 7}},
            r"vocab\.txt, or a file beside it",
        ),
        (
            {"merges__txt": "a b c", "vocab__json": {"a": 0}},
            r"merges\.txt: line 1, 'a b c', is not two tokens",
        ),
        (
            {"merges__txt": "a b", "vocab__json": {"a": 0}},
            r"merges\.txt: line 1, 'a b': 'b' is no token of vocab\.json",
        ),
        ({"merges__txt": "a a", "vocab__json": {"a": 0}}, r"'aa' is no token of vocab\.json"),
        ({"merges__txt": "", "vocab__json": {"a": -1}}, r"vocab\.json: the id of 'a' is -1"),
    ],
)
def test_a_damaged_file_is_named(tmp_path: Path, files: dict[str, Any], why: str) -> None:
    write(tmp_path, **files)
    with pytest.raises(DataError, match=why):
        Vocabulary.load(tmp_path)


def tekken(**changes: Any) -> dict[str, Any]:
    tokens = [*(bytes([byte]) for byte in range(256)), b"ab", b" ab", b"aba", b"left out"]
    vocab = [
        {"rank": i, "token_bytes": base64.b64encode(token).decode(), "token_str": None}
        for i, token in enumerate(tokens)
    ]
    config = {"pattern": r"\p{L}+| ?[^\p{L}]", "default_vocab_size": 262, "default_num_special_tokens": 3}
    special = [{"rank": 1, "token_str": "<s>", "is_control": True}]
    return {"config": config | changes, "vocab": vocab, "special_tokens": special}


def test_a_tekken_json_has_its_special_tokens_first() -> None:
    vocabulary = Vocabulary.from_json(json.dumps(tekken()).encode())
    assert vocabulary.special_tokens == ("<SPECIAL_0>", "<s>", "<SPECIAL_2>")
    assert vocabulary.encode_one("aba b<s>").tolist()[:3] == [261, 35, 101]
    assert vocabulary.encode_one("<s>ab", special_tokens_in_text="parse").tolist() == [1, 259]
    assert Vocabulary.from_json(vocabulary.to_json()).fingerprint == vocabulary.fingerprint
    named = {key: value for key, value in tekken().items() if key != "special_tokens"}
    assert Vocabulary.from_json(json.dumps(named).encode()).special_tokens == ("<unk>", "<s>", "</s>")


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"default_vocab_size": 300}, "vocab has too few"),
        ({"default_vocab_size": 1 << 31, "default_num_special_tokens": (1 << 31) - 1}, "ids run to"),
        ({"default_num_special_tokens": -1}, "default_num_special_tokens -1"),
        ({"default_vocab_size": 100}, "no token for the byte 0x61"),
        ({"pattern": "("}, r"config\.pattern"),
        ({"pattern": None}, r"config\.pattern is None"),
    ],
)
def test_a_damaged_tekken_json_is_named_with_the_key(changes: dict[str, Any], why: str) -> None:
    with pytest.raises(DataError, match=why):
        Vocabulary.from_json(json.dumps(tekken(**changes)).encode())


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda file: file["vocab"][9].update(rank=8), r"vocab\[9\] has the rank 8"),
        (lambda file: file["vocab"][9].update(token_bytes="?"), r"vocab\[9\]: "),
        (
            lambda file: file["vocab"][9].update(token_bytes="AA=="),
            r"vocab\[0\] and vocab\[9\] are both b'\\x00'",
        ),
        (
            lambda file: file["special_tokens"][0].update(rank=3),
            r"special_tokens\[0\] is '<s>' of the rank 3",
        ),
        (lambda file: file["special_tokens"][0].pop("rank"), r"special_tokens\[0\]: 'rank' \(KeyError\)"),
        (
            lambda file: file["special_tokens"][0].update(token_str="<SPECIAL_0>"),
            "two special tokens are '<SPECIAL_0>'",
        ),
        (lambda file: file.pop("config"), "'config'"),
    ],
)
def test_what_is_wrong_in_a_tekken_json_is_named(change: Any, why: str) -> None:
    file = tekken()
    change(file)
    with pytest.raises(DataError, match=f"this tekken.json is damaged: .*{why}"):
        Vocabulary.from_json(json.dumps(file).encode())
