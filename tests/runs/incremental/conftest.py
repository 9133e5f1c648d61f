"""A vocabulary that all tests here share, and blocks that are small."""

import os

import pytest

from pairloom.pipeline import open_dataset, run
from tests.support.corpora import (
    documents,
    recipe_for,
    write_jsonl,
)


@pytest.fixture(scope="module")
def vocabulary(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A vocabulary that stays while the corpus changes."""
    folder = tmp_path_factory.mktemp("learned")
    write_jsonl(folder / "in" / "a.jsonl", documents(100))
    recipe = recipe_for(folder, "vocabulary.size=300")
    run(recipe, until="learn")
    path = folder / "tokenizer.json"
    open_dataset(recipe.root).vocabulary().save(path)
    return f"vocabulary={{from: {path}}}"


@pytest.fixture(autouse=True)
def blocks_of_eight(monkeypatch: pytest.MonkeyPatch) -> None:
    """Inputs have several blocks without being large. No power is cut here."""
    for place in ("operators.selection.order", "pipeline.stages.tokenize.shards"):
        monkeypatch.setattr(f"pairloom.{place}.BLOCK_BITS", 3)
    monkeypatch.setattr(os, "fsync", lambda _handle: None)
