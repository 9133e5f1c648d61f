"""How the cells of CSV are kept apart."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from pairloom.pipeline.recipe.section import Section

__all__ = ["CsvKeys"]

Named = Annotated[str, Field(min_length=1)]
_SIGN = r"^[\t -~]$"


class CsvKeys(Section):
    """How the cells of CSV are kept apart, where it is not by commas (or tabs, in .tsv), with double quotes."""

    delimiter: Annotated[str, Field(pattern=_SIGN)] | None = Field(
        default=None, description="what stands between cells: one character of ASCII", examples=[";"]
    )
    quote: Annotated[str, Field(pattern=_SIGN)] | Literal["none"] = Field(
        default='"', description="what stands around a cell, doubled within; or none", examples=["'"]
    )
    escape: Annotated[str, Field(pattern=_SIGN)] | None = Field(
        default=None, description="what stands before a sign that is meant as it is", examples=["\\"]
    )
    header: tuple[Named, ...] = Field(
        default=(),
        description="names of the columns, where no row of the file says them",
        examples=[["id", "text"]],
    )

    @model_validator(mode="after")
    def _apart(self) -> "CsvKeys":
        signs = [one for one in (self.delimiter or ",", self.quote, self.escape) if one and one != "none"]
        if len(set(signs)) < len(signs):
            raise ValueError(f"delimiter, quote and escape are different characters, got {' '.join(signs)}")
        return self
