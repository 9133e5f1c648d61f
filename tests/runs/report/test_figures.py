"""The report: its figures are those of the corpus, its page is whole, and nothing in it is taken for markup."""

import itertools
import json
import pickle
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from pairloom.jobs.cli import main
from pairloom.jobs.commands.report import load_tokenizer
from pairloom.jobs.report.compare import compare_page
from pairloom.jobs.report.html import shown, spans
from pairloom.jobs.report.page import page
from pairloom.jobs.report.tables import share, table
from pairloom.operators import Pretokenizer, count_words, learn_bpe
from pairloom.operators.errors import RecipeError
from pairloom.operators.evaluate.content import counting_forms
from pairloom.pipeline import Dataset, Recipe, open_dataset, run
from pairloom.pipeline.execution.base import Done, Task, perform
from pairloom.pipeline.execution.local import LocalExecutor
from pairloom.pipeline.flow.events import Event, StepStarted, UnitDone
from pairloom.pipeline.report import Measured, Options, compare, report_on_root, report_on_vocabulary
from pairloom.pipeline.report.documents import spelled
from pairloom.pipeline.report.groups import DIGITS, LETTERS
from pairloom.pipeline.report.text import Group
from tests.support.corpora import documents, recipe_for

COUNTS = count_words(pa.array([text for _, text in documents(20)]), Pretokenizer(scheme="llama3"))
VOID = {"meta", "br", "use", "path", "rect", "line", "circle"}
NASTY = '</code><script>alert("x")</script><img src=x onerror=alert(1)> \x00\u202e$x_1$ & ' * 30


class Backwards(LocalExecutor):
    """Runs the last task first, and hands each what travels to a worker."""

    def run(self, tasks: Iterable[Task], shared: Any = None) -> Iterator[Done]:
        for task in reversed(list(tasks)):
            yield perform(pickle.loads(pickle.dumps(task)), pickle.loads(pickle.dumps(shared)))


class Balanced(HTMLParser):
    """Every element that is opened is closed, in order; ids of what is referred to exist."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.links: list[str] = []
        self.handlers: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [v or "" for k, v in attrs if k in ("src", "href", "xlink:href")]
        self.handlers += [k for k, _ in attrs if k.startswith("on")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag


def check_page(text: str) -> Balanced:
    found = Balanced()
    found.feed(text)
    found.close()
    assert found.open == []
    assert all(link.startswith("#") for link in found.links), "nothing is loaded from anywhere"
    assert found.handlers == []
    assert found.tags.count("script") == 1
    assert not re.search(r"url\((?!#)", text)
    assert "@import" not in text
    return found


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    folder = tmp_path_factory.mktemp("report")
    for name, seed in (("a", 1), ("b", 2)):
        path = folder / "in" / f"{name}.jsonl"
        path.parent.mkdir(exist_ok=True)
        with path.open("w", encoding="utf-8") as file:
            for i, (key, text) in enumerate([*documents(60, seed), ("nasty", NASTY)]):
                lang = ("de", "en", "fr")[i % 3]
                file.write(json.dumps({"id": f"{name}-{key}", "text": text, "lang": lang}) + "\n")
    recipe = recipe_for(folder, "execution.unit_bytes=20KB")
    sources = recipe.model_dump(mode="json", by_alias=True)["corpus"][0]
    both = [sources | {"name": n, "paths": [f"{folder}/in/{n}.jsonl"]} for n in ("a", "b")]
    run(recipe.model_validate(recipe.model_dump(mode="json", by_alias=True) | {"corpus": both}))
    return open_dataset(str(folder / "out"))


@pytest.fixture(scope="module")
def report(root: Dataset) -> dict[str, Any]:
    other = learn_bpe(
        count_words(pa.array([text for _, text in documents(20)]), Pretokenizer(scheme="llama3")),
        300,
        pretokenizer=Pretokenizer(scheme="llama3"),
    )
    return report_on_root(root, Options(against={"other": other}, by="lang"))


def texts(root: Dataset) -> list[dict[str, str]]:
    folder = Path(root.objects.root.removeprefix("file://")).parent / "in"
    lines = [
        (p.stem, line) for p in sorted(folder.iterdir()) for line in p.read_text("utf-8").split("\n") if line
    ]
    return [json.loads(line) | {"source": stem} for stem, line in lines]


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


def test_the_page_is_whole_and_takes_no_text_for_markup(report: dict[str, Any]) -> None:
    made = page(report)
    found = check_page(made)
    assert "<script>alert" not in made
    assert "onerror=alert" not in re.sub(r"&lt;.*?&gt;", "", made)
    assert "\x00" not in made
    assert "\u202e" not in made
    assert found.tags.count("svg") == 11
    assert made == page(json.loads(json.dumps(report))), "the same report is the same page"
    one, two = Measured(name="a<b", report=report), Measured(name='c"d', report=report)
    both = {"reports": {one.name: report, two.name: report}, "comparison": compare(one, two)}
    check_page(compare_page(both))


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
    assert set(begun) == {"report counts", "report text", "report tokens"}
    assert begun["report text"].units > 10
    for name, step in begun.items():
        done = [one for one in steps if isinstance(one, UnitDone) and one.step == name]
        assert len(done) == step.units
        assert sum(one.bytes for one in done) == step.bytes
    assert report_on_vocabulary("v", root.vocabulary(), paths, "text", backwards) == alone


def test_a_report_leaves_nothing_in_the_root(root: Dataset, report: dict[str, Any]) -> None:
    before = root.objects.list("")
    assert report_on_root(root, Options(against={}))["summary"] == report["summary"]
    assert root.objects.list("") == before


def test_what_is_kept_of_a_group_is_bounded_and_the_same_in_any_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("pairloom.pipeline.report.text.KEPT_BYTES", 40)
    made = [(7, "é" * 9), (3, "b" * 15), (5, "c" * 15), (1, "d" * 15), (9, "e")]
    wanted = [text for _, text in sorted(made)][:3]  # the third begins below 40 bytes, the fourth does not
    for order in itertools.permutations(made):
        group = Group()
        for hashed, text in order:
            group.keep(np.array([hashed], np.uint64), pa.array([text], pa.large_string()))
        assert group.texts.to_pylist() == wanted
        assert group.hashes.tolist() == [1, 3, 5]


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


def test_the_command(
    root: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["pairloom", "report", *arguments])
        with pytest.raises(SystemExit) as stop:
            main()
        said = capsys.readouterr()
        return int(stop.value.code or 0), said.out, said.err

    where, out = root.objects.root, tmp_path / "page.html"
    code, said, _ = call(where, "--out", str(out), "--seq-len", "64", "--seq-len", "128")
    assert code == 0
    assert f"{out.stat().st_size:,} bytes" in said
    check_page(out.read_text(encoding="utf-8"))
    code, said, _ = call(where, "--json")
    assert code == 0
    (tmp_path / "one.json").write_text(said)
    assert json.loads(said)["summary"]["vocabulary"] == len(root.vocabulary())
    code, said, _ = call("--compare", str(tmp_path / "one.json"), where, "--out", str(out))
    assert code == 0
    check_page(out.read_text(encoding="utf-8"))
    for wrong, message in (
        ((), "name a root or a vocabulary"),
        ((str(tmp_path / "nothing"),), "nothing is committed below"),
        ((where, "--against", "nowhere.json"), "cannot read nowhere.json"),
        ((where, "--by", "nofield"), "nofield"),
        (("--compare", str(out), where), "is no JSON"),
    ):
        code, _, said = call(*wrong)
        assert code in (1, 2)
        assert message in said


def test_two_vocabularies_are_compared_token_by_token(
    root: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    cut = Pretokenizer(scheme="gpt2")
    words = count_words(pa.array(["ab ab abc xyz xyz xyz"]), cut)
    one = learn_bpe(words, 262, special_tokens=["<s>"], pretokenizer=cut)
    two = learn_bpe(count_words(pa.array(["ab ab ab abc xq xq"]), cut), 262, pretokenizer=cut)
    for name, made in (("one", one), ("two", two)):
        made.save(tmp_path / f"{name}.json")
    (tmp_path / "text.jsonl").write_text(json.dumps({"text": "abc ab xyz"}) + "\n")
    paths = [str(tmp_path / f"{name}.json") for name in ("one", "two")]
    monkeypatch.setattr(
        "sys.argv",
        ["pairloom", "report", "--compare", *paths, "--text", str(tmp_path / "text.jsonl"), "--json"],
    )
    with pytest.raises(SystemExit) as stop:
        main()
    assert not stop.value.code
    found = json.loads(capsys.readouterr().out)["comparison"]
    assert found["names"] == paths
    tokens = [{made.tokens[i] for i in range(len(made)) if made.tokens[i]} - {b"<s>"} for made in (one, two)]
    both = tokens[0] & tokens[1]
    assert found["tokens"]["common"] == len(both)
    only = [
        {row["token"].encode() for row in found["tokens"][f"only_{side}"]} for side in ("first", "second")
    ]
    assert only == [tokens[0] - both, tokens[1] - both]
    encoded = one.encode_one("abc ab xyz").tolist()
    assert {row["token"]: row["count"] for row in found["tokens"]["only_first"]} == {
        one.tokens[i].decode(): encoded.count(i) for i in range(len(one)) if one.tokens[i] in tokens[0] - both
    }
    ranks = [sorted(both, key=made.token_to_id) for made in (one, two)]
    assert {row["token"].encode(): row["by"] for row in found["tokens"]["moved"]} == {
        token: ranks[1].index(token) - ranks[0].index(token)
        for token in both
        if ranks[0].index(token) != ranks[1].index(token)
    }
    merges = [[(m.tokens[a], m.tokens[b]) for a, b in m.merges.tolist()] for m in (one, two)]
    agree = next(i for i, (a, b) in enumerate(zip(*merges, strict=False)) if a != b)
    assert found["merges"]["agree"] == agree
    assert found["merges"]["common"] == len(set(merges[0]) & set(merges[1]))
    for name, made in (("first", one), ("second", two)):
        left, right = (made.tokens[i].decode() for i in made.merges[agree].tolist())
        assert found["merges"][name] == {"left": left, "right": right, "token": left + right}
    sizes = {"first": len(encoded), "second": len(two.encode_one("abc ab xyz"))}
    about = {"source": "text", "bytes": 10, "change": sizes["second"] / sizes["first"] - 1}
    assert found["compression"] == [about | sizes | {"text": paths[0]}]


def test_generations_are_compared_with_what_was_stored(
    root: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = tmp_path / "stored.json"
    stored.write_text(json.dumps(report_on_root(root, Options(against={}))))

    def compared(*what: str) -> dict[str, Any]:
        monkeypatch.setattr("sys.argv", ["pairloom", "report", "--compare", *what, "--json"])
        with pytest.raises(SystemExit) as stop:
            main()
        assert not stop.value.code
        found: dict[str, Any] = json.loads(capsys.readouterr().out)["comparison"]
        return found

    where = root.objects.root.removeprefix("file://")
    same = compared(where, f"{where}@1")
    assert same["tokens"]["common"] == len(root.vocabulary()) - len(root.vocabulary().special_ids)
    assert [same["tokens"][name] for name in ("only_first", "only_second", "moved")] == [[], [], []]
    assert same["merges"] == {
        "common": len(root.vocabulary().merges),
        "agree": len(root.vocabulary().merges),
        "first": None,
        "second": None,
    }
    assert {row["change"] for row in same["compression"]} == {0}
    half = compared(str(stored), where)
    assert half["tokens"] == half["merges"] == {}
    assert [row["source"] for row in half["compression"]] == ["a", "b"]
    assert all(row["first"] == row["second"] and row["change"] == 0 for row in half["compression"])


def test_a_tokenizer_without_words_encodes_the_text_itself(root: Dataset, tmp_path: Path) -> None:
    tokenizers = pytest.importorskip("tokenizers")
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel({"the": 0, "<unk>": 1}, unk_token="<unk>"))
    made.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    made.save(str(tmp_path / "words.json"))
    other = load_tokenizer(str(tmp_path / "words.json"))
    assert other.foreign is not None
    found = report_on_root(root, Options(against={"words": other}))
    for row in found["groups"]:
        own = [one["text"] for one in texts(root) if one["source"] == row["group"]]
        # What splits words there is white space as Rust has it: all of Unicode's.
        assert row["tokenizers"]["words"]["tokens"] == sum(len(text.split()) for text in own)
        assert row["tokenizers"]["words"]["bytes"] == row["bytes"]
    assert [row["tokenizer"] for row in found["numbers"]] == ["this"]
    check_page(page(found))
    with pytest.raises(RecipeError, match="this tokenizer has none"):
        report_on_vocabulary("w", other, ("x",), "text", Options(against={}))


def test_a_vocabulary_of_another_corpus_is_told_from_one_of_this(root: Dataset) -> None:
    found = report_on_root(root, Options(against={}))["mixture"]
    assert found["reflects"]
    assert found["log10_mse"] <= -4
    assert sum(row["actual"] for row in found["rows"]) == pytest.approx(1)
    assert {row["source"] for row in found["rows"]} == {"a", "b"}


def test_tiktoken_files_are_read_with_their_scheme(tmp_path: Path) -> None:
    vocabulary = learn_bpe(count_words(pa.array(["ab ab"]), Pretokenizer()), 258)
    path = tmp_path / "o200k_x.tiktoken"
    vocabulary.save_tiktoken(path)
    assert load_tokenizer(str(path)).pretokenizer.scheme == "o200k"
    assert load_tokenizer(f"llama3:{path}").pretokenizer.scheme == "llama3"
    with pytest.raises(RecipeError, match="unknown pretokenizer"):
        load_tokenizer(f"nothing:{path}")


def test_what_cannot_be_seen_is_made_visible() -> None:
    assert shown("<a href='x'>") == "&lt;a href=&#x27;x&#x27;&gt;"
    assert shown("\x07\u200b\ud800") == "\u2407\\u200b\ufffd"
    assert "<script>" not in spans([("<script>", 1), ("\n", 2)])
    assert table([], {"a": "a"}) == ""
    assert "12.5%" in table([{"a": 0.125}], {"a": ("share", share)})


def test_tokens_that_end_inside_a_character_are_spelled_together(root: Dataset) -> None:
    cut = Pretokenizer(scheme="gpt2")
    vocabulary = learn_bpe(count_words(pa.array(["é"]), cut), 256, pretokenizer=cut)
    ids = vocabulary.encode_one("aé日").tolist()
    assert spelled(vocabulary, ids) == [("a", 1), ("é", 2), ("日", 3)]
    assert spelled(vocabulary, ids[:2]) == [("a", 1), ("\ufffd", 1)]


def test_libraries_that_are_missing_are_named_with_their_extra(
    root: Dataset, report: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(RecipeError, match=r"pip install 'pairloom\[report\]'"):
        page(report)
    monkeypatch.setitem(sys.modules, "scipy", None)
    left = report_on_root(root, Options(against={}))
    assert "mixture" not in left
    assert any("pairloom[report]" in note for note in left["notes"])
