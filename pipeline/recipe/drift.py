"""What re-tokenizing watches: from when on a vocabulary is said to fit no longer."""

from fractions import Fraction

from pydantic import Field

from pairloom.pipeline.recipe.amounts import Exact
from pairloom.pipeline.recipe.section import Section

__all__ = ["DriftLimits", "Retokenize"]


class DriftLimits(Section):
    """From when on a vocabulary is said to fit the corpus no longer; null for never."""

    bytes_per_token: Exact | None = Field(
        default=Fraction(1, 20),
        ge=0,
        le=1,
        description="share of the bytes a token that may be lost",
        examples=["0.02"],
    )
    unknown_words: Exact | None = Field(
        default=Fraction(1, 20),
        ge=0,
        le=1,
        description="growth of the share of words that the memo lacks",
        examples=["0.02"],
    )
    min_tokens: int = Field(
        default=10_000, ge=1, description="what has fewer is not judged", examples=[100000]
    )


class Retokenize(Section):
    """What `pairloom retokenize` watches. Nothing here changes a byte of the result."""

    drift: DriftLimits = DriftLimits()
