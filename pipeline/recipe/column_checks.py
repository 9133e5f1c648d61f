"""The columns of a recipe: each is given once and in one way, and what reads one finds it."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pairloom.operators.given import Beside
    from pairloom.operators.layouts import RowStep
    from pairloom.operators.transforms import TokenStep
    from pairloom.pipeline.recipe.whole import Recipe

__all__ = ["check_attributes", "check_given"]


def check_given(recipe: "Recipe") -> None:
    """Raise ValueError where sources have one column in different ways, or two things of a source, or a step, give it."""
    giver: dict[str, tuple[str, Beside]] = {}
    for source in recipe.corpus:
        names = [one.column.name for one in source.beside]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(
                f"source {source.name} gives the column {', '.join(twice)} twice: keep one of them"
            )
        for one in source.beside:
            name = one.column.name
            other, before = giver.setdefault(name, (f"source {source.name}", one))
            if before.identity() != one.identity():
                raise ValueError(
                    f"{other} and source {source.name} bring the column {name} with different dtype, pad or elsewhere"
                )
    if blind := [step for step in recipe.pack.steps if giver and not step.moves_columns]:
        raise ValueError(
            f"the step {blind[0].name} encodes text anew, and {', '.join(giver)} would stand beside other tokens: cut between "
            "tokens (split: token), or leave it out"
        )
    there = {*giver, "source", *(one.name for source in recipe.corpus for one in source.document_columns)}
    for reader in recipe.pack.steps:
        if missing := [name for name in reader.reads if name not in there]:
            raise ValueError(
                f"the step {reader.name} reads the column {missing[0]}, and documents have {', '.join(sorted(there))}: let a "
                "source give it (given.columns, columns), or a step before"
            )
        there |= {column.name for column in reader.columns}
    for row_step in recipe.pack.rows:
        if missing := [name for name in row_step.reads if name not in there | {"joined"}]:
            raise ValueError(
                f"the step {row_step.name} reads the column {missing[0]}, and documents have {', '.join(sorted(there))}: let a "
                "source give it (columns), or correct the name"
            )
    steps: tuple[TokenStep | RowStep, ...] = (*recipe.pack.steps, *recipe.pack.rows)
    for step in steps:
        for column in step.columns:
            if column.name in giver:
                raise ValueError(
                    f"{giver[column.name][0]} brings the column {column.name}, and the step {step.name} gives it: rename one"
                )


def check_attributes(recipe: "Recipe") -> None:
    """Raise ValueError for a column of documents of two types, or that something else gives as well."""
    first = {one.name: one for one in recipe.attributes}
    for key in ("by", "then"):
        name = getattr(recipe.pack.shuffle, key)
        if name is not None and name not in first:
            raise ValueError(
                f"pack.shuffle.{key} is {name}, and no source has a column of this name (there is "
                f"{', '.join(first) or 'none'}): add it to the columns of the sources"
            )
    if recipe.pack.join is not None:
        _check_join(recipe, {*first, *(beside.column.name for beside in recipe.given_columns)})
    for source in recipe.corpus:
        for one in source.document_columns:
            if one.type != first[one.name].type:
                raise ValueError(
                    f"the column {one.name} is {one.type} in source {source.name} and {first[one.name].type} in another: "
                    "say one type, or give them two names"
                )
    if recipe.pack.shuffle.mode == "none" and any(source.epochs_by for source in recipe.corpus):
        raise ValueError(
            "epochs by a column have no passes one after another: choose another shuffle than none"
        )
    for beside in recipe.given_columns:
        if beside.column.name in first:
            raise ValueError(
                f"a source brings {beside.column.name} for each token, and one asks for a column of this name: give that "
                "another name"
            )
    steps: tuple[Any, ...] = (*recipe.pack.steps, *recipe.pack.rows) if first else ()
    for step in steps:
        for column in step.columns:
            if column.name in first:
                raise ValueError(
                    f"{step.name} gives the column {column.name}, and a source asks for one of this name: give that another "
                    "name"
                )


def _check_join(recipe: "Recipe", columns: set[str]) -> None:
    """Raise ValueError where joined documents get a column that is there, or a text that the vocabulary cannot say."""
    if "joined" in columns:
        raise ValueError(
            "pack.join gives the column joined, and a source has one of this name: give that another name"
        )
    join = recipe.pack.join
    if recipe.vocabulary.of_ids and join is not None and set(join.separator) - set(join.special_tokens):
        raise ValueError(
            "vocabulary.family ids has no words, and pack.join.separator is a text: name a special token"
        )
