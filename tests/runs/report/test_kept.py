"""What a report measures on some text of each group: sizes, words and morphemes, and texts that are cut for all to see."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from pairloom.jobs.cli import main
from pairloom.jobs.report.lexicons import read_lexicons, read_segmentations
from pairloom.jobs.report.page import page
from pairloom.operators import Pretokenizer, Vocabulary, count_words, learn_bpe
from pairloom.operators.errors import DataError, RecipeError
from pairloom.operators.evaluate.curve import prefix
from pairloom.operators.evaluate.morphology import morphology_facts
from pairloom.pipeline.report import Lexicon, Options, report_on_vocabulary
from pairloom.pipeline.report.probes import PROBES
from tests.support.corpora import documents

LANGUAGES = ("en", "de", "fr")


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("kept") / "in.jsonl"
    rows = [
        {"text": f"{text} {lang * (i % 5)}", "lang": lang, "same": str(i)}
        for i, (_, text) in enumerate(documents(40, 3))
        for lang in LANGUAGES
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    cut = Pretokenizer(scheme="llama3")
    return learn_bpe(
        count_words(pa.array([text for _, text in documents(40, 3)]), cut), 500, pretokenizer=cut
    )


def of(texts: Path, lang: str) -> list[str]:
    rows = [json.loads(line) for line in texts.read_text("utf-8").split("\n") if line]
    return [row["text"] for row in rows if row["lang"] == lang]


def test_curves_by_group_are_those_of_encoding_with_fewer_merges(texts: Path, vocabulary: Vocabulary) -> None:
    asked = Options(against={}, by="lang", parallel="same")
    found = report_on_vocabulary("v", vocabulary, (str(texts),), "text", asked)
    rows = {row["group"]: row for row in found["sizes"]["rows"]}
    assert set(rows) == set(LANGUAGES)
    for lang, row in rows.items():
        assert row["bytes"] == sum(len(text.encode()) for text in of(texts, lang))
        assert row["points"][-1][0] == len(vocabulary)
        for size, tokens in row["points"]:
            fewer = prefix(vocabulary, len(vocabulary.model.merges) - len(vocabulary) + size)
            assert tokens == len(fewer.encode(pa.array(of(texts, lang))).values)
        curve = row["a"] * np.array([size for size, _ in row["points"]], np.float64) ** row["b"] + row["c"]
        measured = np.array([tokens for _, tokens in row["points"]]) / row["bytes"]
        error = float(np.sqrt(((curve - measured) ** 2).mean()) / measured.mean())
        assert error == pytest.approx(row["rmse"], rel=1e-6)
        assert error < 0.2
    costs = {row["language"]: row["tokens"] for row in found["premiums"]["rows"]}
    equal = found["sizes"]["equal"]
    assert equal["tokens"] in costs.values()
    assert all(row["equal"] % 128 == 0 and row["equal"] <= 512 for row in rows.values())
    assert "size at the same cost" in page(json.loads(json.dumps(found)))
    alone = report_on_vocabulary("v", vocabulary, (str(texts),), "text", Options(against={}))
    assert "sizes" not in alone, "one group has nobody to be equal to"


def test_tokens_of_a_language_are_looked_up_in_its_lexicon(texts: Path, vocabulary: Vocabulary) -> None:
    lexicon = Lexicon(
        words=frozenset({"the", "IN"}), roots=frozenset({"return", "a"}), affixes=frozenset({"a"})
    )
    asked = Options(against={"again": vocabulary}, by="lang", lexicons={"de": lexicon})
    found = report_on_vocabulary("v", vocabulary, (str(texts),), "text", asked)["morphology"]["lexicons"]
    ids = vocabulary.encode(pa.array(of(texts, "de"))).values.to_pylist()
    tokens = {vocabulary.tokens[i]: ids.count(i) for i in set(ids)}
    wanted = morphology_facts(tokens, words={"the", "in"}, roots={"return", "a"}, affixes={"a"})
    assert wanted["tr"] > wanted["pure"] > 0
    assert [row["tokenizer"] for row in found] == ["this", "again"]
    for row in found:
        assert {key: row[key] for key in wanted} == wanted
    wrong = Options(against={}, by="lang", lexicons={"tr": lexicon})
    with pytest.raises(RecipeError, match=r"'tr' in; --by lang has de, en, fr"):
        report_on_vocabulary("v", vocabulary, (str(texts),), "text", wrong)
    every = Options(against={}, lexicons={"tr": lexicon})
    row = report_on_vocabulary("v", vocabulary, (str(texts),), "text", every)["morphology"]["lexicons"][0]
    assert row["tokens"] == sum(
        len(vocabulary.encode(pa.array(of(texts, lang))).values) for lang in LANGUAGES
    )


def test_a_vocabulary_is_beside_dictionaries_of_one_pass(texts: Path, vocabulary: Vocabulary) -> None:
    asked = Options(against={"LZW": vocabulary}, by="lang")
    found = report_on_vocabulary("v", vocabulary, (str(texts),), "text", asked)
    rows = {(row["group"], row["model"]): row for row in found["simple"]["rows"]}
    assert set(rows) == {
        (lang, model)
        for lang in LANGUAGES
        for model in ("this", "LZW", "bytes", "LZW again", "sequential BPE")
    }
    for row in found["simple"]["entropy"]:
        lang, size = row["group"], row["bytes"]
        own = {model: one for (group, model), one in rows.items() if group == lang}
        assert own["this"] | {"model": "LZW"} == own["LZW"], "one that was given so named"
        assert own["bytes"]["bytes_per_token"] == 1
        assert own["bytes"]["own"] == pytest.approx(row["order_0"])
        assert row["order_0"] > row["order_1"] > row["order_2"] > 0
        # Half of the documents, those that come second by hash: their tokens are some of all documents' tokens.
        assert 0 < size < sum(len(text.encode()) for text in of(texts, lang))
        for model, one in own.items():
            assert one["own"] <= one["bits"] < 8
            if model != "bytes":
                assert one["bytes_per_token"] > 1
                assert one["own"] < own["bytes"]["own"], "tokens hold some of the structure"
        assert own["this"]["entries"] == len(vocabulary)
        assert 256 < own["LZW again"]["entries"] <= len(vocabulary)
        assert own["sequential BPE"]["entries"] > 256
    assert "Against simple tokenizers" in page(json.loads(json.dumps(found)))


def test_groups_of_single_documents_are_not_beside_simple_tokenizers(
    tmp_path: Path, vocabulary: Vocabulary
) -> None:
    path = tmp_path / "one.jsonl"
    path.write_text(json.dumps({"text": "a single document"}) + "\n", encoding="utf-8")
    found = report_on_vocabulary("v", vocabulary, (str(path),), "text", Options(against={}))
    assert "simple" not in found
    assert "Against simple tokenizers" not in page(found)


def test_every_tokenizer_cuts_the_same_short_texts(texts: Path, vocabulary: Vocabulary) -> None:
    other = learn_bpe(count_words(pa.array(["ab"]), Pretokenizer()), 257)
    asked = Options(against={"other": other}, segmentations={"en": {"naïve": ("na", "ïve")}})
    found: dict[str, Any] = report_on_vocabulary("v", vocabulary, (str(texts),), "text", asked)
    for name, one in (("this", vocabulary), ("other", other)):
        for text, pieces in zip(PROBES, found["probes"][name], strict=True):
            assert "".join(piece for piece, _ in pieces) == text
            assert sum(count for _, count in pieces) == len(one.encode_one(text))
    assert [row["tokenizer"] for row in found["morphology"]["segmentations"]] == ["this", "other"]
    assert "MorphScore" in page(found)


def test_lexicons_and_segmentations_are_read_from_lines(tmp_path: Path) -> None:
    forms, words = tmp_path / "forms.tsv", tmp_path / "words.tsv"
    forms.write_text("\ufeffev\troot\nevler\n\nler\taffix\r\nev\tword\n", encoding="utf-8")
    words.write_text("evler\tev @@ler\nkitap\nevlerde\tev|ler|de\n", encoding="utf-8")
    assert read_lexicons([f"tr={forms}"]) == {
        "tr": Lexicon(words=frozenset({"evler", "ev"}), roots=frozenset({"ev"}), affixes=frozenset({"ler"}))
    }
    assert read_segmentations([f"tr={words}"]) == {
        "tr": {"evler": ("ev", "ler"), "kitap": ("kitap",), "evlerde": ("ev", "ler", "de")}
    }
    (tmp_path / "bad.tsv").write_text("ev\tprefix\n", encoding="utf-8")
    (tmp_path / "raw").write_bytes(b"\xff\n")
    with pytest.raises(DataError, match=r"bad\.tsv, line 1: 'ev' is a 'prefix'"):
        read_lexicons([f"tr={tmp_path}/bad.tsv"])
    with pytest.raises(DataError, match=r"line 1: 'prefix' does not spell 'ev'"):
        read_segmentations([f"tr={tmp_path}/bad.tsv"])
    with pytest.raises(DataError, match="is no UTF-8"):
        read_lexicons([f"tr={tmp_path}/raw"])
    with pytest.raises(RecipeError, match="cannot read"):
        read_lexicons([f"tr={tmp_path}/nowhere"])
    for named in (["forms.tsv"], [f"tr={forms}", f"tr={forms}"]):
        with pytest.raises(RecipeError, match="name a language and a file"):
            read_lexicons(named)


def test_the_command_takes_lexicons_and_segmentations(
    texts: Path,
    vocabulary: Vocabulary,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "forms.tsv").write_text("the\nreturn\troot\n", encoding="utf-8")
    (tmp_path / "words.tsv").write_text("return\tre turn\n", encoding="utf-8")
    vocabulary.save(tmp_path / "tokenizer.json")
    asked = ["--lexicon", f"en={tmp_path}/forms.tsv", "--segmentation", f"en={tmp_path}/words.tsv"]
    where = [str(tmp_path / "tokenizer.json"), "--text", str(texts), "--by", "lang", "--json"]
    monkeypatch.setattr("sys.argv", ["pairloom", "report", *where, *asked])
    with pytest.raises(SystemExit) as stop:
        main()
    assert not stop.value.code
    made = json.loads(capsys.readouterr().out)["morphology"]
    wanted = Options(
        against={},
        by="lang",
        lexicons=read_lexicons(asked[1:2]),
        segmentations=read_segmentations(asked[3:]),
    )
    assert made == report_on_vocabulary("v", vocabulary, (str(texts),), "text", wanted)["morphology"]
    assert made["lexicons"][0]["tr"] > 0
    assert made["segmentations"][0]["words"] == 1
