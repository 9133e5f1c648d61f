"""A report on a vocabulary of each family: every section that makes sense, and a line for each that does not."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pairloom.jobs.report.compare import compare_page
from pairloom.jobs.report.page import page
from pairloom.operators import Pretokenizer, Vocabulary, count_words
from pairloom.operators.errors import RecipeError
from pairloom.operators.learners import LEARNERS, Target
from pairloom.operators.models.ids import vocabulary_of_ids
from pairloom.pipeline import open_dataset, run
from pairloom.pipeline.report import Measured, Options, compare, measure_root, measure_vocabulary
from pairloom.pipeline.report.options import Lexicon
from tests.runs.report.checks import check_page
from tests.support.corpora import documents, recipe_for, write_jsonl
from tests.support.unplaced import unplaced

TEXTS = [text for _, text in documents(24, 3) if text]
SIZES = {"code_points": 1 << 16, "typed": 600}
CUTS = {"equal_info": Pretokenizer(scheme="none")}
# Families whose words depend on the text around them, whose tokens are no bytes of a text, and that have no byte-level merges.
UNSPELLED = {"unigram", "wordpiece", "character_bpe", "characters", "roots"}
WHOLE = UNSPELLED | {"typed"}
PAGES = {"unigram", "roots", "lzw", "bytes"}  # the same sections as those of the others
OTHER = WHOLE | {"lzw", "code_points", "equal_info", "less_is_better"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("families")
    (folder / "in").mkdir()
    write_jsonl(folder / "in" / "a.jsonl", [(str(i), text) for i, text in enumerate(TEXTS)])
    (folder / "roots.txt").write_text("the\nword\n")
    return folder


def learned(name: str, folder: Path) -> Vocabulary:
    keys: dict[str, Any] = {}
    if name == "roots":
        keys = {"roots": str(folder / "roots.txt")}
    if name == "typed":
        (folder / "concepts.tsv").write_text("the word\tthing\nthe other\tthing\n")
        (folder / "base.json").write_bytes(learned("bpe", folder).to_json())
        keys = {"base": str(folder / "base.json"), "concepts": str(folder / "concepts.tsv"), "entries": 20}
    learner = LEARNERS.get(name)(**keys)
    special = ("[UNK]",) if name == "wordpiece" else ("<|endoftext|>",)
    target = Target(
        size=SIZES.get(name, 500), special_tokens=special, pretokenizer=CUTS.get(name, Pretokenizer())
    )
    return learner.learn(count_words(pa.array(TEXTS), learner.cutter(target)), target)


def measured(name: str, folder: Path) -> Measured:
    lexicon = Lexicon(words=frozenset({"the"}), roots=frozenset({"word"}), affixes=frozenset({"s"}))
    options = Options(against={}, lexicons={"en": lexicon})
    return measure_vocabulary(name, learned(name, folder), (str(folder / "in" / "a.jsonl"),), "text", options)


def check(report: Mapping[str, Any], vocabulary: Vocabulary, name: str) -> None:
    tokens = sum(map(len, vocabulary.encode(pa.array(TEXTS)).to_pylist()))
    assert report["summary"]["tokens"] == tokens
    assert report["summary"]["bytes"] == sum(len(text.encode()) for text in TEXTS)
    assert sum(count for _, _, count in report["token_lengths"]) == tokens
    assert report["groups"][0]["tokenizers"]["this"]["tokens"] == tokens
    assert report["sources"][0]["tokens"] == tokens
    assert report["simple"]["rows"]
    assert report["probes"]["this"]
    said = " ".join(report["notes"])
    for key in ("kinds", "tokens_per_word"):
        assert bool(report[key]) == (name not in WHOLE)
    assert ("unreachable" in report["use"]) == ("fertility" in report["summary"]) == (name not in WHOLE)
    assert ("No figures by word" in said) == (name in WHOLE)
    assert "No letters, digits" not in said
    assert bool(report["curve"]) == (name not in OTHER)
    assert ("No sizes, merges and mixture" in said) == (name in OTHER)
    assert not any("\n" in note for note in report["notes"])


@pytest.mark.parametrize("name", LEARNERS.names())
def test_each_family_is_reported_on(name: str, folder: Path) -> None:
    if name in {"unigram", "wordpiece", "character_bpe", "characters"}:
        pytest.importorskip("tokenizers")
    found = measured(name, folder)
    check(found.report, found.vocabulary, name)
    assert found.report["morphology"]["lexicons"][0]["language"] == "en"
    json.dumps(found.report)
    if name not in PAGES:
        return
    made = page(found.report)
    check_page(made)
    for note in found.report["notes"]:
        assert note.split(":")[0] in made


def test_a_root_of_a_family_without_words_is_read_again(folder: Path) -> None:
    """And two families are compared."""
    pytest.importorskip("tokenizers")
    recipe = recipe_for(folder, "vocabulary={family: unigram, size: 400}", "pack.validation=0")
    run(recipe)
    dataset = open_dataset(recipe.root)
    found = measure_root("out", dataset, Options(against={}))
    assert found.report["summary"]["tokens"] + len(TEXTS) == found.report["documents"][0]["tokens"]
    assert all("\u2581" not in text for row in found.report["worst"] for text, _ in row["pieces"])
    assert "packing" in found.report
    check_page(page(found.report))
    other = measured("bytes", folder)
    reports = {one.name: one.report for one in (found, other)}
    check_page(compare_page({"reports": reports, "comparison": compare(found, other)}))


def test_of_tokens_without_places_nothing_is_said_that_needs_them(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vocabulary = unplaced(tmp_path / "unplaced.json", monkeypatch)
    source = (str(folder / "in" / "a.jsonl"),)
    found = measure_vocabulary("unplaced", vocabulary, source, "text", Options(against={}))
    assert "No letters, digits" in " ".join(found.report["notes"])
    check_page(page(found.report))


def test_ids_without_texts_are_refused() -> None:
    with pytest.raises(
        RecipeError, match="a report needs texts, and a vocabulary of the model 'ids' has none"
    ):
        measure_vocabulary("ids", vocabulary_of_ids(9), (), "text", Options(against={}))
