"""How documents of a group are joined, as a vocabulary says it."""

from pairloom.operators import Vocabulary
from pairloom.operators.pack.joined import Joining
from pairloom.pipeline.recipe import Recipe

__all__ = ["joining_of"]


def joining_of(recipe: Recipe, vocabulary: Vocabulary) -> Joining | None:
    """How documents of a group are joined, in ids of a vocabulary; None where they are not."""
    join = recipe.pack.join
    if join is None:
        return None
    separator: list[int] = []
    for one in join.separator:
        special = one in vocabulary.special_tokens
        separator += [vocabulary.special_id(one)] if special else vocabulary.encode_one(one).tolist()
    return Joining(
        separator=tuple(separator),
        append=tuple(vocabulary.special_id(token) for token in join.append),
        most=join.max_tokens or recipe.pack.seq_len,
        beside=tuple((one.column.name, one.elsewhere) for one in recipe.given_columns),
    )
