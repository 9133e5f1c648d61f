"""Shares of a mixture: how often each source is seen, in exact rational arithmetic, from what a recipe asks of it.

    shares asked for, tokens there are ──▶ epochs of each source (a Fraction)

Which documents are taken is the matter of `mixture.py`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from pairloom.operators.errors import RecipeError

__all__ = ["MAX_EPOCHS", "Asked", "passes", "source_epochs"]

MAX_EPOCHS = 1000  # more is taken for a mistake in the recipe


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a recipe asks of a source: at most one of its share of the mixture, epochs, tokens; else one epoch."""

    name: str
    weight: Fraction | None = None
    epochs: Fraction | None = None
    tokens: int | None = None


def source_epochs(
    asked: Sequence[Asked], available: Sequence[int], total: int | None = None
) -> tuple[Fraction, ...]:
    """How often each source is seen, from the tokens that are available of each.

    A weight is a share of the mixture's tokens: with `total` tokens in all, or with the most tokens at which no source
    is seen more than once. Raises RecipeError for a share of a source without tokens and for more than MAX_EPOCHS.

    >>> web, books = Asked(name="web", weight=Fraction(3)), Asked(name="books", weight=Fraction(1))
    >>> source_epochs([web, books], [1000, 100])
    (Fraction(3, 10), Fraction(1, 1))
    >>> source_epochs([web, books], [1000, 100], total=800)
    (Fraction(3, 5), Fraction(2, 1))
    """
    for one, there in zip(asked, available, strict=True):
        if not there and (one.weight is not None or one.tokens is not None):
            raise RecipeError(
                f"source {one.name} has no training tokens to take a share of: correct its paths, or remove it"
            )
    weights = sum((one.weight for one in asked if one.weight is not None), Fraction(0))
    size = Fraction(0)
    if weights:
        # At this total the scarcest source is seen exactly once.
        size = (
            Fraction(total)
            if total is not None
            else weights
            * min(
                Fraction(there) / one.weight
                for one, there in zip(asked, available, strict=True)
                if one.weight is not None
            )
        )
    out = []
    for one, there in zip(asked, available, strict=True):
        epochs = Fraction(1) if one.epochs is None else one.epochs
        if one.weight is not None:
            epochs = size * one.weight / weights / there
        elif one.tokens is not None:
            epochs = Fraction(one.tokens, there)
        if epochs > MAX_EPOCHS:
            raise RecipeError(
                f"source {one.name} would be seen {float(epochs):,.1f} times, for {math.floor(epochs * there):,} tokens of the "
                f"{there:,} that it has; more than {MAX_EPOCHS} epochs are refused: ask for less of it"
            )
        out.append(epochs)
    return tuple(out)


def passes(epochs: Fraction, tokens: int) -> tuple[Fraction, ...]:
    """The tokens that each pass over a source is expected to take; whole passes all of them, the last the rest.

    >>> passes(Fraction(5, 2), 10)
    (Fraction(10, 1), Fraction(10, 1), Fraction(5, 1))
    """
    return tuple(min(Fraction(1), epochs - k) * tokens for k in range(math.ceil(epochs)))
