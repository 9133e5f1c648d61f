"""SentencePiece models: read, normalized, encoded and decoded as their owner does."""

import itertools
import json
import math
import pickle
from contextlib import suppress
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairloom.operators import Vocabulary
from pairloom.operators.documents import special_spans_of
from pairloom.operators.encode.tokenizer import Tokenizer
from pairloom.operators.errors import DataError, RecipeError
from pairloom.operators.models.sentencepiece.kernels import normalize as k
from pairloom.operators.models.sentencepiece.normal import Rules
from pairloom.operators.reference.models.sentencepiece import encode_bpe, encode_unigram, normalize, places
from pairloom.operators.text.arrays import text_of
from tests.support.charsmaps import charsmap
from tests.support.piece_models import PLAIN, bytes_pieces, field, piece_model

RULES = {
    "\t": " ",
    "A": "a",
    "\u3000": " ",
    "\u200b": "",
    "e\u0301": "\u00e9",
    "\ufdfa": "  ab cd",
    "x": "\u2581",
}
_ODD = st.text("abAe\u0301\u3000\u200b\ufdfax \t\u2581<>\u65e5", max_size=24)
_RUNS = st.lists(st.one_of(_ODD, st.text("be ", min_size=40, max_size=90)), max_size=6).map("".join)
TEXTS = st.lists(st.one_of(_ODD, _RUNS), max_size=5)
CHARACTERS = [("\u2581", -9.0, 1), ("a", -10.0, 1), ("b", -11.0, 1)]


@given(TEXTS, st.lists(st.booleans(), min_size=4, max_size=4), st.booleans(), st.booleans())
def test_texts_are_normalized_as_by_the_twin(
    texts: list[str], options: list[bool], mapped: bool, symbols: bool
) -> None:
    names = ("remove", "dummy", "suffix", "escape")
    does = sum(
        bit for bit, there in zip((k.REMOVE, k.DUMMY, k.SUFFIX, k.ESCAPE), options, strict=True) if there
    )
    rules, kept = RULES if mapped else {}, ["<", "ab", "  "] if symbols else []
    compiled = Rules.of(charsmap(rules) if mapped else b"", kept, does=does)
    text, skipped = text_of(pa.array(texts, pa.large_string())), np.zeros(len(texts), np.bool_)
    made, located = compiled.normalize(text, skipped), compiled.locate(text, skipped)
    found = [made.data[a:b].tobytes().decode() for a, b in zip(made.offsets, made.offsets[1:], strict=False)]
    said = dict(zip(names, options, strict=True))
    assert found == [normalize(text, rules, kept, **said) for text in texts]
    assert np.array_equal(located.text.data, made.data)
    assert np.array_equal(located.text.offsets, made.offsets)
    for i, (low, high) in enumerate(itertools.pairwise(made.offsets.tolist())):
        begins = [*located.places[low:high].tolist(), located.stops[i]]
        assert [one - text.offsets[i] for one in begins] == places(texts[i], rules, kept, **said)


@given(
    st.lists(st.text("ab \u65e5", max_size=90), max_size=4),
    st.lists(st.tuples(st.text("ab\u2581", min_size=2, max_size=5), st.integers(-4, 0)), max_size=12),
)
def test_merges_of_one_score_are_made_from_the_left(texts: list[str], drawn: list[tuple[str, int]]) -> None:
    scores = dict(drawn)
    pieces = [*PLAIN, *CHARACTERS, *((text, float(score), 1) for text, score in scores.items())]
    vocabulary = Vocabulary.from_json(piece_model(pieces, dummy=False, remove=False))
    ids = {piece: i for i, (piece, _, _) in enumerate(pieces)}
    for text, row in zip(texts, vocabulary.encode(pa.array(texts, pa.string())).to_pylist(), strict=True):
        parts = encode_bpe(text.replace(" ", "\u2581"), {one: float(score) for one, score in scores.items()})
        expected = [ids.get(part, 0) for part in parts]
        fused = [i for at, i in enumerate(expected) if i or not at or expected[at - 1]]
        assert row == fused


@given(
    st.lists(st.text("ab \u65e5", max_size=60), max_size=4),
    st.lists(
        st.tuples(st.text("ab\u2581", min_size=1, max_size=4), st.floats(-9, -0.125, width=32)),
        min_size=1,
        max_size=9,
    ),
)
def test_sums_are_of_float32(texts: list[str], drawn: list[tuple[str, float]]) -> None:
    scores = dict(drawn)
    pieces = [*PLAIN, *((text, score, 1) for text, score in scores.items())]
    vocabulary = Vocabulary.from_json(piece_model(pieces, family=1, dummy=False, remove=False))
    ids = {piece: i for i, (piece, _, _) in enumerate(pieces)}
    penalty = float(np.float32(min(scores.values())) - np.float32(10))
    for text, row in zip(texts, vocabulary.encode(pa.array(texts, pa.string())).to_pylist(), strict=True):
        parts = encode_unigram(text.replace(" ", "\u2581"), scores, penalty)
        expected = [ids.get(part, 0) for part in parts]
        assert row == [i for at, i in enumerate(expected) if i or not at or expected[at - 1]]


def small(**options: Any) -> Vocabulary:
    """Pieces of all kinds."""
    pieces = [*PLAIN, ("<x>", 0.0, 4), *CHARACTERS, ("\u2581a", -1.0, 1), ("ab", -2.0, 1)]
    if options.get("byte_fallback"):
        pieces += bytes_pieces()
    return Vocabulary.from_json(piece_model(pieces, **options))


def test_special_tokens_stay_text_unless_they_are_asked_for() -> None:
    vocabulary = small()
    assert vocabulary.special_tokens == ("<unk>", "<s>", "</s>")
    assert vocabulary.encode_one("ab<x> ab").tolist() == [7, 6, 3, 7, 6]
    assert vocabulary.encode_one("<s>ab").tolist() == [4, 0, 8]
    assert vocabulary.encode_one("<s>ab</s>", special_tokens_in_text="parse").tolist() == [1, 7, 6, 2]
    assert vocabulary.encode_one("<s>a</s>", allowed_special=["<s>"]).tolist() == [1, 7, 0]
    column = pa.array([None, "a", ""])
    assert vocabulary.encode(column, prepend=[1], append=[2]).to_pylist() == [None, [1, 7, 2], [1, 2]]


def test_offsets_are_those_of_the_owner() -> None:
    """Values by sentencepiece 0.2.3."""
    text = "  ab  \u65e5\u672c ab<x> "
    byte = [[6, 6], [6, 6], [6, 9], [9, 9], [9, 9], [9, 12]]
    for fallback in (False, True):
        between = [[4, 6], *(byte if fallback else [[6, 12]])]
        for family, first, last in (
            (1, [[2, 2], [2, 4]], [[12, 13], [13, 15], [15, 18]]),
            (2, [[2, 3], [3, 4]], [[12, 14], [14, 15], [15, 18]]),
        ):
            tokenizer = Tokenizer(small(byte_fallback=fallback, family=family))
            found = tokenizer(text, offsets="bytes", words=True)
            assert found["offset_mapping"].tolist() == [*first, *between, *last]
            assert found["word_ids"].tolist() == [0, 0, *[1] * len(between), 2, 2, 2]
    assert tokenizer("   ", offsets=True)["offset_mapping"].tolist() == []


def test_special_spans_are_tokens_with_their_places() -> None:
    tokenizer = Tokenizer(small())
    texts = pa.array(["ab</s>ab<s>", None, "", "<s>ab"], pa.large_string())
    rows = pa.array(["x</s>ab<s> </s>", "<s>ab"], pa.large_string())
    special = special_spans_of([[(1, 5, "</s>"), (11, 15, "</s>")], []])
    found = tokenizer.encode_column(rows, special=special, prepend=[1], append=[2])
    assert found.ids.to_pylist() == [[1, 4, 0, 2, 7, 6, 0, 2, 2], [1, 4, 0, 8, 2]]
    assert found.located.begin.tolist() == [0, 0, 0, 1, 5, 6, 7, 11, 15, 0, 0, 0, 3, 5]
    assert found.located.end.tolist() == [0, 0, 1, 5, 6, 7, 10, 15, 15, 0, 0, 3, 5, 5]
    parsed = tokenizer.encode_column(texts, offsets=True, special_tokens_in_text="parse", append=[2])
    assert parsed.ids.to_pylist() == [[7, 6, 2, 7, 6, 1, 2], None, [2], [1, 7, 6, 2]]
    assert parsed.ends.to_pylist() == [[1, 2, 6, 7, 8, 11, 11], None, [0], [3, 4, 5, 5]]


def test_ids_are_decoded_as_the_owner_does() -> None:
    """Values by sentencepiece 0.2.3."""
    vocabulary = small()
    rows = [[4, 4, 7], [1, 4, 7], [7, 1, 7], [0, 7], [], [4, 4], [7, 4], [7, 0, 0, 7]]
    assert vocabulary.decode(pa.array(rows, pa.list_(pa.int64()))).to_pylist() == [
        text.encode() for text in ("a", "a", "a a", " \u2047  a", "", "", "a ", "a \u2047  \u2047  a")
    ]
    kept = small(byte_fallback=True, remove=False)
    e6, x97, a5 = (9 + byte for byte in (0xE6, 0x97, 0xA5))
    rows = [[4, 4, 7], [e6, x97, a5, 7], [e6, 7], [e6, 1, x97, a5], [9 + 0x20, 7]]
    assert kept.decode(pa.array(rows)).to_pylist() == [
        text.encode() for text in ("  a", "\u65e5 a", "\ufffd a", "\ufffd\ufffd\ufffd", "  a")
    ]
    with pytest.raises(DataError, match="id 999 is outside a vocabulary of 9 tokens"):
        vocabulary.decode([999])


def test_a_tokenizer_json_has_the_model_inside() -> None:
    for family in (1, 2):
        vocabulary = small(family=family)
        data = vocabulary.to_json()
        again = Vocabulary.from_json(data)
        assert again.fingerprint == vocabulary.fingerprint
        assert again.to_json() == data
        assert (
            pickle.loads(pickle.dumps(again)).encode_one("ab a").tolist()
            == vocabulary.encode_one("ab a").tolist()
        )
        document = json.loads(data)
        document["model"]["merges" if family == 2 else "vocab"] = (
            [["a", "b"]] if family == 2 else [["a", 0.0]]
        )
        with pytest.raises(
            DataError,
            match=r"model\.(vocab|merges) of this tokenizer\.json is not that of the SentencePiece model",
        ):
            Vocabulary.from_json(json.dumps(document).encode())
        document = json.loads(data)
        document["model"]["pairloom"]["sentencepiece"] = "?"
        with pytest.raises(
            DataError, match=r"model\.pairloom\.sentencepiece of this tokenizer\.json is no base64"
        ):
            Vocabulary.from_json(json.dumps(document).encode())


WHOLE = piece_model([*PLAIN, *CHARACTERS])


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (WHOLE[:20], r"byte 16: field 1 has 12 bytes, and 2 are left"),
        (WHOLE[:17], "byte 17: an integer is cut"),
        (WHOLE + b"\x03", "field 0 is of kind 3|the number 0"),
        (WHOLE + b"\x0b", "field 1 is of kind 3"),
        (piece_model([*PLAIN, ("a", math.nan, 1)]), "the score of piece 3, 'a', is nan"),
        (piece_model([*PLAIN, ("a", math.inf, 1)]), "the score of piece 3, 'a', is inf"),
        (piece_model([*PLAIN, ("a", 0.0, 1), ("a", 0.0, 1)]), "pieces 3 and 4 are both 'a'"),
        (piece_model(PLAIN[1:]), "it has 0 pieces for what is unknown"),
        (piece_model([*PLAIN, ("<u>", 0.0, 2)]), "it has 2 pieces for what is unknown"),
        (piece_model([*PLAIN, ("", 0.0, 1)]), "piece 3 is empty"),
        (piece_model([*PLAIN, ("a", 0.0, 7)]), "piece 3, 'a', is of kind 7"),
        (piece_model([*PLAIN, ("<0x00>", 0.0, 6)]), "pieces for 1 bytes, and byte_fallback=false"),
        (piece_model(PLAIN, byte_fallback=True), "pieces for 0 bytes, and byte_fallback=true"),
        (piece_model(PLAIN, charsmap=b"\xff\0\0\0abc"), "precompiled_charsmap of 7 bytes says that 255"),
        (piece_model(PLAIN, family=9), "model_type is 9"),
        (WHOLE + field(1, field(1, b"\xff")), r"piece 6, b'\\xff', is not UTF-8"),
    ],
)
def test_a_damaged_file_is_named_with_the_place(data: bytes, why: str) -> None:
    with pytest.raises(DataError, match=f"this SentencePiece model is damaged: .*({why})"):
        Vocabulary.from_json(data)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (piece_model([*PLAIN, ("aq", 0.0, 1), *CHARACTERS]), "piece 3 .*, 'aq', has 'q', which is no piece"),
        (piece_model([*PLAIN, ("a", 0.0, 5)]), "pieces that are not to be used, as 'a'"),
        (piece_model(PLAIN, family=3), "of the type word"),
    ],
)
def test_what_is_not_encoded_is_refused(data: bytes, why: str) -> None:
    with pytest.raises(RecipeError, match=why):
        Vocabulary.from_json(data)


@given(st.binary(max_size=60), st.integers(0, len(WHOLE)), st.binary(max_size=8))
def test_any_bytes_are_read_or_refused(units: bytes, at: int, spliced: bytes) -> None:
    """A map of rules that is damaged reads nothing beyond itself."""
    for data in (WHOLE[:at] + spliced + WHOLE[at:], piece_model([*PLAIN, *CHARACTERS], charsmap=units)):
        with suppress(DataError, RecipeError):
            Vocabulary.from_json(data).encode_one("ab\u65e5 a")
