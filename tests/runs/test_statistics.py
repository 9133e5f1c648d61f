"""Statistics of a recipe: the same tables whatever the units, the crashes and the changes before."""

from pathlib import Path

import pyarrow as pa
import pytest

from pairloom.operators.errors import RecipeError
from pairloom.operators.reference.statistics import lengths, ngrams
from pairloom.operators.statistics import STATISTICS
from pairloom.pipeline import Dataset, make_plan, open_dataset, run
from pairloom.pipeline.audit.verify import verify
from pairloom.pipeline.flow.events import Event, StepStarted
from pairloom.pipeline.recipe import Recipe, parse_recipe
from tests.support.corpora import documents, write_jsonl

NGRAMS = "{ngrams: {n: [2, 3], top: 50}}"


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    for number in range(4):
        write_jsonl(tmp_path / "in" / f"{number}.jsonl", documents(25, seed=number))
    return tmp_path


def recipe(
    folder: Path,
    root: str,
    *,
    statistics: str = NGRAMS,
    unit_bytes: int = 3000,
    vocabulary: str = "{size: 300}",
) -> Recipe:
    return parse_recipe(
        f"""
root: {folder / root}
corpus: [{{name: web, paths: ["{folder}/in/*.jsonl"], id: id}}]
vocabulary: {vocabulary}
statistics: [{statistics}]
execution: {{engine: local, unit_bytes: {unit_bytes}}}
"""
    )


def made(chosen: Recipe, until: str = "statistics") -> tuple[Dataset, dict[str, StepStarted]]:
    steps: dict[str, StepStarted] = {}

    def observe(event: Event) -> None:
        if isinstance(event, StepStarted):
            steps[event.step] = event

    run(chosen, until=until, observe=observe)
    return open_dataset(chosen.root), steps


def tokens(dataset: Dataset) -> list[list[int]]:
    found: list[list[int]] = []
    for uri in dataset.files("tokenize"):
        with pa.ipc.open_file(pa.memory_map(uri.removeprefix("file://"))) as reader:
            found += reader.read_all().column("input_ids").to_pylist()
    return found


def test_the_table_is_that_of_the_definition_and_verifies(corpus: Path) -> None:
    dataset, _ = made(recipe(corpus, "out"))
    table = dataset.statistic("ngrams")
    columns = (table.column(name).to_pylist() for name in ("n", "ngram", "count"))
    rows = [(n, tuple(gram), count) for n, gram, count in zip(*columns, strict=True)]
    assert rows == [row[:3] for row in ngrams(tokens(dataset), [2, 3], 50)]
    assert len(dataset.files("statistics")) == 1
    verify(dataset, lambda _: None)
    with pytest.raises(RecipeError, match=r"no statistic 'words' \(it has ngrams\)"):
        dataset.statistic("words")


def test_the_same_table_for_units_of_any_size(corpus: Path) -> None:
    small, _ = made(recipe(corpus, "small"))
    large, _ = made(recipe(corpus, "large", unit_bytes=100_000))
    assert large.statistic("ngrams").equals(small.statistic("ngrams"))


def test_what_has_not_changed_is_not_counted_again(corpus: Path) -> None:
    first, _ = made(recipe(corpus, "first"))
    first.vocabulary().save(corpus / "tokenizer.json")
    given = f"{{from: {corpus / 'tokenizer.json'}}}"
    made(recipe(corpus, "grown", vocabulary=given))
    write_jsonl(corpus / "in" / "9.jsonl", documents(10, seed=9))
    grown, steps = made(recipe(corpus, "grown", vocabulary=given))
    whole, _ = made(recipe(corpus, "whole", vocabulary=given))
    assert grown.statistic("ngrams").equals(whole.statistic("ngrams"))
    assert 0 < steps["measure ngrams"].reused < steps["measure ngrams"].units


def test_statistics_are_planned_and_a_recipe_without_any_says_so(corpus: Path) -> None:
    assert "statistics" in make_plan(recipe(corpus, "out")).stages
    plain = recipe(corpus, "out", statistics="")
    assert "statistics" not in make_plan(plain).stages
    with pytest.raises(RecipeError, match="lists no statistics"):
        run(plain, until="statistics")


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("{ngram: {n: [2]}}", "there is no statistic 'ngram'; did you mean 'ngrams'"),
        ("{ngrams: {tops: 2}}", "unknown key 'tops'; did you mean 'top'"),
        ("{ngrams: {n: [99]}}", "lengths from 2 to 8"),
        ("ngrams, ngrams", "statistics lists ngrams twice"),
    ],
)
def test_what_a_recipe_cannot_ask_is_refused_when_it_is_read(corpus: Path, written: str, said: str) -> None:
    with pytest.raises(RecipeError, match=said):
        recipe(corpus, "out", statistics=written)


def test_every_statistic_is_the_same_from_other_units_and_verifies(corpus: Path) -> None:
    asked = "contamination, scripts, characters, text_lengths, duplicates, repetition, domains, {successors: {context: 2, top: 3}}, {cooccurrence: {window: 4, top: 40}}, document_frequency, lengths, codebooks, {ngrams: {n: [2]}}, {language_model: {order: 3}}"
    assert all(
        name in asked
        for name in STATISTICS.names()
        if STATISTICS.get(name).__module__.startswith("pairloom.")
    )
    small, _ = made(recipe(corpus, "small", statistics=asked))
    large, _ = made(recipe(corpus, "large", statistics=asked, unit_bytes=1 << 20))
    verify(small)
    for name in (file.role for file in small.manifest.stage("statistics").files):
        assert small.statistic(name).equals(large.statistic(name)), name
    found = tokens(small)
    assert small.statistic("lengths").to_pylist() == [
        {"length": length, "documents": count, "tokens": total} for length, count, total in lengths(found)
    ]
