"""Which groups of documents the vocabulary treats alike."""

from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field, model_validator

from pairloom.operators.learners import Parity
from pairloom.pipeline.recipe.amounts import Exact, whole_number
from pairloom.pipeline.recipe.section import Section

__all__ = ["ParityChoice"]


class ParityChoice(Section):
    """Each merge helps the group that is worst off: the one that takes the most tokens for what it says."""

    main: ClassVar[str | None] = "by"
    by: str = Field(
        default="source",
        min_length=1,
        description="`source`, or a column of the sources that says of which group a document is",
        examples=["source"],
    )
    unit: Literal["bytes", "characters"] = Field(
        default="bytes",
        description="in what is measured how much a group says, where `amounts` do not tell",
        examples=["characters"],
    )
    amounts: dict[str, Exact] = Field(
        default={},
        description="how much each group says, by its name, in whatever unit: of texts that say the same, all alike",
        examples=[{"web": "1.5"}],
    )
    first: Annotated[int, BeforeValidator(whole_number)] = Field(
        default=0,
        ge=0,
        description="so many merges are made first as they would be without groups",
        examples=[8000],
    )
    window: Annotated[int, BeforeValidator(whole_number)] = Field(
        default=0,
        ge=0,
        le=1 << 20,
        description="of so many merges in a row, a group is chosen for no more than twice its share; 0: for any number",
        examples=[100],
    )

    def build(self) -> Parity:
        """As learners know it."""
        return Parity(
            by=self.by,
            unit=self.unit,
            amounts=tuple(sorted(self.amounts.items())),
            first=self.first,
            window=self.window,
        )

    @model_validator(mode="after")
    def _makes_sense(self) -> "ParityChoice":
        self.build()
        return self
