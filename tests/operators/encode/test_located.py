"""Where tokens are from that do not spell their texts: as their owners say, and what spans make of it."""

import json
import random
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairloom.operators import Vocabulary
from pairloom.operators.documents import spans_of, special_spans_of
from pairloom.operators.encode.located import located_values
from pairloom.operators.encode.tokenizer import Tokenizer, tokenizer_of
from pairloom.operators.models import Located
from pairloom.operators.reference.spans import byte_of
from tests.support.nasty import nasty_texts
from tests.support.owners import check_offsets, corpus, library

NASTY = [*nasty_texts(120), "\ufdfa x \ufb01n  \u00bd e\u0301\u0327 ", "  a [MASK] b<x>c [mask]  the tool"]


@cache
def _file(kind: str) -> str:
    tokenizers = library()
    models, steps, cuts = tokenizers.models, tokenizers.normalizers, tokenizers.pre_tokenizers
    trainers, special = tokenizers.trainers, ["[UNK]", "[MASK]", "<x>"]
    options = {"vocab_size": 500, "special_tokens": special, "show_progress": False}
    if kind in ("wordpiece", "bert"):
        theirs = tokenizers.Tokenizer(models.WordPiece(unk_token="[UNK]", max_input_chars_per_word=20))
        theirs.normalizer = steps.BertNormalizer(lowercase=kind == "bert")
        theirs.pre_tokenizer = cuts.BertPreTokenizer()
        trainer = trainers.WordPieceTrainer(**options)
    elif kind == "words":
        theirs = tokenizers.Tokenizer(models.WordLevel(unk_token="[UNK]"))
        theirs.normalizer = steps.Sequence([steps.NFKD(), steps.StripAccents(), steps.Lowercase()])
        theirs.pre_tokenizer, trainer = cuts.Whitespace(), trainers.WordLevelTrainer(**options)
    elif kind == "unigram":
        theirs = tokenizers.Tokenizer(models.Unigram())
        theirs.normalizer = steps.Sequence([steps.NFKC(), steps.Replace(tokenizers.Regex(" {2,}"), " ")])
        theirs.pre_tokenizer = cuts.Metaspace(prepend_scheme="first")
        trainer = trainers.UnigramTrainer(unk_token="[UNK]", **options)
    elif kind == "llama":
        theirs = tokenizers.Tokenizer(models.BPE(unk_token="[UNK]", fuse_unk=True))
        theirs.normalizer = steps.Sequence([steps.Prepend("\u2581"), steps.Replace(" ", "\u2581")])
        theirs.pre_tokenizer, trainer = cuts.Metaspace(), trainers.BpeTrainer(limit_alphabet=60, **options)
    else:  # what no kernel knows
        theirs = tokenizers.Tokenizer(models.BPE(unk_token="[UNK]", end_of_word_suffix="</w>"))
        theirs.normalizer = steps.Sequence([steps.NFD(), steps.Replace("ab", ""), steps.Strip()])
        theirs.pre_tokenizer = cuts.Sequence([cuts.WhitespaceSplit(), cuts.Punctuation(), cuts.Digits()])
        trainer = trainers.BpeTrainer(end_of_word_suffix="</w>", **options)
    theirs.train_from_iterator(corpus()[:6], trainer)
    if kind == "llama":
        theirs.pre_tokenizer = cuts.Sequence([])
    theirs.add_special_tokens(
        [tokenizers.AddedToken("[MASK]", lstrip=True), tokenizers.AddedToken("<y>", rstrip=True)]
    )
    theirs.add_tokens(
        [tokenizers.AddedToken("the tool", normalized=True), tokenizers.AddedToken("is", single_word=True)]
    )
    document = json.loads(theirs.to_str())
    return json.dumps(document)


KINDS = ["wordpiece", "bert", "words", "unigram", "llama", "foreign"]


def pair(kind: str) -> tuple[Any, Vocabulary]:
    data = _file(kind)
    return library().Tokenizer.from_str(data), Vocabulary.from_json(data.encode())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("policy", ["text", "parse"])
def test_offsets_are_those_of_tokenizers(kind: str, policy: str) -> None:
    theirs, vocabulary = pair(kind)
    theirs.encode_special_tokens = policy == "text"
    check_offsets(vocabulary, theirs, [*NASTY, corpus()[0][:3000]], policy)


@pytest.mark.parametrize("kind", KINDS)
def test_rows_are_cut_with_their_offsets(kind: str) -> None:
    theirs, vocabulary = pair(kind)
    theirs.encode_special_tokens = True
    theirs.enable_truncation(16, stride=3)
    text = corpus()[1][:1500]
    found = Tokenizer(vocabulary)(
        text, max_length=16, stride=3, overflow=True, offsets=True, words=True, append=["[UNK]"][:0]
    )
    first = theirs.encode(text, add_special_tokens=False)
    expected = [first, *first.overflowing]
    assert [row.tolist() for row in found["input_ids"]] == [one.ids for one in expected]
    assert [row.tolist() for row in found["offset_mapping"]] == [
        [list(place) for place in one.offsets] for one in expected
    ]
    assert [row.tolist() for row in found["word_ids"]] == [one.word_ids for one in expected]


@pytest.mark.parametrize("kind", KINDS)
def test_special_spans_are_special_tokens_whatever_else_spells_one(kind: str) -> None:
    theirs, vocabulary = pair(kind)
    tokenizer = tokenizer_of(vocabulary)
    drawn = random.Random(3)
    texts, spans = [], []
    for text in NASTY[:60]:
        marks, parts = [], []
        for piece in (text, "x", "", text[::-1]):
            token = drawn.choice(["[MASK]", "<x>", "<y>", "<no token>"])
            plain = piece.translate({ord(one): "" for one in "[]<>"})  # so that nothing else spells one
            parts.append(f"{plain} ")
            marks.append((len("".join(parts)), len("".join(parts)) + len(token), token))
            parts.append(token)
        texts.append("".join(parts))
        spans.append(marks)
    column = pa.array(texts, pa.large_string())
    encoded = tokenizer.encode_column(column, special=special_spans_of(spans), offsets="characters")
    theirs.encode_special_tokens = False
    expected = theirs.encode_batch(texts, add_special_tokens=False)
    assert encoded.ids.to_pylist() == [one.ids for one in expected]
    assert encoded.ends.to_pylist() == [[end for _, end in one.offsets] for one in expected]
    alone = tokenizer.encode_column(
        pa.array(["<x><x>"], pa.large_string()), special=special_spans_of([[(0, 3, "<x>")]])
    )
    assert alone.ids.to_pylist()[0] == [
        vocabulary.special_id("<x>"),
        *_behind(theirs, "<y>", "<x>"),
    ]


def _behind(theirs: Any, special: str, text: str) -> list[int]:
    """The ids of a text that spells a special token, behind one."""
    theirs.encode_special_tokens = False
    opened = json.loads(theirs.to_str())
    for one in opened["added_tokens"]:
        one["special"] = one["special"] and one["content"] == text
    again = library().Tokenizer.from_str(json.dumps(opened))
    again.encode_special_tokens = True
    ids: list[int] = again.encode(special + text, add_special_tokens=False).ids
    return ids[1:]


def test_some_special_tokens_are_parsed_with_offsets() -> None:
    for kind in KINDS:
        _, vocabulary = pair(kind)
        rows = tokenizer_of(vocabulary)(["a<x>[UNK]"], offsets=True, allowed_special=["<x>"])
        places = dict(zip(rows["input_ids"][0].tolist(), rows["offset_mapping"][0].tolist(), strict=True))
        assert places[vocabulary.special_id("<x>")] == [1, 4]
        assert vocabulary.special_id("[UNK]") not in places or kind != "foreign"


def slowly(
    place: tuple[int, int], size: int, spans: list[tuple[int, int, float]], outside: float, rule: str
) -> float:
    """The value of a token from byte to byte."""
    begin, end = place
    if begin >= end:
        begin = max(0, min(begin, size - 1))
        end = begin + 1
    values = [
        next((value for low, high, value in spans if low <= byte < high), outside)
        for byte in range(begin, end)
    ]
    if rule == "majority":
        return min(values, key=lambda one: (-values.count(one), one))
    return min(values) if rule == "all" else max(values)


@given(st.data(), st.sampled_from(["all", "any", "majority"]), st.sampled_from([(0, 0), (1, 2)]))
def test_values_are_those_of_the_bytes_that_a_token_is_from(
    data: st.DataObject, rule: str, around: tuple[int, int]
) -> None:
    texts, spans, places, expected = [], [], [], []
    for _ in range(data.draw(st.integers(0, 4))):
        text = data.draw(st.text("a\u00e9\u65e5 ", max_size=12))
        edges = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6)))
        row = [
            (a, b, data.draw(st.sampled_from([0.0, 1.0, 2.5])))
            for a, b in zip(edges[::2], edges[1::2], strict=False)
        ]
        size = len(text.encode())
        ends = sorted(data.draw(st.lists(st.integers(0, size), max_size=12)))
        own = list(zip(ends[::2], ends[1::2], strict=False))
        in_bytes = [(byte_of(text, a), byte_of(text, b), value) for a, b, value in row]
        values = [slowly(place, size, in_bytes, 0.0, rule) for place in own]
        after = values[-1] if values else 0.0
        expected += [*[0.0] * around[0], *values, *[after] * around[1]]
        last = own[-1][1] if own else 0
        places.append([*[(0, 0)] * around[0], *own, *[(last, last)] * around[1]])
        texts.append(text)
        spans.append(row)
    flat = np.array([place for row in places for place in row], np.int64).reshape(-1, 2)
    lists = np.cumsum([0, *map(len, places)])
    found = Located(flat[:, 0], lists, flat[:, 0], flat[:, 1], flat[:, 0])
    made = located_values(
        found, pa.array(texts, pa.large_string()), spans_of(spans), outside=0.0, rule=rule, around=around
    )
    assert made.tolist() == expected
