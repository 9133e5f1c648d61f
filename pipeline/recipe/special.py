"""The special tokens that a recipe uses, and what to do where its vocabulary has none such."""

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pairloom.operators.layouts import RowStep
    from pairloom.operators.transforms import TokenStep
    from pairloom.pipeline.recipe.whole import Recipe

__all__ = ["missing_special_tokens", "special_tokens_used"]


def special_tokens_used(recipe: "Recipe") -> Mapping[str, str]:
    """Every special token that a recipe uses, in its order, and where."""
    used: dict[str, str] = {}
    keys = {"tokenize.prepend": recipe.tokenize.prepend, "tokenize.append": recipe.tokenize.append}
    for key, tokens in (keys | {"pack.pad": (recipe.pack.pad,) if recipe.pack.pad else ()}).items():
        for token in tokens:
            used.setdefault(token, key)
    for role, token in recipe.vocabulary.roles.items():
        used.setdefault(token, f"vocabulary.roles.{role}")
    for token in recipe.pack.join.special_tokens if recipe.pack.join is not None else ():
        used.setdefault(token, "pack.join")
    for source in recipe.corpus:
        where = "given" if source.given is not None else "template"
        for token in source.giver.special_tokens if source.giver is not None else ():
            used.setdefault(token, f"{where} of source {source.name}")
    steps: tuple[TokenStep | RowStep, ...] = (*recipe.pack.steps, *recipe.pack.rows)
    for step in steps:
        for token in step.special_tokens:
            used.setdefault(token, f"the step {step.name}")
    return used


def missing_special_tokens(recipe: "Recipe", there: Collection[str], file: str | None = None) -> str | None:
    """Which special tokens a vocabulary with those that are `there` lacks, and how to add them; None where it has all.

    `file` is the tokenizer.json that the recipe brings, None where it learns its vocabulary.
    """
    missing: dict[str, list[str]] = {}
    for token, where in special_tokens_used(recipe).items():
        if token not in there:
            missing.setdefault(where, []).append(token)
    if not missing:
        return None
    used = ", and ".join(f"{', '.join(tokens)} is used in {where}" for where, tokens in missing.items())
    if file is None:
        keys = ", ".join(key for key in missing if "." in key)
        other = f", or set {keys} to what is there ([{', '.join(there)}])" if keys else ""
        if any(key.startswith("given of") for key in missing):
            other += ", or its modality to vocabulary.modalities"
        return f"{used} but is not in vocabulary.special_tokens: add it there{other}"
    has = ", ".join(list(there)[:10]) or "none"
    if recipe.vocabulary.ranks is not None:
        return (
            f"{used}, but {file} is read with no such special token (it has {has}): give its id in "
            "vocabulary.ranks.special_tokens"
        )
    return (
        f"{used}, but {file} has no such special token (it has {has}): name one that it has, or add it to the file's "
        "added_tokens, with special: true"
    )
