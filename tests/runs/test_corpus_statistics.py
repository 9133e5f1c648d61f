"""Statistics of texts, of groups, and of what is common: whole runs, and what later runs take over."""

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from pairloom.operators.errors import RecipeError
from pairloom.pipeline import Dataset, open_dataset, run
from pairloom.pipeline.audit.verify import verify
from pairloom.pipeline.flow.events import Event, StepStarted, UnitDone
from pairloom.pipeline.recipe import Recipe, parse_recipe

ASKED = """
  - scripts
  - {duplicates: {top: 5}}
  - {text_lengths: {per: lang}}
  - {characters: {per: source}}
  - {lengths: {per: lang}}
  - {ngrams: {n: [2], top: 3, per: source, least_share: 0.01}}
  - {domains: {top: 2}}
  - {repetition: {per: lang}}
"""


def text(number: int) -> str:
    return (
        f"Line {number} of {number % 7}\nthe same line\n\n{'same words ' * (number % 3)}\n\u03b1 {number % 2}"
    )


def records(numbers: range) -> list[dict[str, str | None]]:
    return [
        {"text": text(i), "lang": (None, "de", "en")[i % 3], "url": f"http://{'abc'[i % 3]}.org/{i}"}
        for i in numbers
    ]


def write(path: Path, numbers: range) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(json.dumps(one) + "\n" for one in records(numbers)))


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    for number in range(3):
        write(tmp_path / "in" / f"{number}.jsonl", range(30 * number, 30 * number + 30))
    write(tmp_path / "other" / "0.jsonl", range(200, 240))
    return tmp_path


def recipe(
    folder: Path, root: str, *, asked: str = ASKED, unit_bytes: int = 1500, vocabulary: str = "{size: 300}"
) -> Recipe:
    return parse_recipe(
        f"""
root: {folder / root}
corpus:
  - {{name: web, paths: ["{folder}/in/*.jsonl"], columns: [lang]}}
  - {{name: other, paths: ["{folder}/other/*.jsonl"], columns: [lang]}}
vocabulary: {vocabulary}
statistics: {asked}
execution: {{engine: local, unit_bytes: {unit_bytes}}}
"""
    )


def made(chosen: Recipe) -> tuple[Dataset, dict[str, StepStarted]]:
    steps: dict[str, StepStarted] = {}

    def observe(event: Event) -> None:
        if isinstance(event, StepStarted):
            steps[event.step] = event

    run(chosen, until="statistics", observe=observe)
    return open_dataset(chosen.root), steps


def tables(dataset: Dataset) -> dict[str, str]:
    """The checksum of each table."""
    return {file.role: file.sha256 for file in dataset.manifest.stage("statistics").files}


def test_tables_are_those_of_plain_python_per_source_and_per_column(corpus: Path) -> None:
    dataset, steps = made(recipe(corpus, "out"))
    verify(dataset)
    numbers = {"web": range(90), "other": range(200, 240)}
    every = [i for some in numbers.values() for i in some]
    found = dataset.statistic("characters_per_source").to_pylist()
    assert [row["source"] for row in found] == sorted(row["source"] for row in found)
    for source, some in numbers.items():
        counts = Counter("".join(map(text, some)))
        assert {row["character"]: row["count"] for row in found if row["source"] == source} == counts
    lengths = dataset.statistic("text_lengths_per_lang").to_pylist()
    assert [row["lang"] for row in lengths] == sorted(
        (row["lang"] for row in lengths), key=lambda name: (name is not None, name)
    )
    for place, lang in enumerate((None, "de", "en")):
        here = Counter(len(text(i)) for i in every if i % 3 == place)
        assert {
            row["length"]: row["documents"]
            for row in lengths
            if row["lang"] == lang and row["of"] == "characters"
        } == here
        documents = sum(
            row["documents"]
            for row in dataset.statistic("lengths_per_lang").to_pylist()
            if row["lang"] == lang
        )
        assert documents == here.total()
    assert dataset.statistic("domains").select(["domain", "documents"]).to_pylist() == [
        {"domain": "c.org", "documents": 44},
        {"domain": "a.org", "documents": 43},
    ]
    assert dataset.statistic("duplicates").to_pylist()[0]["text"] == "the same line"
    ngrams = dataset.statistic("ngrams_per_source").to_pylist()
    assert Counter(row["source"] for row in ngrams) == {"web": 3, "other": 3}
    # Texts are read once for all statistics of one pass; what leaves out what is rare is counted twice.
    assert {"measure text", "measure ngrams_per_source", "recount ngrams_per_source"} <= set(steps)


def test_the_same_bytes_from_other_units(corpus: Path) -> None:
    small, _ = made(recipe(corpus, "small"))
    large, _ = made(recipe(corpus, "large", unit_bytes=1 << 20))
    assert tables(small) == tables(large)


def test_what_has_not_changed_is_taken_over_and_what_is_gone_is_in_no_table(corpus: Path) -> None:
    first, _ = made(recipe(corpus, "first"))
    first.vocabulary().save(corpus / "tokenizer.json")
    given = f"{{from: {corpus / 'tokenizer.json'}}}"
    _, steps = made(recipe(corpus, "out", vocabulary=given))
    before = {name: steps[name].units for name in ("measure text", "measure lengths_per_lang")}
    write(corpus / "in" / "9.jsonl", range(300, 310))
    (corpus / "in" / "1.jsonl").unlink()
    changed, steps = made(recipe(corpus, "out", vocabulary=given))
    fresh, again = made(recipe(corpus, "fresh", vocabulary=given))
    assert tables(changed) == tables(fresh)
    for name, units in before.items():
        # The units of the new input alone are counted; those of what is gone are no part of anything.
        assert again[name].units - steps[name].reused == steps[name].units - steps[name].reused < units
        assert steps[name].reused > 0
    verify(changed)


def test_a_group_that_is_no_column_is_refused(corpus: Path) -> None:
    with pytest.raises(
        RecipeError, match=r"scripts is asked for per 'langs', which no source has among its columns"
    ):
        recipe(corpus, "out", asked="[{scripts: {per: langs}}]")
    with pytest.raises(RecipeError, match="statistics lists scripts_per_lang twice"):
        recipe(corpus, "out", asked="[{scripts: {per: lang}}, {scripts: {per: lang}}]")


CODE = "import sys; from pathlib import Path; from tests.runs.test_corpus_statistics import dies; dies(Path(sys.argv[1]), int(sys.argv[2]))"


def dies(folder: Path, after: int) -> None:
    """Make the tables of `folder / "killed"`, and be killed as soon as so many tasks of statistics are done."""
    done: list[str] = []

    def observe(event: Event) -> None:
        if isinstance(event, UnitDone):
            done.append(event.step)
            if len(done) == after:
                os.kill(os.getpid(), signal.SIGKILL)

    run(recipe(folder, "killed"), until="statistics", observe=observe)


def test_a_killed_run_goes_on_to_the_same_tables(corpus: Path) -> None:
    """Tokens are there before, so that it is statistics that are killed, of tokens and of texts; they go on from there."""
    whole, steps = made(recipe(corpus, "whole"))
    run(recipe(corpus, "killed"), until="tokenize")
    for after in (2, 40):
        command = [sys.executable, "-c", CODE, str(corpus), str(after)]
        assert subprocess.run(command, cwd=Path(__file__).parents[2]).returncode == -signal.SIGKILL
    last, again = made(recipe(corpus, "killed"))
    assert tables(last) == tables(whole)
    assert last.manifest.stage("statistics").ledger == whole.manifest.stage("statistics").ledger
    assert not any(one.reused for one in steps.values())
    assert sum(one.reused for one in again.values()) > 2
    verify(last)
