"""The watch over a vocabulary that is kept: exact counts, the same whatever the units, and a warning when it fits no more."""

import json
import os
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pairloom.jobs.cli import app
from pairloom.operators import Vocabulary
from pairloom.operators.reference.encode import unknown_words
from pairloom.pipeline import Recipe, open_dataset, run
from pairloom.pipeline.generations.drift import ALL, Drift, Drifted
from pairloom.pipeline.generations.retokenize import retokenize
from pairloom.pipeline.recipe import DriftLimits
from pairloom.pipeline.stages.learn.files import read_memo
from pairloom.pipeline.store.coverage import Coverage
from pairloom.pipeline.store.manifest import read_manifest
from tests.support.corpora import mixed_recipe_for, open_objects_of

ENGLISH = [
    "the",
    "quick",
    "brown",
    "fox",
    "jumps",
    "over",
    "a",
    "lazy",
    "dog",
    "while",
    "it",
    "was",
    "raining",
    "on",
    "all",
    "of",
    "these",
    "houses",
    "again",
]
GREEK = [
    "η",
    "γρήγορη",
    "καφέ",
    "αλεπού",
    "πηδάει",
    "πάνω",
    "από",
    "το",
    "τεμπέλικο",
    "σκυλί",
    "ενώ",
    "έβρεχε",
    "ξανά",
    "σε",
    "όλα",
    "αυτά",
    "τα",
    "σπίτια",
]
SOURCES: dict[str, dict[str, Any]] = {"news": {}, "books": {}}


def _texts(words: list[str], seed: int, count: int = 40) -> list[str]:
    rng = random.Random(seed)
    return [" ".join(rng.choices(words, k=rng.randrange(1, 60))) for _ in range(count)]


def _write(folder: Path, name: str, texts: list[str], *, seed: int) -> None:
    path = folder / f"{name}.jsonl"
    path.parent.mkdir(exist_ok=True, parents=True)
    lines = [json.dumps({"id": f"{seed}-{i}", "text": text}) for i, text in enumerate(texts)]
    path.write_text("\n".join(lines))
    os.utime(path, ns=(1, 1_000_000_000 + seed))


def _corpus(folder: Path) -> None:
    """Two sources of four inputs each, in one language."""
    for seed in range(4):
        _write(folder / "news", f"{seed}", _texts(ENGLISH, seed), seed=seed)
        _write(folder / "books", f"{seed}", _texts(ENGLISH, 10 + seed), seed=seed)


def _turn_greek(folder: Path) -> None:
    """Half of the news changes its language, and there is one input more."""
    for seed in (0, 1, 4):
        _write(folder / "news", f"{seed}", _texts(GREEK, 20 + seed), seed=20 + seed)


def _recipe(folder: Path, *settings: str, root: Path | None = None) -> Recipe:
    return mixed_recipe_for(folder, SOURCES, "retokenize.drift.min_tokens=100", *settings, root=root)


def _counted(vocabulary: Vocabulary, memo: frozenset[bytes], files: list[Path]) -> dict[str, int]:
    """What the watch should have counted in files: one document after another, one word after another."""
    found: Counter[str] = Counter()
    for file in files:
        for line in file.read_text().splitlines():
            text = json.loads(line)["text"]
            words = [word.encode() for word in vocabulary.pretokenizer.split_text(text)]
            found["bytes"] += len(text.encode())
            found["tokens"] += len(vocabulary.encode_one(text))
            found["words"] += len(words)
            found["unknown_words"] += unknown_words(words, memo)
    return dict(found)


def _numbers(coverage: Coverage) -> dict[str, int]:
    return coverage.model_dump(exclude={"memo"})


def test_counts_are_those_of_brute_force_whatever_the_units(tmp_path: Path) -> None:
    _corpus(tmp_path)
    small = _recipe(tmp_path, "execution.unit_bytes=900B", root=tmp_path / "small")
    large = _recipe(tmp_path, "tokenize.prepend=['<|endoftext|>']", root=tmp_path / "large")
    run(small), run(large)
    _turn_greek(tmp_path)
    watches: list[Drift] = []
    for recipe in (small, large):
        manifest, found = retokenize(recipe)
        assert manifest.learned_in == 1
        assert found.drift is not None
        watches.append(found.drift)
    assert len(manifest.stages["tokenize"].units) == 2
    assert watches[0] == watches[1]
    dataset = open_dataset(large.root)
    stored = manifest.stages["learn"].file("memo")
    memo = frozenset(read_memo(open_objects_of(tmp_path / "large"), stored).words.to_pylist())
    rows = {(row.source, row.fresh): row.now for row in watches[0].rows}
    news, books = sorted((tmp_path / "news").iterdir()), sorted((tmp_path / "books").iterdir())
    for key, files in {
        (ALL, False): news + books,
        ("news", False): news,
        ("books", False): books,
        ("news", True): [news[0], news[1], news[4]],
    }.items():
        assert _numbers(rows.pop(key)) == _counted(dataset.vocabulary(), memo, files)
    assert not rows
    before = {row.source: row.before for row in watches[0].rows}
    assert before[ALL].unknown_words == 0
    assert before[ALL] == before["news"] + before["books"]


def test_a_source_that_changes_its_language_is_warned_of(tmp_path: Path) -> None:
    _corpus(tmp_path)
    (tmp_path / "recipe.yaml").write_text(
        json.dumps(_recipe(tmp_path).model_dump(mode="json", by_alias=True))
    )
    command = ["retokenize", str(tmp_path / "recipe.yaml")]
    run(_recipe(tmp_path))
    _write(tmp_path / "news", "0", _texts(ENGLISH, 77), seed=77)
    quiet = CliRunner().invoke(app, [*command, "--json"])
    assert json.loads(quiet.stdout)["difference"]["drift"]["warnings"] == []
    _turn_greek(tmp_path)
    told = CliRunner().invoke(app, command)
    assert told.exit_code == 0
    assert "warning: the vocabulary of generation 1 no longer fits the corpus: source news: " in told.stderr
    assert "source books" not in told.stderr
    assert "learn it anew with `pairloom retokenize --relearn`" in told.stderr
    assert "news, new and changed" in told.stdout
    assert "not done again" in told.stdout
    status = CliRunner().invoke(app, ["status", str(tmp_path / "out")])
    assert "warning: the vocabulary of generation 1" in status.stdout
    found = json.loads(CliRunner().invoke(app, [*command, "--json"]).stdout)["difference"]["drift"]
    assert found["since"] == 1
    row = next(row for row in found["rows"] if row["source"] == "news" and not row["fresh"])
    assert row["unknown_words_grown"] == row["now"]["unknown_words"] / row["now"]["words"] > 0.05
    generations = json.loads(CliRunner().invoke(app, ["generations", str(tmp_path / "out"), "--json"]).stdout)
    assert [one["unknown_words"] > 0.05 for one in generations] == [False, False, True]
    relearned = CliRunner().invoke(app, [*command, "--relearn", "--json"])
    assert json.loads(relearned.stdout)["difference"]["drift"] is None


def test_of_a_vocabulary_that_is_brought_only_bytes_are_watched(tmp_path: Path) -> None:
    _corpus(tmp_path)
    run(_recipe(tmp_path, root=tmp_path / "learned"))
    (tmp_path / "tokenizer.json").write_bytes(open_dataset(str(tmp_path / "learned")).vocabulary().to_json())
    recipe = _recipe(tmp_path, f"vocabulary={{from: {tmp_path / 'tokenizer.json'}}}")
    assert run(recipe).given_in is None
    _write(tmp_path / "books", "9", _texts(ENGLISH, 99), seed=99)
    assert retokenize(recipe)[0].given_in == 1
    _turn_greek(tmp_path)
    manifest, found = retokenize(recipe)
    assert (manifest.given_in, manifest.learned_in) == (1, None)
    assert found.drift is not None
    assert {row.grown for row in found.drift.rows} == {None}
    assert all("bytes a token" in line and "vocabulary.from" in line for line in found.drift.warnings)
    named = {row.source for row in found.drift.rows if row.complaints(recipe.retokenize.drift)}
    assert named == {ALL, "news"}


def test_what_was_taken_over_keeps_its_time(tmp_path: Path) -> None:
    _corpus(tmp_path)
    recipe = _recipe(tmp_path)
    run(recipe)
    objects = open_objects_of(tmp_path / "out")
    first = _seconds(objects, 1)
    assert all(seconds > 0 for seconds in first.values())
    _write(tmp_path / "news", "4", _texts(ENGLISH, 5), seed=5)
    _, found = retokenize(recipe)
    second = _seconds(objects, 2)
    assert first.items() <= second.items()
    assert found.effort.tokenize == pytest.approx(sum(first.values()))
    assert found.effort.spent > 0


def _seconds(objects: Any, generation: int) -> dict[str, float]:
    from pairloom.pipeline.store.receipts import committed_receipts

    manifest = read_manifest(objects, generation)
    assert manifest is not None
    receipts = committed_receipts(objects, "tokenize", manifest.stages["tokenize"].units)
    return {piece.identity: piece.seconds for receipt in receipts for piece in receipt.pieces}


def test_counts_against_another_memo_are_not_compared() -> None:
    here = Coverage(bytes=40, tokens=10, words=10, unknown_words=1, memo="a")
    there = Coverage(bytes=40, tokens=10, words=10, unknown_words=9, memo="b")
    assert (here + here).unknown_share == 0.1
    assert (here + there).unknown_share is None
    assert Coverage() + here == here + Coverage() == here
    assert Drifted(source=ALL, fresh=False, before=here, now=there).grown is None


def test_limits_are_exact_and_may_be_left_out() -> None:
    before = Coverage(bytes=400, tokens=100, words=100, unknown_words=0, memo="a")
    now = Coverage(bytes=380, tokens=100, words=100, unknown_words=5, memo="a")
    row = Drifted(source="news", fresh=True, before=before, now=now)
    assert row.complaints(DriftLimits(min_tokens=100)) == []  # just at both limits
    less = DriftLimits.model_validate({"bytes_per_token": 0.0499, "unknown_words": None, "min_tokens": 1})
    assert [line.split(":")[0] for line in row.complaints(less)] == [
        "the new and changed inputs of source news"
    ]
    assert row.complaints(less.model_copy(update={"min_tokens": 101})) == []
