"""What documents that are nearly the same are, and which of them is kept."""

from typing import Literal

from pydantic import Field, model_validator

from pairloom.pipeline.recipe.section import Section

__all__ = ["Near"]


class Near(Section):
    """How near-duplicates are found, with deduplicate near."""

    of: Literal["words", "tokens"] = Field(
        default="words",
        description="what is compared: runs of words, in small letters and without punctuation, or of tokens",
        examples=["tokens"],
    )
    ngram: int = Field(default=5, ge=1, le=1000, description="words or tokens in a run", examples=[13])
    bands: int = Field(
        default=14,
        ge=1,
        le=1024,
        description="groups of hashes; documents that agree in one of them are near each other",
        examples=[20],
    )
    rows: int = Field(default=8, ge=1, le=1024, description="hashes in each group", examples=[10])
    verify: float | None = Field(
        default=None,
        gt=0,
        le=1,
        description="documents that agree are near each other only if this share of their different runs is in both",
        examples=[0.8],
    )
    keep: Literal["first", "longest", "best"] = Field(
        default="first",
        description="which of the documents that hang together is kept: the first in the corpus, the one of most tokens, or "
        "the one with the highest value of a column",
        examples=["best"],
    )
    by: str | None = Field(
        default=None, min_length=1, description="the column that keep best goes by", examples=["quality"]
    )
    seed: int = Field(default=0, ge=0, lt=1 << 63, description="another seed is other hashes", examples=[7])

    @property
    def keys(self) -> int:
        """How many keys a document has: one a band, and where pairs are compared one of all its runs."""
        return self.bands + (self.verify is not None)

    @model_validator(mode="after")
    def _possible(self) -> "Near":
        if self.keep == "best" and self.by is None:
            raise ValueError("keep best needs the key 'by': the column whose highest value is kept")
        if self.keep != "best" and self.by is not None:
            raise ValueError(f"by belongs to keep best, and keep is {self.keep}")
        return self
