"""Columns of documents as recipes ask for them, and what is chosen by one."""

from fractions import Fraction
from typing import Annotated, ClassVar

from pydantic import Field, WithJsonSchema, model_validator

from pairloom.operators.attributes import AttributeType
from pairloom.pipeline.inputs.shaping.paths import path_of
from pairloom.pipeline.recipe.amounts import Ratio
from pairloom.pipeline.recipe.section import Section

__all__ = ["DocumentColumn", "EpochsBy", "Keep"]

Named = Annotated[str, Field(min_length=1)]


class DocumentColumn(Section):
    """A field of each record that goes with its document into rows."""

    main: ClassVar[str | None] = "name"
    name: Named = Field(description="what rows call it: letters, digits and _", examples=["quality"])
    field: Named | None = Field(
        default=None,
        description="where it stands, a path a.b; otherwise the field of this name",
        examples=["meta.quality"],
    )
    type: AttributeType = Field(
        default="string",
        description="string, hash, bool, int8 to uint64, float32 or float64",
        examples=["float32"],
    )

    @model_validator(mode="after")
    def _possible(self) -> "DocumentColumn":
        from pairloom.operators.schema import TAKEN

        if not self.name.isidentifier():
            last = "".join(c if c.isalnum() else "_" for c in self.name.rsplit(".", 1)[-1])
            raise ValueError(
                f"a column cannot be named {self.name!r}; write {{name: {last}, field: {self.field or self.name!r}}}"
            )
        if self.name in TAKEN:
            raise ValueError(f"rows have a column {self.name} already; give this one another name")
        path_of(self.path)
        return self

    @property
    def path(self) -> str:
        """Where the value stands in a record."""
        return self.name if self.field is None else self.field


_Share = Annotated[
    Ratio, WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "number", "exclusiveMinimum": 0}]})
]


class Keep(Section):
    """The best documents of a source, by a column of theirs."""

    by: Named = Field(
        description="the column that says how good a document is; the highest values are kept",
        examples=["quality"],
    )
    share: _Share = Field(description="the share of its documents that is kept: 0.2, 1/3", examples=["0.2"])

    @model_validator(mode="after")
    def _a_share(self) -> "Keep":
        if Fraction(self.share) > 1:
            raise ValueError(f"share is {self.share}, and all documents are 1")
        return self


class EpochsBy(Section):
    """How often documents are seen, by a column of theirs."""

    by: Named = Field(description="the column that decides it", examples=["quality"])
    buckets: tuple[tuple[float, _Share], ...] = Field(
        min_length=1,
        description="[value, epochs], the highest value first: from it on, so many; none below the last",
        json_schema_extra={
            "also": [
                {
                    "type": "array",
                    "items": {
                        "type": "array",
                        "items": {"anyOf": [{"type": "number"}, {"type": "string"}]},
                        "minItems": 2,
                        "maxItems": 2,
                    },
                }
            ]
        },
        examples=[[[0.9, 4], [0.5, 1]]],
    )

    @model_validator(mode="after")
    def _descending(self) -> "EpochsBy":
        values = [value for value, _ in self.buckets]
        if any(low >= high for high, low in zip(values, values[1:], strict=False)):
            raise ValueError(
                f"buckets go from the highest value down, and these are {', '.join(map(str, values))}"
            )
        return self
