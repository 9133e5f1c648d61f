"""The schema takes what recipes are, in every form they may be written in, and refuses keys that there are not."""

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from pairloom.jobs.cli import app
from pairloom.operators.errors import RecipeError
from pairloom.pipeline.recipe import Recipe
from pairloom.pipeline.recipe.reading import check_recipe
from pairloom.pipeline.recipe.schema import recipe_schema

ROOT = Path(__file__).parents[3]
SCHEMA = recipe_schema()
CHECKED = jsonschema.Draft202012Validator(SCHEMA)
CORPUS = [{"name": "web", "paths": "in/*.jsonl"}]


def takes(recipe: Any) -> bool:
    """Whether the schema takes a recipe."""
    return CHECKED.is_valid(recipe)


def recipes() -> list[Any]:
    """Every recipe, or part of one, of the documents and of the package."""
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / "jobs" / "recipes").glob("*.yaml")]
    pages = (page for page in (ROOT / "docs").rglob("*.md") if page.parent.name != "extend")
    for document in (ROOT / "README.md", *pages):  # docs/extend has recipes for what is not installed
        texts += re.findall(
            r"^```yaml\n(.*?)^```", document.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
        )
    found = [yaml.safe_load(text) for text in texts]
    return [one for one in found if isinstance(one, dict) and one.keys() & Recipe.model_fields.keys()]


def test_it_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_recipes_of_the_documents_are_taken() -> None:
    found = recipes()
    assert len(found) > 10
    for recipe in found:
        errors = [error.message for error in CHECKED.iter_errors({"corpus": CORPUS} | recipe)]
        assert not errors, (recipe, errors)


@pytest.mark.parametrize(
    "part",
    [
        {"corpus": {"name": "web", "paths": ["a", "b"]}},
        {"corpus": {"name": "web", "paths": "a", "tokens": "ids"}, "vocabulary": {"size": 9}},
        {"corpus": {"name": "web", "paths": "a", "given": "ids"}, "vocabulary": {"size": 9}},
        {
            "corpus": {"name": "web", "paths": "a", "given": {"tokens": "ids", "columns": ["loss_mask"]}},
            "vocabulary": {"size": 9},
        },
        {
            "corpus": {"name": "web", "paths": "a", "given": {"tokens": "ids", "columns": {"x": "uint8"}}},
            "vocabulary": {"size": 9},
        },
        {
            "corpus": {
                "name": "web",
                "paths": "a",
                "given": {"tokens": "ids", "columns": {"weights": {"pad": 1}}},
            },
            "vocabulary": {"size": 9},
        },
        {
            "corpus": [
                {"name": "web", "paths": "a", "weight": 0.3},
                {"name": "b", "paths": "b", "weight": "1/3"},
            ]
        },
        {"corpus": [{"name": "web", "paths": "a", "epochs": 2}]},
        {"corpus": [{"name": "web", "paths": "a", "steps": {"min_bytes": {"bytes": 3}}}]},
        {"vocabulary": {"size": "32k"}},
        {"vocabulary": {"pretokenizer": "gpt2"}},
        {"vocabulary": {"special_tokens": "<|endoftext|>"}},
        {"vocabulary": {"superwords": {"transition": "3/4"}}},
        {"vocabulary": {"learn": "sharded"}},
        {"vocabulary": {"weights": {"web": 2}}},
        {"pack": {"seq_len": "4k", "file_tokens": "1M"}},
        {"pack": {"rows": "masked_lm"}, "vocabulary": {"special_tokens": ["<|endoftext|>", "[MASK]"]}},
        {"pack": {"steps": [{"stochastok": {"rate": 0.2}}, "bpe_dropout", {"lexinvariant": None}]}},
        {"statistics": [{"ngrams": {"n": [2]}}]},
        {"execution": {"unit_bytes": "64MB"}},
        {"mixture": {"tokens": "1.5B"}, "corpus": [{"name": "web", "paths": "a", "weight": 1}]},
    ],
)
def test_every_form_of_a_value_is_taken_by_both(part: dict[str, Any]) -> None:
    recipe = {"corpus": CORPUS} | part
    check_recipe(recipe)
    assert takes(recipe), [error.message for error in CHECKED.iter_errors(recipe)]


@pytest.mark.parametrize(
    "part",
    [
        {"corpos": []},
        {"corpus": []},
        {"corpus": [{"paths": "a"}]},
        {"vocabulary": {"sise": 3}},
        {"vocabulary": {"size": "many"}},
        {"pack": {"overflow": "cut"}},
        {"pack": {"steps": [{"fimm": {}}]}},
        {"pack": {"steps": [{"fim": {"rat": 0.5}}]}},
        {"pack": {"steps": [{"fim": {}, "stochastok": {}}]}},
        {"corpus": [{"name": "web", "paths": "a", "steps": ["min_bytes"]}]},
        {"execution": {"engine": "spark"}},
    ],
)
def test_what_is_wrong_is_refused_by_both(part: dict[str, Any]) -> None:
    recipe = {"corpus": CORPUS} | part
    with pytest.raises(RecipeError):
        check_recipe(recipe)
    assert not takes(recipe)


@given(
    st.sampled_from(["", "vocabulary", "pack", "tokenize", "execution", "mixture"]),
    st.text("abcxyz_", min_size=1),
)
def test_keys_are_those_of_recipes(section: str, key: str) -> None:
    recipe: dict[str, Any] = {"corpus": CORPUS}
    (recipe.setdefault(section, {}) if section else recipe)[key] = 1
    try:
        check_recipe(recipe)
        there = True
    except RecipeError as error:
        there = "unknown" not in str(error) and "there is no" not in str(error)
    assert there or not takes(recipe)


def test_a_recipe_with_all_its_keys_is_taken() -> None:
    whole = Recipe.model_validate({"corpus": CORPUS}).model_dump(mode="json", by_alias=True)
    assert takes(whole), [error.message for error in CHECKED.iter_errors(whole)]


def test_the_command_prints_it() -> None:
    said = CliRunner().invoke(app, ["schema"])
    assert said.exit_code == 0
    assert json.loads(said.stdout) == SCHEMA
