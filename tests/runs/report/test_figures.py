"""The figures of a report are those of the corpus, however the work is cut."""

import pickle
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pairloom.jobs.report.page import page
from pairloom.jobs.report.subjects import load_tokenizer
from pairloom.operators import Pretokenizer, count_words, learn_bpe
from pairloom.operators.errors import RecipeError
from pairloom.operators.evaluate.content import counting_forms
from pairloom.operators.evaluate.inequality import gini
from pairloom.pipeline import Dataset, Recipe, open_dataset, run
from pairloom.pipeline.execution.base import Done, Task, perform
from pairloom.pipeline.execution.local import LocalExecutor
from pairloom.pipeline.flow.events import Event, StepStarted, UnitDone
from pairloom.pipeline.report import Options, report_on_root, report_on_vocabulary
from pairloom.pipeline.report.groups import DIGITS, LETTERS
from tests.runs.report.checks import check_page, texts
from tests.support.corpora import documents

COUNTS = count_words(pa.array([text for _, text in documents(20)]), Pretokenizer(scheme="llama3"))


class Backwards(LocalExecutor):
    """Runs the last task first, and hands each what travels to a worker."""

    def run(self, tasks: Iterable[Task], shared: Any = None) -> Iterator[Done]:
        for task in reversed(list(tasks)):
            yield perform(pickle.loads(pickle.dumps(task)), pickle.loads(pickle.dumps(shared)))


def test_the_figures_are_those_of_encoding_every_document(root: Dataset, report: dict[str, Any]) -> None:
    vocabulary, rows = root.vocabulary(), [row for row in texts(root) if row["text"]]
    encoded = {row["id"]: vocabulary.encode_one(row["text"]).tolist() for row in rows}
    tokens = sum(map(len, encoded.values()))
    size = sum(len(row["text"].encode()) for row in rows)
    assert report["summary"]["tokens"] == tokens
    assert report["summary"]["bytes_per_token"] == size / tokens
    for row in report["sources"]:
        own = [one for one in rows if one["source"] == row["source"]]
        assert row["documents"] == len(own)
        assert row["tokens"] == sum(len(encoded[one["id"]]) for one in own)
    assert {row["group"] for row in report["groups"]} == {"de", "en", "fr"}
    each = [row["tokenizers"]["this"] for row in report["groups"]]
    assert report["gini"]["this"] == gini([row["tokens"] / row["bytes"] for row in each])
    for row in report["groups"]:
        own = [one for one in rows if one["lang"] == row["group"]]
        assert row["documents"] == len(own)
        assert row["tokenizers"]["this"]["tokens"] == sum(len(encoded[one["id"]]) for one in own)
    assert report["curve"][-1]["tokens"] == tokens
    lengths = [len(ids) + 1 for ids in encoded.values()]
    assert report["documents"][0]["tokens"] == sum(lengths)
    assert report["documents"][0]["quantiles"]["longest"] == max(lengths)
    assert {row["source"]: row["documents"] for row in report["documents"][1:]} == {
        name: sum(one["source"] == name for one in rows) for name in ("a", "b")
    }
    worst = min(
        len(row["text"].encode()) / (len(encoded[row["id"]]) + 1)
        for row in rows
        if len(encoded[row["id"]]) + 1 >= 32
    )
    assert report["worst"][0]["bytes_per_token"] == pytest.approx(worst)


def test_other_tokenizers_encode_the_same_documents(root: Dataset, report: dict[str, Any]) -> None:
    other = learn_bpe(
        count_words(pa.array([text for _, text in documents(20)]), Pretokenizer(scheme="llama3")),
        300,
        pretokenizer=Pretokenizer(scheme="llama3"),
    )
    for row in report["groups"]:
        own = [one["text"] for one in texts(root) if one["lang"] == row["group"] and one["text"]]
        assert row["tokenizers"]["other"]["tokens"] == len(other.encode(pa.array(own)).values)


def test_letters_digits_and_additions_are_audited_for_every_tokenizer(report: dict[str, Any]) -> None:
    for part, text in (("letters", LETTERS), ("digits", DIGITS)):
        assert set(report[part]) == {"this", "other"}
        for rows in report[part].values():
            assert [row["form"] for row in rows] == list(counting_forms(text))
            assert all(len(row["own"]) == len(text) for row in rows)
    assert all(0 <= share <= 1 for share in report["additions"].values())


def test_the_figures_do_not_depend_on_how_the_work_is_cut(
    root: Dataset, report: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path(root.objects.root.removeprefix("file://")).parent / "in"
    other = learn_bpe(COUNTS, 300, pretokenizer=Pretokenizer(scheme="llama3"))
    options = Options(against={"other": other}, by="lang")
    paths = (f"{folder}/*.jsonl",)
    alone = report_on_vocabulary("v", root.vocabulary(), paths, "text", options)
    steps: list[Event] = []
    monkeypatch.setattr("pairloom.pipeline.report.root.UNIT_BYTES", 3000)
    monkeypatch.setattr("pairloom.pipeline.report.text.HELD_BYTES", 1000)
    backwards = replace(options, executor=Backwards(), observe=steps.append)
    assert report_on_root(root, backwards) == report
    begun = {one.step: one for one in steps if isinstance(one, StepStarted)}
    assert set(begun) == {"counts", "text", "tokens"}
    assert begun["text"].units > 10
    for name, step in begun.items():
        done = [one for one in steps if isinstance(one, UnitDone) and one.step == name]
        assert len(done) == step.units
        assert sum(one.bytes for one in done) == step.bytes
    assert report_on_vocabulary("v", root.vocabulary(), paths, "text", backwards) == alone


def test_a_report_leaves_nothing_in_the_root(root: Dataset, report: dict[str, Any]) -> None:
    before = root.objects.list("")
    assert report_on_root(root, Options(against={}))["summary"] == report["summary"]
    assert root.objects.list("") == before


def test_weights_in_learning_do_not_change_what_the_text_takes(
    root: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = Recipe.model_validate(root.manifest.recipe)
    data = recipe.model_dump(mode="json", by_alias=True) | {"root": str(tmp_path / "out")}
    data["vocabulary"] |= {"weights": {"a": 3, "b": 1}}
    run(Recipe.model_validate(data), until="learn")
    weighted = open_dataset(str(tmp_path / "out"))
    found = report_on_root(weighted, Options(against={}))
    rows = [row["text"] for row in texts(root) if row["text"]]
    assert found["summary"]["tokens"] == len(weighted.vocabulary().encode(pa.array(rows)).values)
    assert found["summary"]["bytes"] == sum(len(text.encode()) for text in rows)
    monkeypatch.setattr("pairloom.pipeline.report.root._owners", lambda *_: None)
    unknown = report_on_root(weighted, Options(against={}))
    assert unknown["summary"] == found["summary"]
    assert "mixture" not in unknown
    assert found["mixture"]["reflects"]
    actual = {row["source"]: row["actual"] for row in found["mixture"]["rows"]}
    sizes = {row["source"]: row["bytes"] for row in found["sources"]}
    assert actual["a"] == pytest.approx(3 * sizes["a"] / (3 * sizes["a"] + sizes["b"]))


@pytest.mark.parametrize("kind", [{"superwords": {"transition": 0.7}}, {"supertokens": {"seed": 1}}])
def test_superwords_are_measured_as_text_is_encoded(
    root: Dataset, tmp_path: Path, kind: dict[str, Any]
) -> None:
    recipe = Recipe.model_validate(root.manifest.recipe)
    data = recipe.model_dump(mode="json", by_alias=True) | {"root": str(tmp_path / "out")}
    data["vocabulary"] = {"size": 400} | kind
    run(Recipe.model_validate(data), until="learn")
    made = open_dataset(str(tmp_path / "out"))
    found = report_on_root(made, Options(against={}))
    rows = [row["text"] for row in texts(root) if row["text"]]
    assert found["summary"]["tokens"] == len(made.vocabulary().encode(pa.array(rows)).values)
    assert sum(row["tokens"] for row in found["sources"]) == found["summary"]["tokens"]


def test_a_smaller_sample_is_the_same_every_time_and_says_so(root: Dataset) -> None:
    options = Options(against={}, sample_bytes=4000)
    first, again = (report_on_root(root, options) for _ in range(2))
    assert first == again
    assert "a sample of" in first["sample"]
    assert 0 < sum(row["bytes"] for row in first["groups"]) < 20_000


def test_a_root_whose_sources_are_gone_is_reported_from_what_is_stored(
    root: Dataset, tmp_path: Path, report: dict[str, Any]
) -> None:
    folder = Path(root.objects.root.removeprefix("file://")).parent / "in"
    moved = folder.rename(tmp_path / "in")
    try:
        left = report_on_root(root, Options(against={}))
        with pytest.raises(RecipeError, match="there is no such file"):
            report_on_root(root, Options(against={}, by="lang"))
    finally:
        moved.rename(folder)
    assert left["summary"] == report["summary"]
    assert "no text was read" in left["notes"][0]
    check_page(page(left))


def test_a_vocabulary_is_measured_on_text_of_its_own(root: Dataset, report: dict[str, Any]) -> None:
    folder = Path(root.objects.root.removeprefix("file://")).parent / "in"
    found = report_on_vocabulary(
        "v", root.vocabulary(), (f"{folder}/*.jsonl",), "text", Options(against={}, sample_bytes=10**9)
    )
    assert found["summary"] | {"distinct_words": report["summary"]["distinct_words"]} == report["summary"]
    assert [(row["source"], row["documents"]) for row in found["sources"]] == [
        ("text", sum(row["text"] != "" for row in texts(root)))
    ]
    bare = report_on_vocabulary("v", root.vocabulary(), (), "text", Options(against={}))
    assert bare["use"]["unreachable"] == report["use"]["unreachable"]
    check_page(page(bare))


def test_a_tokenizer_without_words_encodes_the_text_itself(root: Dataset, tmp_path: Path) -> None:
    tokenizers = pytest.importorskip("tokenizers")
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel({"the": 0, "<unk>": 1}, unk_token="<unk>"))
    made.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    made.save(str(tmp_path / "words.json"))
    other = load_tokenizer(str(tmp_path / "words.json"))
    assert other.model.name == "wordpiece"
    found = report_on_root(root, Options(against={"words": other}))
    for row in found["groups"]:
        own = [one["text"] for one in texts(root) if one["source"] == row["group"]]
        # What splits words there is white space as Rust has it: all of Unicode's.
        assert row["tokenizers"]["words"]["tokens"] == sum(len(text.split()) for text in own)
        assert row["tokenizers"]["words"]["bytes"] == row["bytes"]
    assert [row["tokenizer"] for row in found["numbers"]] == ["this"]
    check_page(page(found))
    (tmp_path / "x.jsonl").write_text('{"text": "the rose, the"}\n')
    alone = report_on_vocabulary("w", other, (str(tmp_path / "x.jsonl"),), "text", Options(against={}))
    assert (alone["summary"]["tokens"], alone["use"]["never"]) == (3, 0)
    assert "fertility" not in alone["summary"]


def test_a_vocabulary_of_another_corpus_is_told_from_one_of_this(root: Dataset) -> None:
    found = report_on_root(root, Options(against={}))["mixture"]
    assert found["reflects"]
    assert found["log10_mse"] <= -4
    assert sum(row["actual"] for row in found["rows"]) == pytest.approx(1)
    assert {row["source"] for row in found["rows"]} == {"a", "b"}
