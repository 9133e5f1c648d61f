"""Row steps and what they are given: tokens that stand for others come first, columns are there."""

import pytest
from pydantic import ValidationError

from pairloom.pipeline.recipe.rows import Pack
from pairloom.pipeline.recipe.whole import Recipe


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
