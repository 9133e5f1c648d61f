"""The statistic `language_model` of a root, and the step `perplexity` that scores other documents by it."""

import json
import random
from math import exp, isclose, log
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pairloom.operators.errors import DataError, RecipeError
from pairloom.operators.reference.ngram import Definition
from pairloom.pipeline import Dataset, make_plan, open_dataset, run
from pairloom.pipeline.audit.verify import verify
from pairloom.pipeline.recipe import Recipe, parse_recipe

WORDS = [
    "a",
    "red",
    "fox",
    "and",
    "the",
    "old",
    "dog",
    "ran",
    "over",
    "one",
    "hill",
    "to",
    "see",
    "what",
    "they",
    "had",
]


def prose(seed: int, many: int) -> list[str]:
    rng = random.Random(seed)
    return [" ".join(rng.choices(WORDS, range(len(WORDS), 0, -1), k=30)) for _ in range(many)]


def write(path: Path, texts: list[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [{"id": f"{path.stem}-{k}", "text": text} for k, text in enumerate(texts)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("perplexity")
    write(folder / "good" / "a.jsonl", prose(0, 60))
    rng = random.Random(1)
    noise = ["".join(rng.choices("qxzjkvw ", k=120)) for _ in range(5)]
    write(folder / "mixed" / "a.jsonl", [*prose(2, 10), *noise])
    run(
        parse_recipe(
            f"""
root: {folder / "model"}
corpus: [{{name: good, paths: ["{folder}/good/*"], id: id}}]
vocabulary: {{size: 300}}
statistics: [{{language_model: {{order: 3}}}}]
execution: {{engine: local, unit_bytes: 3000}}
"""
        ),
        until="statistics",
    )
    return folder


def recipe(folder: Path, root: str, step: str, columns: str = "[]") -> Recipe:
    return parse_recipe(
        f"""
root: {folder / root}
corpus: [{{name: mixed, paths: ["{folder}/mixed/*"], id: id, columns: {columns}, steps: [{{perplexity: {step}}}]}}]
vocabulary: {{size: 300}}
execution: {{engine: local}}
"""
    )


def shards(dataset: Dataset) -> list[Any]:
    found: list[Any] = []
    for uri in dataset.files("tokenize"):
        with pa.ipc.open_file(pa.memory_map(uri.removeprefix("file://"))) as reader:
            found += reader.read_all().to_pylist()
    return found


def test_noise_is_left_out_and_the_column_is_the_definition(folder: Path) -> None:
    made = run(
        recipe(folder, "kept", f"{{model: {folder}/model, max: 60}}", "[{name: perplexity, type: float64}]"),
        until="tokenize",
    )
    assert made.stages["tokenize"].ledger.filtered == {"perplexity: too unlikely": 5}
    dataset, model = open_dataset(str(folder / "kept")), open_dataset(str(folder / "model"))
    rows = shards(dataset)
    assert [row["id"] for row in rows] == [f"a-{k}" for k in range(10)]
    vocabulary = model.vocabulary()
    definition = Definition([row["input_ids"] for row in shards(model)], 3, len(vocabulary))
    tail = shards(model)[0]["input_ids"][-1:]
    texts = prose(2, 10)
    for row in rows[:2]:
        text = texts[int(row["id"].removeprefix("a-"))]
        ids = [*vocabulary.encode(pa.array([text]))[0].as_py(), *tail]
        whole = sum(log(definition.probability(ids[:k], ids[k])) for k in range(len(ids)))
        assert isclose(row["perplexity"], exp(-whole / len(ids)), rel_tol=1e-9)
    verify(dataset, lambda _: None)


def test_a_table_and_a_tokenizer_are_a_model_too_and_what_is_too_likely_goes(folder: Path) -> None:
    model = open_dataset(str(folder / "model"))
    model.vocabulary().save(folder / "tokenizer.json")
    (table,) = model.files("statistics")
    step = f"{{model: {table}, tokenizer: {folder}/tokenizer.json, kind: stupid_backoff, min: 60}}"
    made = run(recipe(folder, "unlikely", step), until="tokenize")
    assert made.stages["tokenize"].ledger.filtered == {"perplexity: too likely": 10}


def test_another_model_is_another_unit_and_a_model_that_is_none_is_refused(folder: Path) -> None:
    first = make_plan(recipe(folder, "x", f"{{model: {folder}/model, max: 60}}"))
    other = make_plan(recipe(folder, "x", f"{{model: {folder}/model, max: 61}}"))
    assert first.keys["tokenize"] != other.keys["tokenize"]
    for step, said in (
        (f"{{model: {folder}/nowhere}}", "no root with a generation"),
        ("{model: a.arrow}", "tokenizer stands beside"),
        (f"{{model: {folder}/model, tokenizer: t.json}}", "a root has its own"),
        (f"{{model: {folder}/model, min: 3, max: 2}}", "max leaves nothing"),
        (f"{{model: {folder}/model, kind: trigram}}", "kneser_ney"),
        (f"{{model: {folder}/a.arrow, tokenizer: {folder}/t.json}}", "a.arrow"),
    ):
        with pytest.raises(RecipeError, match=said):
            make_plan(recipe(folder, "x", step))
    run(recipe(folder, "plain", f"{{model: {folder}/model}}"), until="tokenize")
    with pytest.raises(RecipeError, match=r"add `statistics: \[language_model\]`"):
        make_plan(recipe(folder, "x", f"{{model: {folder}/plain}}"))
    (folder / "bad.arrow").write_bytes(b"no table")
    open_dataset(str(folder / "model")).vocabulary().save(folder / "tokenizer.json")
    bad = recipe(folder, "bad", f"{{model: {folder}/bad.arrow, tokenizer: {folder}/tokenizer.json}}")
    with pytest.raises(DataError, match=r"bad.arrow is no Arrow file"):
        run(bad, until="tokenize")


def test_a_watermark_has_a_p_value_beside_each_document(folder: Path) -> None:
    """(N08)"""
    open_dataset(str(folder / "model")).vocabulary().save(folder / "own.json")
    asked = parse_recipe(
        f"""
root: {folder / "marked"}
corpus:
  - name: mixed
    paths: ["{folder}/mixed/*"]
    id: id
    columns: [{{name: watermark, type: float32}}]
    steps: [{{watermark: {{key: 1, tokenizer: {folder}/own.json, rows: 4, tokens: 16, block: 8, keys: 19}}}}]
vocabulary: {{size: 300}}
execution: {{engine: local}}
"""
    )
    run(asked, until="tokenize")
    dataset = open_dataset(str(folder / "marked"))
    found = [row["watermark"] for row in shards(dataset)]
    assert len(found) == 15
    assert {round(p * 20, 4) for p in found} <= set(range(1, 21))
    verify(dataset, lambda _: None)
    (folder / "own.json").write_text("{}")
    with pytest.raises(DataError, match=r"own\.json"):
        run(asked.model_copy(update={"root": str(folder / "again")}), until="tokenize")
