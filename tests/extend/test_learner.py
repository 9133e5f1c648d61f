"""A learner that comes by an entry point: a recipe calls it by its name, with its keys."""

from dataclasses import replace
from pathlib import Path

import pytest

from pairloom.operators.errors import RecipeError
from pairloom.operators.learners import LEARNERS
from pairloom.pipeline import make_plan, open_dataset, run
from pairloom.pipeline.audit.verify import verify
from tests.extend.strangers import distribution
from tests.support.corpora import documents, recipe_for, write_jsonl


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    points = {"pairloom.learners": {"pairs": "tests.extend.learner:Pairs"}}
    monkeypatch.syspath_prepend(distribution(tmp_path / "stranger", points))
    monkeypatch.setattr("pairloom.pipeline.recipe.vocabulary.LEARNERS", replace(LEARNERS))
    write_jsonl(tmp_path / "in" / "a.jsonl", documents(40))
    return tmp_path


def test_a_recipe_learns_by_it(folder: Path) -> None:
    recipe = recipe_for(folder, "vocabulary.size=300", "vocabulary.family={pairs: {least: 5}}")
    first = run(recipe)
    dataset = open_dataset(recipe.root)
    assert verify(dataset).tokens > 0
    tokens = dataset.vocabulary().tokens[257:]
    assert {len(token) for token in tokens} == {2}
    text = "\n".join(text for _, text in documents(40)).encode()
    assert all(token in text for token in tokens)
    again = run(replace_root(recipe, folder / "other"))
    assert [file.sha256 for file in again.stages["pack"].files] == [
        file.sha256 for file in first.stages["pack"].files
    ]


def replace_root(recipe, root: Path):
    return recipe.model_copy(update={"root": str(root)})


def test_its_keys_are_checked_and_decide_what_is_learned(folder: Path) -> None:
    keys = {
        make_plan(recipe_for(folder, "vocabulary.size=300", f"vocabulary.family={family}")).keys["learn"]
        for family in ("pairs", "{pairs: {least: 5}}", "bpe")
    }
    assert len(keys) == 3
    for settings, said in (
        ("vocabulary.family={pairs: {last: 5}}", "did you mean 'least'"),
        ("vocabulary.family=pair", "did you mean 'pairs'"),
        ("vocabulary.family=idds", "did you mean 'ids'"),
    ):
        with pytest.raises(RecipeError, match=said):
            recipe_for(folder, settings)
    with pytest.raises(RecipeError, match=r"the family pairs has no learn\.mode: sharded"):
        recipe_for(folder, "vocabulary.family=pairs", "vocabulary.learn.mode=sharded")
