"""Files that are damaged, hostile or of another format: one line that says what is wrong and where, and never anything else."""

import base64
import copy
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pairloom.operators import Pretokenizer, Vocabulary, count_words, learn_bpe
from pairloom.operators.errors import DataError, PairloomError, RecipeError
from pairloom.operators.models.bpe import load_tiktoken

TOKEN = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": False}


def byte_level() -> dict[str, Any]:
    cut = Pretokenizer(scheme="gpt2")
    words = count_words(pa.array([" cat the 12345 if  x"] * 9), cut)
    file: dict[str, Any] = json.loads(
        learn_bpe(words, 270, special_tokens=["<s>"], pretokenizer=cut, normalizer="nfc").to_json()
    )
    file["added_tokens"].append({"id": len(file["model"]["vocab"]), "content": "<x>", **TOKEN})
    file["normalizer"] = {"type": "Sequence", "normalizers": [{"type": "NFC"}]}
    return file


def word_piece() -> dict[str, Any]:
    return {
        "added_tokens": [{"id": 0, "content": "[UNK]", **TOKEN, "special": True}],
        "normalizer": {"type": "Lowercase"},
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "Whitespace"}]},
        "post_processor": None,
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
        "model": {
            "type": "WordPiece",
            "unk_token": "[UNK]",
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100,
            "vocab": {"[UNK]": 0, "the": 1, "##s": 2},
        },
    }


def unigram() -> dict[str, Any]:
    vocab = [["<unk>", 0.0], ["a", -1.0]]
    return {"added_tokens": [], "model": {"type": "Unigram", "unk_id": 0, "vocab": vocab}}


FILES = tuple(json.dumps(make()) for make in (byte_level, word_piece, unigram))
VALUES = (
    *(
        None,
        True,
        -1,
        1.5,
        2**31,
        2**32,
        10**30,
        "",
        "x",
        "\ud800",
        "a" * 5000,
        [],
        {},
        [1],
        ["a"],
        [["a", "b"]],
    ),
    *({"type": "x"}, {"type": None}, float("nan"), float("inf"), [[]], {"a": 1}, "(", "日本"),
)


def places(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Paths of values, of long lists and tables the first and the last few."""
    items = list(
        node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    )
    items = items if len(items) <= 12 else [*items[:4], *items[-4:]]
    return [found for key, value in items for found in ((*path, key), *places(value, (*path, key)))]


def damaged(file: str, pick: Any) -> bytes:
    """A file with a value deleted, replaced, doubled or exchanged, or cut off; `pick` draws from a list."""
    document = json.loads(file)
    for _ in range(pick([1, 1, 2])):
        path = pick(places(document))
        parent = document
        for key in path[:-1]:
            parent = parent[key]
        act = pick(["delete", "replace", "replace", "double", "exchange"])
        if act == "delete":
            del parent[path[-1]]
        elif act == "replace":
            parent[path[-1]] = copy.deepcopy(pick(VALUES))
        elif act == "double" and isinstance(parent, list):
            parent.append(copy.deepcopy(parent[path[-1]]))
        else:
            other = pick(list(parent if isinstance(parent, dict) else range(len(parent))))
            parent[path[-1]], parent[other] = parent[other], parent[path[-1]]
    data = json.dumps(document).encode()
    return data[: pick([len(data)] * 9 + [len(data) * 3 // 4])]


@given(file=st.sampled_from(FILES), data=st.data())
@settings(max_examples=200, deadline=None)
def test_a_damaged_file_is_read_or_refused_in_a_line(file: str, data: st.DataObject) -> None:
    """F16, R7: no traceback, and nothing that fails with the first text."""
    broken = damaged(file, lambda options: data.draw(st.sampled_from(options)))
    wrong = ""
    try:
        vocabulary = Vocabulary.from_json(broken)
        vocabulary.encode(pa.array([" cat the\n<x> é<s>日 qz", None]), missing_bytes="drop")
    except PairloomError as error:
        wrong = str(error)
    assert "\n" not in wrong


def raw(**changes: str) -> bytes:
    """A file whose text is changed as text, for what no JSON writer writes."""
    text = FILES[0]
    for old, new in changes.items():
        text = text.replace(f'"{old}"', new, 1)
    return text.encode()


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (raw(normalizer='"model": {}, "normalizer"'), "'model' stands twice"),
        (FILES[0].replace('"dropout": null', '"dropout": NaN').encode(), "NaN is no number of JSON"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"model": {"vocab": {"a": ' + b"9" * 1_000_000 + b"}}}", "has 1000000 digits"),
        (b"\xef\xbb\xbf{}", "not a tokenizer.json"),
        (b"\xff", "not a tokenizer.json"),
        (b"", "not a tokenizer.json"),
        (FILES[0].replace("<x>", "\\ud800").encode(), r"added_tokens\[1\].content: .* lone surrogate"),
        (FILES[0].replace("<x>", "").encode(), r"added_tokens\[1\].content: an added token is empty"),
        (FILES[0].replace("<x>", "x" * 5000).encode(), "has 5000 bytes; at most 4096"),
    ],
)
def test_what_is_wrong_is_named(data: bytes, why: str) -> None:
    """F16."""
    with pytest.raises(DataError, match=why):
        Vocabulary.from_json(data)


@pytest.mark.parametrize("number", [1 << 22, (1 << 31) - 1, 1 << 31, (1 << 32) - 1])
@pytest.mark.parametrize("file", FILES)
def test_a_wrong_id_costs_no_memory(file: str, number: int) -> None:
    """R7: ids may be left out, but not millions; those of added tokens are the library's."""
    document = json.loads(file)
    document["added_tokens"].append({"id": number, "content": "<y>", **TOKEN})
    assert len(Vocabulary.from_json(json.dumps(document).encode())) < 1000
    if isinstance(document["model"]["vocab"], dict):
        document["added_tokens"].pop()
        document["model"]["vocab"]["zz"] = number
        with pytest.raises(DataError, match="ids run to"):
            Vocabulary.from_json(json.dumps(document).encode())


def test_ids_that_are_drawn_are_refused() -> None:
    """T2."""
    document = json.loads(FILES[0])
    document["model"]["dropout"] = 0.1
    with pytest.raises(RecipeError, match=r"model\.dropout=0\.1, .* set model\.dropout to null"):
        Vocabulary.from_json(json.dumps(document).encode())
    document["model"]["dropout"] = 0.0
    assert Vocabulary.from_json(json.dumps(document).encode()).slow_path is None


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"IQ== 0\nIg== 1\n", r"a \.tiktoken file, .* load_tiktoken"),
    ],
)
def test_other_formats_are_named_with_what_to_do(data: bytes, why: str) -> None:
    """T4."""
    with pytest.raises(RecipeError, match=why):
        Vocabulary.from_json(data)


def test_a_folder_that_holds_a_file_will_do(tmp_path: Path) -> None:
    """T4; and errors name the file."""
    file = tmp_path / "tokenizer.json"
    file.write_text(FILES[0])
    assert Vocabulary.load(tmp_path) == Vocabulary.load(file)
    file.write_text("{")
    with pytest.raises(DataError, match=rf"{file}: not a tokenizer\.json"):
        Vocabulary.load(tmp_path)


def test_an_empty_token_in_a_tiktoken_file_is_none_that_text_has(tmp_path: Path) -> None:
    """T4: as in the files of Whisper."""
    lines = [base64.b64encode(bytes([byte])) + b" %d\n" % byte for byte in range(256)]
    (tmp_path / "x.tiktoken").write_bytes(b"".join([*lines, b"= 256\n", b"YWI= 257\n"]))
    vocabulary = load_tiktoken(tmp_path / "x.tiktoken", scheme="gpt2")
    assert vocabulary.encode_one("abc").tolist() == [257, ord("c")]
    assert vocabulary.decode([256]) == b""


def test_long_tokens_of_a_tiktoken_file_are_read_in_time_or_refused(tmp_path: Path) -> None:
    """R7."""
    lines = [base64.b64encode(bytes([byte])) + b" %d\n" % byte for byte in range(256)]
    long = [base64.b64encode(b"ab" * 10_000 + b"c" * i) + b" %d\n" % (256 + i) for i in range(20)]
    (tmp_path / "x.tiktoken").write_bytes(b"".join([*lines, *long]))
    assert len(load_tiktoken(tmp_path / "x.tiktoken")) == 276
    (tmp_path / "x.tiktoken").write_bytes(b"".join([*lines, base64.b64encode(b"a" * 100_000) + b" 256\n"]))
    with pytest.raises(DataError, match=r"line 257 .* 100000 bytes; at most 32768"):
        load_tiktoken(tmp_path / "x.tiktoken")


def small(kind: str, **changes: Any) -> bytes:
    """A file of a family of the library."""
    vocab: Any = {"<unk>": 0, "a": 1, "b": 2, "\u2581": 3, "ab": 4}
    model: dict[str, Any] = {"type": kind, "unk_token": "<unk>", "vocab": vocab}
    if kind == "BPE":
        model["merges"] = ["a b"]
    if kind == "WordPiece":
        model |= {"continuing_subword_prefix": "##", "max_input_chars_per_word": 9}
    cut: Any = {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "always", "split": True}
    document = {
        "added_tokens": [],
        "normalizer": None,
        "pre_tokenizer": cut if kind == "BPE" else {"type": "Whitespace"},
        "decoder": None,
        "model": model | changes.pop("model", {}),
    }
    return json.dumps(document | changes).encode()


BYTE_PIECES = [f"<0x{byte:02X}>" for byte in range(256)]


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("Unigram", {"unk_id": None}),
        ("Unigram", {"unk_id": None, "byte_fallback": True}),
        ("WordPiece", {}),
        ("WordPiece", {"alphabet": True}),
        ("WordLevel", {"alphabet": True}),
        ("BPE", {}),
        ("BPE", {"byte_fallback": True, "lost": "<0x80>"}),
    ],
)
def test_a_missing_unknown_token_is_named_when_read(kind: str, changes: dict[str, Any]) -> None:
    """T4: where some text needs it, which the library says with the first such text."""
    changes = dict(changes)
    lost, whole = changes.pop("lost", None), changes.pop("alphabet", False)
    pieces = [*"ab\u2581", *(piece for piece in BYTE_PIECES if piece != lost)]
    pieces += [char for char in map(chr, range(33, 0x144)) if whole and char not in "ab\xad"]
    vocab: Any = {piece: i for i, piece in enumerate(pieces)}
    if kind == "Unigram":
        vocab, changes["unk_token"] = [(piece, -1.0) for piece in pieces], None
    with pytest.raises(DataError, match=r"damaged: model\.unk_(id|token)"):
        Vocabulary.from_json(small(kind, model={"vocab": vocab, "merges": [], **changes}))


def test_bytes_to_fall_back_to_need_no_unknown_token() -> None:
    vocab = {piece: i for i, piece in enumerate(["a", "\u2581", *BYTE_PIECES])}
    changes = {"vocab": vocab, "merges": [], "byte_fallback": True}
    made = Vocabulary.from_json(small("BPE", model=changes))
    assert made.encode_one("aé").tolist() == [1, 0, vocab["<0xC3>"], vocab["<0xA9>"]]


@pytest.mark.parametrize("kind", ["BPE", "WordPiece", "WordLevel"])
def test_two_tokens_of_one_id_are_named(kind: str) -> None:
    vocab = {"<unk>": 0, "a": 1, "b": 2, "\u2581": 3, "ab": 4}
    with pytest.raises(DataError, match=r"model\.vocab: 'b' and 'z' both have the id 2"):
        Vocabulary.from_json(small(kind, model={"vocab": vocab | {"z": 2}}))


def test_a_merge_that_makes_what_it_is_made_of_is_named() -> None:
    vocab = {"<unk>": 0, "a": 1, "b": 2, "\u2581": 3, "ab": 4, "": 5}
    for merges in (["a b", "a "], [["a", "b"], ["", "b"]]):
        with pytest.raises(DataError, match=r"model\.merges\[1\]: .* makes a token that it is made of"):
            Vocabulary.from_json(small("BPE", model={"merges": merges, "vocab": vocab}))


@pytest.mark.parametrize("kind", ["BPE", "WordPiece", "WordLevel"])
@pytest.mark.parametrize(
    ("content", "normalizer"),
    [
        ("\u0301", {"type": "StripAccents"}),
        ("\u200b", {"type": "Replace", "pattern": {"String": "\u200b"}, "content": ""}),
        (" ", {"type": "Strip", "strip_left": True, "strip_right": True}),
    ],
)
def test_an_added_token_that_is_nothing_when_normalized_is_refused(
    kind: str, content: str, normalizer: dict[str, Any]
) -> None:
    added = [{"id": 5, "content": content, **TOKEN, "normalized": True}]
    with pytest.raises(DataError, match="an added token that its normalizer makes nothing of"):
        Vocabulary.from_json(small(kind, added_tokens=added, normalizer=normalizer))


def test_a_pattern_of_a_normalizer_that_is_given_up_is_said() -> None:
    pattern = {"type": "Replace", "pattern": {"Regex": "(.*)*x"}, "content": ""}
    vocabulary = Vocabulary.from_json(small("BPE", normalizer=pattern))
    with pytest.raises(DataError, match="`tokenizers` cannot normalize this text: Onig: Regex search error"):
        vocabulary.encode_one("ab <x> " + "a" * 3000)
