"""A root of two sources in three languages, and its report."""

import json
from typing import Any

import pyarrow as pa
import pytest

from pairloom.operators import Pretokenizer, count_words, learn_bpe
from pairloom.pipeline import Dataset, open_dataset, run
from pairloom.pipeline.report import Options, report_on_root
from tests.support.corpora import documents, recipe_for

NASTY = '</code><script>alert("x")</script><img src=x onerror=alert(1)> \x00\u202e$x_1$ & ' * 30


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
