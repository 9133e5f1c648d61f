"""Row steps and what they are given: tokens that stand for others come first, columns are there."""

import pytest
from pydantic import ValidationError

from pairloom.operators.errors import RecipeError
from pairloom.operators.layouts.dynamic_bpe import DynamicBPE
from pairloom.operators.models.ids import vocabulary_of_ids
from pairloom.pipeline import parse_recipe
from pairloom.pipeline.recipe.rows import Pack
from pairloom.pipeline.recipe.whole import Recipe
from pairloom.pipeline.steps import RowSteps


def test_labels_of_tokens_that_stand_for_others_afterwards_are_refused() -> None:
    for before, column in (("masked_lm", "labels"), ("landmark_rows", "inputs")):
        said = f"{before} has made {column} of the tokens before: put lexinvariant_rows first"
        with pytest.raises(ValidationError, match=said):
            Pack.model_validate({"seq_len": 32, "rows": [before, "lexinvariant_rows"]})


def test_what_the_loader_applies_comes_after_what_is_packed() -> None:
    rows = [{"lexinvariant_rows": {"when": "load"}}, "masked_lm"]
    with pytest.raises(ValidationError, match="put lexinvariant_rows first, both with the same when"):
        Pack.model_validate({"seq_len": 32, "rows": rows})


@pytest.mark.parametrize("when", ["pack", "load"])
def test_labels_that_are_made_afterwards_are_not_refused(when: str) -> None:
    rows = ["hashed_features", {"lexinvariant_rows": {"when": when}}, {"masked_lm": {"when": "load"}}]
    assert len(Pack.model_validate({"seq_len": 32, "rows": rows}).rows) == 3


def test_columns_that_no_document_has_are_refused_before_anything_is_read() -> None:
    recipe = {
        "root": "out",
        "corpus": [{"name": "web", "paths": ["web.jsonl"], "columns": [{"name": "lang"}]}],
        "vocabulary": {"size": 300},
        "pack": {"rows": [{"hashed_features": {"columns_of_documents": ["source", "lnag"]}}]},
    }
    with pytest.raises(
        ValidationError, match="hashed_features reads the column lnag, and documents have lang, "
    ):
        Recipe.model_validate(recipe)
    recipe["pack"] = {"rows": [{"hashed_features": {"columns_of_documents": ["source", "lang"]}}]}
    assert len(Recipe.model_validate(recipe).pack.rows) == 1


def test_a_value_that_a_key_of_a_step_cannot_have_is_shown_by_itself() -> None:
    text = "corpus: [{name: web, paths: web.jsonl}]\npack: {rows: [{dynamic_bpe: {boundary: words}}]}"
    with pytest.raises(
        RecipeError, match=r"dynamic_bpe\.boundary: 'words' cannot be; it should be 'pretokens', "
    ):
        parse_recipe(text)


def test_a_step_that_cannot_be_used_with_a_vocabulary_is_named() -> None:
    steps = [DynamicBPE(), DynamicBPE(boundary="pretokens")]
    with pytest.raises(
        RecipeError, match="the step dynamic_bpe cannot be used with this vocabulary: boundary "
    ):
        RowSteps.of(steps, vocabulary_of_ids(9))
