"""Ids that are code points (C27): the same in every vocabulary, lossless beyond the plane, fewer tokens by pairs and triples."""

from collections import Counter
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairloom.operators.counts import count_words
from pairloom.operators.learners import Target
from pairloom.operators.learners.code_points import CodePointsLearner
from pairloom.operators.lexicons.code_points import ROOM, frequent_ngrams, tokens_of
from pairloom.operators.text.pretokenize import Pretokenizer
from pairloom.operators.vocabulary import Vocabulary

TEXTS = pa.array(
    [
        "the other thing",
        "\u0435\u0449\u0451 \u043e\u0434\u043d\u043e \u0435\u0449\u0451",
        "\u65e5\u672c\u8a9e \u65e5\u672c",
    ]
    * 3
)
TARGET = Target(size=1 << 16, special_tokens=("<|endoftext|>", "<pad>"))


@pytest.fixture(scope="module")
def made() -> Vocabulary:
    return CodePointsLearner().learn(count_words(TEXTS, Pretokenizer()), TARGET)


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=20))
def test_every_text_comes_back(made: Vocabulary, text: str) -> None:
    ids = made.encode(pa.array([text]))
    assert made.decode(ids).to_pylist() == [text.encode()]


def test_every_character_of_the_plane_comes_back(made: Vocabulary) -> None:
    points = [point for point in range(1 << 16) if not 0xD800 <= point < 0xE000]
    rows = made.encode(pa.array([chr(point) for point in points], pa.large_string()))
    assert made.decode(rows).to_pylist() == [chr(point).encode() for point in points]
    for point, ids in zip(points, rows.to_pylist(), strict=True):
        assert (ids == [point]) == (point < 0xD800 or point >= 0xF900)
    whole = "".join(map(chr, points))
    assert made.decode(made.encode_one(whole)).decode() == whole


def test_ids_are_the_same_whatever_is_learned_from(made: Vocabulary) -> None:
    counts = count_words(TEXTS.take(pa.array(range(len(TEXTS) - 1, -1, -1))), Pretokenizer())
    assert CodePointsLearner().learn(counts, TARGET).to_json() == made.to_json()
    other = CodePointsLearner().learn(count_words(pa.array(["zzz zzz abcabc"] * 3), Pretokenizer()), TARGET)
    same = [*range(0xD800), *range(0xE000, 0xE100), *range(0xF900, 1 << 16)]
    assert [other.tokens[i] for i in same] == [made.tokens[i] for i in same]
    assert other != made


def test_a_character_is_its_code_point(made: Vocabulary) -> None:
    alone = "aZ\u00e9\u042f\u5b57\uff01\u0000"
    ids = [made.encode(pa.array([character])).to_pylist()[0] for character in alone]
    assert ids == [[ord(character)] for character in alone]
    assert made.special_ids == (0xE000, 0xE001)
    bare = CodePointsLearner(each=0).learn(count_words(pa.array(["x"]), Pretokenizer()), TARGET)
    same = [i for i in range(1 << 16) if i < 0xD800 or i >= 0xF900]
    assert all(bare.tokens[i] == made.tokens[i] for i in same[::37])


def test_the_file_has_the_same_ids(made: Vocabulary, tmp_path: Path) -> None:
    made.save(tmp_path / "tokenizer.json")
    read = Vocabulary.load(tmp_path / "tokenizer.json")
    assert read == made
    texts = pa.array(["the <|endoftext|> thing\U0001f600", "<pad>"])
    for how in ("text", "parse"):
        assert read.encode(texts, special_tokens_in_text=how) == made.encode(
            texts, special_tokens_in_text=how
        )
    assert made.decode(made.encode(texts)).to_pylist() == [text.encode() for text in texts.to_pylist()]
    assert made.encode(texts, special_tokens_in_text="parse").to_pylist()[1] == [0xE001]


def test_frequent_pairs_and_triples_of_each_script_are_tokens(made: Vocabulary) -> None:
    tokens = set(made.tokens)
    assert {b" th", "\u0435\u0449\u0451".encode(), "\u65e5\u672c".encode()} <= tokens
    counted: Counter[str] = Counter()
    words = count_words(TEXTS, Pretokenizer())
    for word, count in zip(words.words.to_pylist(), words.counts.tolist(), strict=True):
        text = word.decode()
        for size in (2, 3):
            counted.update({text[i : i + size]: count for i in range(len(text) - size + 1)})
    found = frequent_ngrams(words, 1 << 16)
    assert set(found) == {text for text, count in counted.items() if count > 1}
    assert found == sorted(found, key=lambda text: (-len(text), text))
    assert len(tokens_of([f"{i:05d}" for i in range(ROOM)], ())) == 1 << 16


def test_what_has_no_place_is_refused() -> None:
    with pytest.raises(ValueError, match="size must be 65536, as ids are code points, not 300"):
        CodePointsLearner().check(Target(size=300))
    with pytest.raises(ValueError, match="special_tokens can be 256 at most, not 257"):
        CodePointsLearner().check(Target(size=1 << 16, special_tokens=tuple(f"<{i}>" for i in range(257))))
