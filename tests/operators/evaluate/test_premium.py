"""Token premiums follow what a parallel corpus was constructed with."""

import json
import random
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairloom.operators import Pretokenizer, Vocabulary, count_words, learn_bpe
from pairloom.operators.errors import RecipeError
from pairloom.operators.evaluate.premium import (
    PREDICTORS,
    ParallelText,
    fit_sizes,
    linear_r_squared,
    premium_rows,
    target_tokens,
)
from pairloom.operators.models.bpe import ByteLevelBPE
from pairloom.pipeline import open_dataset, run
from pairloom.pipeline.recipe import Recipe
from pairloom.pipeline.report import Options, report_on_root, report_on_vocabulary

CUT = Pretokenizer(scheme="whitespace")
CONCEPTS = 60
LETTERS = {"a": "abcdefghij", "b": "klmnopqrst", "c": "абвгдежзик"}


def word(language: str, concept: int, part: int) -> str:
    """One word a concept in `one`, three in `three`; in `wide` one, of characters that take three bytes each."""
    number = concept * 3 + part
    letters = "abcdefghijklmnop"
    spelled = letters[number // 256] + letters[number // 16 % 16] + letters[number % 16]
    return "".join(chr(0x4E00 + ord(c)) for c in spelled) if language == "wide" else spelled


def render(language: str, concepts: list[int]) -> str:
    parts = 3 if language == "three" else 1
    return "".join(" " + word(language, concept, part) for concept in concepts for part in range(parts))


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Vocabulary]:
    rng = random.Random(0)
    path = tmp_path_factory.mktemp("parallel") / "all.jsonl"
    rows = []
    for page in range(40):
        concepts = (
            [*range(CONCEPTS), *rng.choices(range(CONCEPTS), k=page)] if page else list(range(CONCEPTS))
        )
        rows += [
            {"id": f"page-{page}", "lang": language, "text": render(language, concepts)}
            for language in ("one", "three", "wide")
        ]
    rows.append({"id": "page-0", "lang": "one", "text": "a second text of the same page does not count"})
    rows += [{"id": f"alone-{i}", "lang": "one", "text": render("one", [i])} for i in range(1)]
    rows += [{"id": "page-1", "lang": "rare", "text": "x"}]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    texts = pa.array([row["text"] for row in rows if "text" in row], pa.large_string())
    return path, learn_bpe(count_words(texts, CUT), 6000, pretokenizer=CUT)


def test_premiums_are_the_factors_that_were_built_in(corpus: tuple[Path, Vocabulary]) -> None:
    path, vocabulary = corpus
    options = Options(against={}, by="lang", parallel="id", reference="one")
    found = report_on_vocabulary("v", vocabulary, (str(path),), "text", options)["premiums"]
    rows = {row["language"]: row for row in found["rows"]}
    assert set(rows) == {"one", "three", "wide"}, "a language with too few pages is left out"
    assert found["documents"] == 40
    # Every word is one token: three words for one are a premium of three, whatever their script.
    assert rows["one"]["premium"] == 1
    assert rows["three"]["premium"] == pytest.approx(3)
    assert rows["wide"]["premium"] == pytest.approx(1)
    assert rows["three"]["byte_premium"] == pytest.approx(3)
    assert rows["wide"]["byte_premium"] == pytest.approx(10 / 4)
    assert rows["three"]["corrected"] == pytest.approx(1)
    assert rows["wide"]["corrected"] == pytest.approx(4 / 10)
    assert rows["one"]["whitespace"] == pytest.approx(1 / 4)
    assert rows["one"]["tokens"] == sum(CONCEPTS + page for page in range(40))


def test_what_may_explain_premiums_is_measured_on_the_tokens_in_use(
    corpus: tuple[Path, Vocabulary], tmp_path: Path
) -> None:
    """Mean token length over the tokens that a language uses, and how many the corpus uses too (C03)."""
    path, _ = corpus
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    recipe = Recipe.model_validate(
        {
            "root": str(tmp_path / "out"),
            "corpus": [{"name": "all", "paths": [str(path)], "id": "id"}],
            "vocabulary": {"size": 700, "pretokenizer": {"scheme": "whitespace"}},
            "max_rejected": 0.1,
            "execution": {"engine": "local"},
        }
    )
    run(recipe)
    root = open_dataset(str(tmp_path / "out"))
    vocabulary = root.vocabulary()
    options = Options(against={}, by="lang", parallel="id", reference="one")
    found = report_on_root(root, options)["premiums"]
    assert {row["predictor"] for row in found["explained"]} <= {*PREDICTORS, "combined"}
    for row in found["rows"]:
        own = [one["text"] for one in rows if one["lang"] == row["language"] and "text" in one]
        ids = {token for text in own for token in vocabulary.encode_one(text).tolist()}
        starts = [sum(byte & 0xC0 != 0x80 for byte in vocabulary.tokens[i]) for i in ids]
        assert row["mean_token_length"] == pytest.approx(sum(starts) / len(starts))
        assert row["similarity"] == pytest.approx(len(ids) / len(vocabulary)), (
            "the corpus uses all that its pages use"
        )


@pytest.mark.parametrize("unit_bytes", [1 << 30, 4000])
def test_each_language_gets_a_vocabulary_of_its_own(
    corpus: tuple[Path, Vocabulary], unit_bytes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Learned from its text alone, at sizes that are multiples of 128; costs are of the shared content (C03)."""
    monkeypatch.setattr("pairloom.pipeline.report.root.UNIT_BYTES", unit_bytes)
    path, vocabulary = tmp_path / "pages.jsonl", corpus[1]
    rng = random.Random(5)
    words = {
        name: ["".join(rng.choices(letters, k=5)) for _ in range(500)] for name, letters in LETTERS.items()
    }
    rows = []
    for page in range(40):
        concepts = rng.choices(range(500), k=100)
        rows += [
            {"id": page, "lang": name, "text": "".join(f" {own[i]}" for i in concepts)}
            for name, own in words.items()
        ]
    rows += [{"lang": "a", "text": f" {word}" * 3} for word in words["a"][:50]]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    options = Options(against={}, by="lang", parallel="id", reference="a", own=900)
    report = report_on_vocabulary("v", vocabulary, (str(path),), "text", options)
    scales = {row["language"]: row["tokens"] * row["bytes_per_token"] for row in report["premiums"]["rows"]}
    assert [row["language"] for row in report["own"]["rows"]] == list(LETTERS)
    for row in report["own"]["rows"]:
        own = [one["text"] for one in rows if one["lang"] == row["language"]]
        parallel = [one["text"] for one in rows if one["lang"] == row["language"] and "id" in one]
        for size, tokens in row["points"]:
            assert size % 128 == 0
            learned = learn_bpe(count_words(pa.array(own), CUT), size, pretokenizer=CUT)
            assert tokens == sum(len(learned.encode_one(text)) for text in parallel)
        assert row["equal"] % 128 == 0
        assert scales[row["language"]] == sum(len(text.encode()) for text in parallel)
    with pytest.raises(RecipeError, match="add --parallel FIELD"):
        report_on_vocabulary("v", vocabulary, (str(path),), "text", Options(against={}, by="lang", own=512))


def test_bytes_alone_cost_their_byte_premium(corpus: tuple[Path, Vocabulary]) -> None:
    path, vocabulary = corpus
    bare = Vocabulary(
        tokens=vocabulary.tokens[:256],
        model=ByteLevelBPE(merges=np.zeros((0, 2), np.int32)),
        pretokenizer=CUT,
    )
    options = Options(against={}, by="lang", parallel="id", reference="one")
    for row in report_on_vocabulary("v", bare, (str(path),), "text", options)["premiums"]["rows"]:
        assert row["premium"] == row["byte_premium"]
        assert row["corrected"] == 1


def test_a_sample_takes_all_translations_of_a_page_or_none(corpus: tuple[Path, Vocabulary]) -> None:
    path, vocabulary = corpus
    options = Options(
        against={}, by="lang", parallel="id", reference="one", sample_bytes=path.stat().st_size // 2
    )
    found = report_on_vocabulary("v", vocabulary, (str(path),), "text", options)["premiums"]
    assert 0 < found["documents"] < 40
    assert {row["language"]: round(row["premium"], 9) for row in found["rows"]} == {
        "one": 1,
        "three": 3,
        "wide": 1,
    }


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (Options(against={}, parallel="id"), "--by"),
        (Options(against={}, by="lang", parallel="id", reference="en"), "cannot be relative to 'en'"),
        (Options(against={}, by="lang", parallel="text"), "share 'text'"),
    ],
)
def test_premiums_that_cannot_be_had_are_refused(
    corpus: tuple[Path, Vocabulary], options: Options, message: str
) -> None:
    path, vocabulary = corpus
    with pytest.raises(RecipeError, match=message):
        report_on_vocabulary("v", vocabulary, (str(path),), "text", options)


def test_premiums_need_the_same_documents() -> None:
    one = ParallelText(documents=2, tokens=4, bytes=8, characters=8, whitespace=1)
    other = ParallelText(documents=1, tokens=4, bytes=8, characters=8, whitespace=1)
    with pytest.raises(ValueError, match="the same documents"):
        premium_rows({"a": one, "b": other}, "a")
    with pytest.raises(ValueError, match="no text in 'c'"):
        premium_rows({"a": one}, "c")


SIZES = [8192, 16384, 32768, 65536, 131072, 262144]


@given(st.floats(-1.5, -0.1), st.floats(1e4, 1e7), st.floats(0, 1e6))
def test_a_curve_is_found_from_its_points_and_inverted(b: float, scale: float, c: float) -> None:
    a = scale / 8192**b  # the tokens above the asymptote at the smallest size
    fit = fit_sizes(SIZES, [a * v**b + c for v in SIZES])
    assert fit.rmse <= 1e-5 * scale
    for size in (8192, 20480, 65536, 262144):
        assert fit.tokens(size) == pytest.approx(a * size**b + c, rel=1e-4)
    assert fit.size(a * 65536**b + c) == pytest.approx(65536, rel=0.02)
    assert fit.size(a * 65536**b + c) % 128 == 0
    assert fit.size(1e18) == 8192
    assert fit.size(0) == 262144


def test_sizes_that_make_languages_equal() -> None:
    fits = {
        name: fit_sizes(SIZES, [a * v**-0.5 + 100 for v in SIZES]) for name, a in (("x", 1e5), ("y", 2e5))
    }
    target, sizes = target_tokens(fits, [1e9, 900.0, 3.0])
    assert target == 900
    assert sizes["y"] == pytest.approx(4 * sizes["x"], rel=0.02)
    with pytest.raises(ValueError, match="4 sizes"):
        fit_sizes([1, 2, 3], [3, 2, 1])


def test_explained_variance() -> None:
    x = [1.0, 2.0, 3.0, 4.0]
    assert linear_r_squared([2 * v + 1 for v in x], [x]) == pytest.approx(1)
    assert linear_r_squared([1, -1, -1, 1], [x]) == pytest.approx(0)
    assert linear_r_squared([5, 5, 5, 5], [x]) == 0
