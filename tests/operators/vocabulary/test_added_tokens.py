"""Added tokens of files from elsewhere: the ids that `tokenizers` gives, whatever flags they have and whatever they overlap."""

import functools
import json
from typing import Any

import pyarrow as pa
import pytest
import tokenizers
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pairloom.operators import Pretokenizer, Vocabulary, count_words, learn_bpe
from pairloom.operators.encode import tokenizer_of
from pairloom.operators.errors import DataError
from pairloom.operators.reference.encode import find_added

FLAGS = ("single_word", "lstrip", "rstrip", "normalized", "special")
PIECES = (
    "<",
    "<a",
    "<a>",
    "<a>b",
    ">b<",
    "  ",
    "    ",
    " ",
    "x",
    "é",
    "e\u0301",
    "x if",
    "think",
    "\n",
    "中",
    "Ġ",
    "Ġt",
    "the",
)


@functools.cache
def base(normalizer: str = "none") -> str:
    cut = Pretokenizer(scheme="gpt2")
    words = count_words(pa.array([" cat the 12345 12345 if  x thé"] * 9), cut)
    file = json.loads(learn_bpe(words, 280, pretokenizer=cut, normalizer=normalizer).to_json())
    del file["model"]["pairloom"]
    return json.dumps(file)


def token(content: str, number: int, *flags: str) -> dict[str, Any]:
    return {"id": number, "content": content, **{flag: flag in flags for flag in FLAGS}}


def with_tokens(*added: tuple[str, ...], normalizer: str = "none", **model: Any) -> dict[str, Any]:
    """A file with added tokens of these (content, flag, …), whose ids are those that the library gives."""
    file = json.loads(base(normalizer))
    file["model"].update(model)
    words = file["model"]["vocab"]
    last = len(words)
    for content, *flags in added:
        number = words.get(content, last)
        last = max(last, number + 1)
        file["added_tokens"].append(token(content, number, *flags))
    return file


def both(file: dict[str, Any], texts: list[str], *, parse: bool = False) -> tuple[Any, Any, Vocabulary]:
    data = json.dumps(file)
    owner, ours = tokenizers.Tokenizer.from_str(data), Vocabulary.from_json(data.encode())
    owner.encode_special_tokens = not parse
    theirs = [owner.encode(text, add_special_tokens=False).ids for text in texts]
    ids = ours.encode(pa.array(texts, pa.large_string()), special_tokens_in_text="parse" if parse else "text")
    return ids.to_pylist(), theirs, ours


TEXT = st.lists(st.sampled_from(PIECES), max_size=12).map("".join)


@given(
    contents=st.lists(st.sampled_from(PIECES), min_size=1, max_size=6, unique=True),
    flags=st.lists(st.lists(st.sampled_from(FLAGS), unique=True), min_size=6, max_size=6),
    native=st.booleans(),
    normalizer=st.sampled_from(["none", "nfc"]),
    whole=st.booleans(),
    texts=st.lists(TEXT, min_size=1, max_size=8),
    parse=st.booleans(),
)
@settings(max_examples=200, deadline=None)
@example(  # two tokens that are one after normalization: the library takes either
    contents=["é", "e\u0301"],
    flags=[["normalized"], ["normalized", "special"]] * 3,
    native=True,
    normalizer="nfc",
    whole=False,
    texts=["thé the\u0301"],
    parse=False,
)
def test_any_added_tokens_have_the_ids_of_the_library(
    contents: list[str],
    flags: list[list[str]],
    native: bool,
    normalizer: str,
    whole: bool,
    texts: list[str],
    parse: bool,
) -> None:
    """F2, F4, T1, T6."""
    kept = ("normalized", "special") if native else FLAGS
    added = [(c, *(f for f in own if f in kept)) for c, own in zip(contents, flags, strict=False)]
    file = with_tokens(*added, normalizer=normalizer, ignore_merges=whole)
    alike = {c for c, *own in added if "normalized" in own} >= {"é", "e\u0301"}
    if alike and normalizer == "nfc":
        with pytest.raises(DataError, match="two ids for one text"):
            both(file, texts, parse=parse)
        return
    ours, theirs, vocabulary = both(file, texts, parse=parse)
    assert ours == theirs
    again = Vocabulary.from_json(vocabulary.to_json())
    assert again == vocabulary
    assert both(json.loads(vocabulary.to_json()), texts, parse=parse)[:2] == (theirs, theirs)


@given(
    text=TEXT,
    tokens=st.lists(st.sampled_from(PIECES), min_size=1, max_size=6, unique=True),
    left=st.sets(st.sampled_from(PIECES)),
)
@settings(max_examples=100, deadline=None)
def test_tokens_are_found_as_is_specified(text: str, tokens: list[str], left: set[str]) -> None:
    file = with_tokens(*((c, *(["special"] if c in left else [])) for c in tokens if "Ġ" not in c))
    vocabulary = Vocabulary.from_json(json.dumps(file).encode())
    found = find_added(text, [c for c in tokens if "Ġ" not in c], left)
    ids: list[int] = []
    end = 0
    bare = Vocabulary.from_json(base().encode())
    for start, content in [*found, (len(text), "")]:
        ids += bare.encode_one(text[end:start]).tolist()
        ids += [vocabulary.special_id(content)] if content else []
        end = start + len(content)
    assert vocabulary.encode_one(text).tolist() == ids


def test_plain_tokens_are_found_in_any_text_and_special_ones_where_they_are_asked_for() -> None:
    """F2: runs of spaces and <think>, which are not special, are no text; what is special stays text, as a whole."""
    file = with_tokens(("    ",), ("<think>",), ("<s><think>", "special"))
    ours, theirs, vocabulary = both(file, ["x\n    if", "<think>x", "<s><think>"])
    assert ours == theirs
    spaces, think, start = (vocabulary.special_id(one) for one in ("    ", "<think>", "<s><think>"))
    assert spaces in ours[0]
    assert ours[1][0] == think
    assert think not in ours[2]
    assert vocabulary.encode_one("<s><think>", special_tokens_in_text="parse").tolist() == [start]
    assert vocabulary.slow_path is None
    assert vocabulary.reserved_tokens == ("<s><think>",)
    assert tokenizer_of(vocabulary).find_special_tokens(pa.array(["<think>", "<s><think>"])).to_pylist() == [
        False,
        True,
    ]
    assert not set(vocabulary.reserved_ids) & {spaces, think}


@pytest.mark.parametrize("flags", [("special",), ()])
def test_a_token_that_is_listed_again_is_both(flags: tuple[str, ...]) -> None:
    """F4: a letter, and what merges make, under added_tokens."""
    file = with_tokens(("x", *flags), ("cat", *flags), ("12", *flags))
    for parse in (False, True):
        ours, theirs, vocabulary = both(file, ["xx cat", "cat12345", "x12 12345"], parse=parse)
        assert ours == theirs
        assert vocabulary.slow_path is None
    assert vocabulary.token_to_id(b"x") == vocabulary.special_id("x")
    assert vocabulary.decode(vocabulary.encode_one("xx cat")) == b"xx cat"


@pytest.mark.parametrize("content", ["Ġ", "Ġt", "é"])
def test_a_token_that_is_spelled_like_other_bytes_is_found_when_loading(content: str) -> None:
    """T6."""
    ours, theirs, vocabulary = both(with_tokens((content,)), [f"a {content} the thé"])
    assert ours == theirs
    assert vocabulary.slow_path is not None or content == "Ġt"


@pytest.mark.parametrize(
    "normalizer", [{"type": "Lowercase"}, {"type": "Strip", "strip_left": True, "strip_right": True}]
)
def test_tokens_that_are_one_after_normalization_are_refused(normalizer: dict[str, Any]) -> None:
    """T6: whoever normalizes, Pairloom or the library, which takes another one of them every time."""
    file = with_tokens(
        ("<Ab>", "normalized"), ("<ab>", "normalized"), (" <x>", "normalized"), ("<x>", "normalized")
    )
    file["normalizer"] = normalizer
    with pytest.raises(DataError, match=r"its added tokens '.*' and '.*' are both '.*' after its normalizer"):
        Vocabulary.from_json(json.dumps(file).encode())
    for item in file["added_tokens"]:
        item["normalized"] = item["content"] in ("<ab>", "<x>")
    ours, theirs, _ = both(file, ["<Ab><ab>", " <x> <x>"])
    assert ours == theirs


def test_an_id_that_is_not_the_next_is_the_one_that_the_library_gives() -> None:
    """F14."""
    file = with_tokens()
    size = len(file["model"]["vocab"])
    file["added_tokens"].append(token("<x>", size + 100))
    ours, theirs, vocabulary = both(file, ["a<x>"])
    assert ours == theirs
    assert vocabulary.slow_path is not None
    assert f"'<x>' has id {size + 100} in the file, and `tokenizers` gives it {size}" in vocabulary.slow_path
    file["added_tokens"][-1]["id"] = 3
    with pytest.raises(DataError, match="id 3 is both"):
        Vocabulary.from_json(json.dumps(file).encode())


def test_an_unknown_byte_is_answered_by_the_unknown_token() -> None:
    """T5, F16."""
    file = with_tokens(unk_token="x")
    del file["model"]["vocab"]["q"]
    for number, word in enumerate(sorted(file["model"]["vocab"], key=file["model"]["vocab"].get)):
        file["model"]["vocab"][word] = number
    file["added_tokens"] = []
    ours, theirs, vocabulary = both(file, ["a q x"])
    assert ours == theirs
    assert "unk_token" in str(vocabulary.slow_path)
    file["model"]["unk_token"] = "[UNK]"
    with pytest.raises(DataError, match=r"unk_token: '\[UNK\]' is no token"):
        Vocabulary.from_json(json.dumps(file).encode())
    theirs = tokenizers.Tokenizer(tokenizers.models.Unigram([("a", -1.0)]))
    with pytest.raises(DataError, match="unk_id is missing"):
        Vocabulary.from_json(theirs.to_str().encode())


def test_some_special_tokens_may_be_allowed() -> None:
    """T7."""
    vocabulary = Vocabulary.from_json(
        json.dumps(with_tokens(("<a>", "special"), ("<b>", "special"))).encode()
    )
    a, b = vocabulary.special_id("<a>"), vocabulary.special_id("<b>")
    some = vocabulary.encode_one("<a><b>", allowed_special={"<a>"}).tolist()
    assert (some[0], b in some) == (a, False)
    assert vocabulary.encode_one("<a>", allowed_special={"<a>"}, special_tokens_in_text="error").tolist() == [
        a
    ]
    with pytest.raises(ValueError, match="spells the special token '<b>'"):
        vocabulary.encode_one("<a><b>", allowed_special={"<a>"}, special_tokens_in_text="error")
    for wrong in ({"<c>"}, "<a>"):
        with pytest.raises(ValueError, match="allowed_special"):
            vocabulary.encode_one("x", allowed_special=wrong)
    slow = Vocabulary.from_json(
        json.dumps(with_tokens(("<a>", "special", "lstrip"), ("<b>", "special"))).encode()
    )
    with pytest.raises(ValueError, match="parses all special tokens of a text or none: <b>"):
        slow.encode_one("<a>", allowed_special={"<a>"})
    assert a in slow.encode_one("<a>", allowed_special={"<a>", "<b>", *slow.reserved_tokens}).tolist()


@given(text=st.text(max_size=20))
@settings(max_examples=100, deadline=None)
def test_offsets_in_characters_are_those_of_the_library(text: str) -> None:
    """T7: a token ends after the last character of which it has a byte."""
    data = json.dumps(with_tokens(("<a>",)))
    text += "<a>é中"
    ids, ends = Vocabulary.from_json(data.encode()).encode(pa.array([text]), offsets="characters")
    theirs = tokenizers.Tokenizer.from_str(data)
    theirs.encode_special_tokens = True
    found = theirs.encode(text, add_special_tokens=False)
    assert ids.to_pylist() == [found.ids]
    assert ends.to_pylist() == [[end for _, end in found.offsets]]
    assert ends[0][-1].as_py() == len(text)
