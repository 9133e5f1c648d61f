"""Unigram as the library encodes it, whatever its options and the text."""

import itertools
import json
import math
import pickle
import random
import re
import unicodedata
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pairloom.operators import Vocabulary
from pairloom.operators.encode.encoder import Encoder
from pairloom.operators.encode.warm import encode_words
from pairloom.operators.models.unigram.tables import UnigramTable
from pairloom.operators.reference.models.unigram import encode_word
from pairloom.operators.text.arrays import text_of
from pairloom.operators.text.front.spaces import Spaces
from tests.support.charsmaps import precompiled
from tests.support.nasty import nasty_texts
from tests.support.owners import check_equal, corpus, library

SCORES = st.sampled_from([-1.0, -2.0, -3.0, -1.5, -0.1, -0.7, -11.3, 0.0])
PIECES = ["a", "b", "ab", "ba", "aab", "é", "aé", "日本", "bbb", "a", "qq", "qé日"]


@given(
    st.lists(st.text("abé日本q", max_size=40), max_size=6),
    st.lists(SCORES, min_size=len(PIECES), max_size=len(PIECES)),
    st.booleans(),
)
def test_a_word_is_encoded_as_by_its_twin(texts: list[str], scores: list[float], falls_back: bool) -> None:
    pieces = [("<unk>", 0.0), *zip(PIECES, scores, strict=True)]
    byte_ids = list(range(100, 356)) if falls_back else []
    table = UnigramTable.of(
        [(piece.encode(), score) for piece, score in pieces], unknown=0, byte_ids=byte_ids
    )
    assert encode_words(table.kernel(), texts) == [
        encode_word(text, pieces, unknown=0, byte_ids=byte_ids) for text in texts
    ]


WIDE = "日本語。あ"
KINDS_OF_SCORES = {
    "equal": lambda drawn: -1.1,
    "tenths": lambda drawn: -drawn.randint(1, 12) / 10,
    "near": lambda drawn: -3 - drawn.random() * 1e-14,
    "any": lambda drawn: -drawn.random() * 10.0 ** drawn.randint(-3, 3),
    "both signs": lambda drawn: drawn.randint(-9, 5) / 7,
}
"""How scores are drawn: ways to spell a part of a word are often equal but for how their sums are rounded, which what is before decides."""


@settings(max_examples=200)
@given(
    st.sampled_from(sorted(KINDS_OF_SCORES)),
    st.integers(0, 1 << 30),
    st.booleans(),
    st.booleans(),
    st.sampled_from([1 << 14, 1 << 20]),
)
def test_parts_of_words_are_encoded_as_the_words(
    kind: str, seed: int, spaced: bool, falls_back: bool, table_bytes: int
) -> None:
    """Text without spaces is cut where no piece goes over, and parts of it are remembered."""
    drawn = random.Random(seed)
    texts_of_pieces = {
        drawn.choice(("", "", " ")) + "".join(drawn.choice(WIDE + "a") for _ in range(drawn.randint(1, 4)))
        for _ in range(drawn.randint(3, 24))
    }
    scored = [(piece, KINDS_OF_SCORES[kind](drawn)) for piece in sorted(texts_of_pieces)]
    pieces = [("<unk>", 0.0), *scored]
    byte_ids = list(range(1000, 1256)) if falls_back else []
    table = UnigramTable.of(
        [(piece.encode(), score) for piece, score in pieces], unknown=0, byte_ids=byte_ids
    )
    letters = drawn.choice((WIDE, WIDE + " a", "日本。", "日日日本 "))
    texts = ["".join(drawn.choice(letters) for _ in range(drawn.choice((0, 4, 60, 900)))) for _ in range(5)]
    texts += [letters[:2] * drawn.randint(1, 300), letters[:1] * 90, texts[-1]]
    encoder = Encoder(
        table.kernel(spaced=spaced),
        pretokenizer=Spaces([piece for piece, _ in pieces], before="each" if spaced else "none"),
        dtype=np.dtype(np.uint16),
        table_bytes=table_bytes,
    )
    expected = [
        [
            i
            for word in (re.split("(?<!^)(?= )", text) if spaced else [text])
            for i in encode_word(word, pieces, unknown=0, byte_ids=byte_ids)
        ]
        for text in texts
    ]
    column, nothing = text_of(pa.array(texts, pa.large_string())), np.zeros(0, np.uint32)
    for _ in range(2):
        values, lists = encoder.encode(column, prepend=nothing, append=nothing)
        assert [values[a:b].tolist() for a, b in itertools.pairwise(lists)] == expected


def test_what_is_unknown_is_one_token_beside_a_piece_of_its_id() -> None:
    vocab = [["本", -1.0], ["日", -2.0], ["語", -2.5], ["\u2581", -3.0]]
    document = json.loads(_learned(False))
    document["model"] = {"type": "Unigram", "unk_id": 0, "vocab": vocab, "byte_fallback": False}
    document["added_tokens"] = []
    check_equal(
        library().Tokenizer.from_str(json.dumps(document)),
        ["日本あ語", "本本あいう日", "あ本", "日本語本あ", "あい"] * 2,
        model="unigram",
    )


@cache
def _learned(falls_back: bool) -> str:
    tokenizers = library()
    theirs = tokenizers.Tokenizer(tokenizers.models.Unigram())
    theirs.pre_tokenizer = tokenizers.pre_tokenizers.Metaspace()
    trainer = tokenizers.trainers.UnigramTrainer(
        vocab_size=900, special_tokens=["<unk>", "<s>", "</s>"], unk_token="<unk>", show_progress=False
    )
    theirs.train_from_iterator(corpus(), trainer)
    theirs.decoder = tokenizers.decoders.Metaspace()
    document = json.loads(theirs.to_str())
    if falls_back:
        document["model"]["byte_fallback"] = True
        document["model"]["vocab"] += [[f"<0x{byte:02X}>", 0.0] for byte in range(256)]
    return json.dumps(document)


def learned(*, falls_back: bool = False) -> Any:
    return library().Tokenizer.from_str(_learned(falls_back))


def rules() -> dict[str, str]:
    """Some of what SentencePiece's own map has."""
    found = {char: unicodedata.normalize("NFKC", char) for char in map(chr, range(0xA0, 0x2FF))}
    found |= {char: unicodedata.normalize("NFKC", char) for char in map(chr, range(0xFF01, 0xFFDC))}
    found |= {
        char + mark: unicodedata.normalize("NFC", char + mark)
        for char in "aeiouE"
        for mark in "\u0301\u0300\u0308"
    }
    found |= {
        "\n": " ",
        "\t": " ",
        "\r": " ",
        "\u3000": " ",
        "\u200b": "",
        "\x01": "",
        "\x7f": "",
        "\u2581": "\u2581",
    }
    return {source: to for source, to in found.items() if source != to}


def shapes() -> dict[str, tuple[Any, Any]]:
    tokenizers = library()
    steps, cuts = tokenizers.normalizers, tokenizers.pre_tokenizers
    marks, runs = cuts.Metaspace(), steps.Replace(tokenizers.Regex(" {2,}"), " ")
    lines = steps.Replace(tokenizers.Regex(" {2,}"), "\u2581")
    return {
        "plain": ([], marks),
        "never": ([], cuts.Metaspace(prepend_scheme="never")),
        "first": ([], cuts.Metaspace(prepend_scheme="first")),
        "whole": ([], cuts.Metaspace(split=False)),
        "xlm-r": ([precompiled(rules())], cuts.Sequence([cuts.WhitespaceSplit(), marks])),
        "e5": ([precompiled(rules()), runs], marks),
        "t5": ([precompiled(rules()), steps.Strip(left=False), lines], marks),
        "albert": (
            [
                steps.Replace("``", '"'),
                steps.NFKD(),
                steps.StripAccents(),
                steps.Lowercase(),
                precompiled(rules()),
                runs,
            ],
            marks,
        ),
        "nmt": ([steps.Nmt(), steps.NFKC(), runs], marks),
        "folded": ([steps.NFKD(), steps.StripAccents(), steps.Lowercase(), precompiled(rules())], marks),
    }


@pytest.mark.parametrize("falls_back", [False, True])
@pytest.mark.parametrize(
    "shape", ["plain", "never", "first", "whole", "xlm-r", "e5", "t5", "albert", "nmt", "folded"]
)
def test_text_is_encoded_as_by_the_library(shape: str, falls_back: bool) -> None:
    normalizers, pretokenizer = shapes()[shape]
    theirs = learned(falls_back=falls_back)
    theirs.pre_tokenizer = pretokenizer
    document = json.loads(theirs.to_str())
    steps = [one if isinstance(one, dict) else json.loads(one.__getstate__()) for one in normalizers]
    document["normalizer"] = {"type": "Sequence", "normalizers": steps} if steps else None
    theirs = library().Tokenizer.from_str(json.dumps(document))
    vocabulary = check_equal(theirs, [*nasty_texts(250), *corpus()[:6]], model="unigram")
    assert (vocabulary.slow_path is None) == (shape != "albert")
    assert pickle.loads(pickle.dumps(vocabulary)) == vocabulary
    assert Vocabulary.from_json(vocabulary.to_json()) == vocabulary


def test_added_tokens_part_text() -> None:
    tokenizers = library()
    theirs = learned()
    added = tokenizers.AddedToken
    theirs.add_special_tokens([added("<mask>", lstrip=True), added("<extra_id_0>")])
    theirs.add_tokens([added("the tool", normalized=True), added("\n", normalized=False)])
    texts = ["a <mask> b", "x<extra_id_0>y", "the tool  the tool", "a\n\nb", " <mask>"]
    check_equal(theirs, [*texts, *nasty_texts(100)], model="unigram")


def test_scores_that_are_equal_and_text_that_no_piece_spells() -> None:
    tokenizers = library()
    pieces = [
        ("<unk>", -1.0),
        ("\u2581", -2.0),
        ("a", -1.0),
        ("aa", -2.0),
        ("aaa", -3.0),
        ("qz", -40.0),
        ("a", -9.0),
        ("z\u2581", -1.0),
    ]
    theirs = tokenizers.Tokenizer(tokenizers.models.Unigram(pieces, 0))
    theirs.pre_tokenizer, theirs.decoder = (
        tokenizers.pre_tokenizers.Metaspace(split=False),
        tokenizers.decoders.Metaspace(),
    )
    texts = ["a" * n for n in range(30)] + ["qz", "qzq", "aqzzqa", "<unk>", "q<unk>z", "z z", "qq<unk>aa q"]
    check_equal(theirs, [*texts, *nasty_texts(60)], model="unigram")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda d: d.update(pre_tokenizer={"type": "Punctuation", "behavior": "Isolated"}), "Punctuation"),
        (
            lambda d: d["model"]["vocab"].remove(next(p for p in d["model"]["vocab"] if p[0] == "\u2581")),
            "no token",
        ),
    ],
)
def test_what_is_left_to_the_library_says_why(change: Any, why: str) -> None:
    document = json.loads(learned().to_str())
    change(document)
    vocabulary = Vocabulary.from_json(json.dumps(document).encode())
    assert vocabulary.model.name == "foreign"
    assert why in str(vocabulary.slow_path)


def test_scores_are_what_the_library_reads_which_need_not_be_the_nearest_numbers() -> None:
    tokenizers = library()
    draw = random.Random(0)
    pieces = [("<unk>", 0.0), ("\u2581", -2.0), ("b", 0.0)]
    for point in range(0x4E00, 0x4E00 + 2000):
        score = draw.uniform(-12, 0)
        pieces += [(chr(point), score), (chr(point) + "b", math.nextafter(score, -math.inf))]
    theirs = tokenizers.Tokenizer(tokenizers.models.Unigram(pieces, 0))
    theirs.pre_tokenizer = tokenizers.pre_tokenizers.Metaspace()
    check_equal(theirs, [f"{chr(point)}b" for point in range(0x4E00, 0x4E00 + 2000)], model="unigram")


def test_no_texts_are_no_lists() -> None:
    """Nothing is read of what is not there, which kernels that check their bounds would tell."""
    vocabulary = Vocabulary.from_json(_learned(False).encode())
    assert vocabulary.encode(pa.array([], pa.large_string())).to_pylist() == []
    assert vocabulary.encode(pa.array([None, ""], pa.large_string())).to_pylist() == [None, []]
