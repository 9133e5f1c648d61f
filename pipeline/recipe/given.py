"""Tokens that a source's records bring, instead of a text."""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import Field, field_validator, model_validator

from pairloom.pipeline.inputs.shaping.paths import path_of
from pairloom.pipeline.recipe.section import Section

if TYPE_CHECKING:
    from pairloom.operators.given import Beside, Giver

__all__ = ["GivenColumn", "GivenTokens", "brings_ids", "moved"]

Named = Annotated[str, Field(min_length=1)]

# What a column holds and where nobody gives it: by its name, where the recipe does not say.
_KNOWN: Mapping[str, tuple[str, float]] = {
    "loss_mask": ("uint8", 1),
    "loss_weight": ("float32", 1),
    "loss_weights": ("float32", 1),
    "weights": ("float32", 1),
}
# How columns are written for short: names alone, or with their dtypes.
_NAMES: dict[str, Any] = {"type": "array", "items": {"type": "string"}}
_DTYPES: dict[str, Any] = {
    "type": "object",
    "additionalProperties": {"anyOf": [{"type": "string"}, {"type": "object"}]},
}
_AMOUNT = re.compile(r"^\s*[\d.]")


def _names_a_field(value: object) -> bool:
    """Whether what stands behind `tokens` of a source is a field with ids, and not how many tokens are taken."""
    return isinstance(value, str) and _AMOUNT.match(value) is None


class GivenColumn(Section):
    """A list of a record that has a value for each of its tokens."""

    main: ClassVar[str | None] = "dtype"
    dtype: str | None = Field(
        default=None,
        description="type of a value, as uint8 or float32; otherwise of loss_mask uint8, of weights float32",
    )
    field: Named | None = Field(default=None, description="its field, where that has another name")
    pad: float = Field(default=0, description="its value behind the last token of a row")
    elsewhere: float | None = Field(
        default=None,
        description="its value for tokens around documents and for other sources; of masks and weights 1, else 0",
    )

    def beside(self, name: str) -> "Beside":
        """The operator's value."""
        import numpy as np

        from pairloom.operators.given import Beside
        from pairloom.operators.schema import INPUT_IDS, SOURCE, TOKEN_DTYPES, Column

        known = _KNOWN.get(name)
        dtype = self.dtype or (None if known is None else known[0])
        if dtype is None:
            raise ValueError(f"column {name}: say its dtype, one of {', '.join(TOKEN_DTYPES)}")
        if dtype not in TOKEN_DTYPES:
            raise ValueError(f"column {name}: dtype must be one of {', '.join(TOKEN_DTYPES)}, not {dtype!r}")
        if name in (INPUT_IDS, SOURCE):
            raise ValueError(f"a column cannot be named {name!r}")
        elsewhere = self.elsewhere if self.elsewhere is not None else (0 if known is None else known[1])
        kind = np.dtype(dtype)
        for key, value in (("pad", self.pad), ("elsewhere", elsewhere)):
            if kind.kind != "f" and (
                value != int(value) or not np.iinfo(kind).min <= value <= np.iinfo(kind).max
            ):
                raise ValueError(f"column {name}: {key} is {value:g}, which is no {dtype}")
        pad = float(self.pad) if kind.kind == "f" else int(self.pad)
        column = Column(name=name, dtype=kind, pad=pad, doc="given with the tokens of documents")
        return Beside(column=column, elsewhere=float(elsewhere))


class GivenTokens(Section):
    """Where the ids of a record's tokens are, and what stands beside them."""

    main: ClassVar[str | None] = "tokens"
    tokens: Named = Field(description="field with the list of ids of a record")
    columns: dict[str, GivenColumn] = Field(
        default={},
        description="other lists of a record, with a value for each token: their names and dtypes",
        json_schema_extra={"also": [_NAMES, _DTYPES, {"type": "string"}]},
    )

    @field_validator("columns", mode="before")
    @classmethod
    def _by_name(cls, value: object) -> object:
        """Names alone are columns whose dtypes are known."""
        names = [value] if isinstance(value, str) else value
        if isinstance(names, list | tuple) and all(isinstance(name, str) for name in names):
            return {name: {} for name in names}
        return value

    @model_validator(mode="after")
    def _known(self) -> "GivenTokens":
        for path in self.giver().fields:
            path_of(path)
        return self

    def giver(self) -> "Giver":
        """The operator that this names."""
        from pairloom.operators.given import Plain

        columns = tuple((one.field or name, one.beside(name)) for name, one in self.columns.items())
        return Plain(tokens=self.tokens, columns=columns)


def brings_ids(source: Mapping[str, Any]) -> bool:
    """Whether a source, as a recipe writes it, brings tokens."""
    return source.get("given") is not None or _names_a_field(source.get("tokens"))


def moved(value: Any) -> Any:
    """A source of which `tokens` names a field, as it is written out."""
    if isinstance(value, Mapping) and _names_a_field(value.get("tokens")):
        if "given" in value:
            raise ValueError("tokens names a field, and given says where tokens are: keep one of them")
        return {key: one for key, one in value.items() if key != "tokens"} | {"given": value["tokens"]}
    return value
