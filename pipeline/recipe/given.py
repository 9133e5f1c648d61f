"""Tokens that a source's records bring, instead of a text."""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from pairloom.pipeline.inputs.shaping.paths import path_of
from pairloom.pipeline.recipe.section import Section

if TYPE_CHECKING:
    from pairloom.operators.given import Beside, Giver, Modality

__all__ = ["CodebookLayout", "GivenColumn", "GivenModality", "GivenTokens", "brings_ids", "moved"]

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


class CodebookLayout(Section):
    """How the codes of several codebooks become sequences."""

    codebooks: int = Field(ge=2, le=64, description="codes of a step", examples=[4])
    pattern: Literal["flatten", "delay", "parallel"] = Field(
        default="flatten",
        description="one sequence, or one for each codebook, of which each may be a step behind the one before",
        examples=["delay"],
    )
    size: int | None = Field(
        default=None,
        ge=1,
        description="codes of a codebook; flatten moves those of each behind those of the one before",
        examples=[1024],
    )
    lists: Literal["codebook", "step"] = Field(
        default="codebook", description="what each list of a record is of", examples=["step"]
    )
    fill: Named | None = Field(
        default=None, description="the special token where a delay has no code", examples=["<|fill|>"]
    )

    @model_validator(mode="after")
    def _fitting(self) -> "CodebookLayout":
        if (self.fill is None) == (self.pattern == "delay"):
            raise ValueError(
                "fill is the special token where a delay has no code: name it with pattern delay, and only there"
            )
        return self


class GivenModality(Section):
    """Which ids of the vocabulary are meant: those that it reserves for a modality, or a range of them."""

    main: ClassVar[str | None] = "name"
    name: str = Field(
        pattern=r"^[A-Za-z0-9_-]+$",
        description="a name of vocabulary.modalities, or any name for a range",
        examples=["audio"],
    )
    first: int | None = Field(default=None, ge=0, description="the first id of a range", examples=[256])
    size: int | None = Field(default=None, ge=1, description="how many ids the range has", examples=[1024])
    begin: Named | None = Field(
        default=None, description="special token before its codes, of a range", examples=["<|begin_audio|>"]
    )
    end: Named | None = Field(
        default=None, description="special token behind its codes, of a range", examples=["<|end_audio|>"]
    )
    number: int | None = Field(
        default=None,
        ge=1,
        le=255,
        description="what column modality says; otherwise its place in vocabulary.modalities",
        examples=[1],
    )

    @model_validator(mode="after")
    def _fitting(self) -> "GivenModality":
        if (self.first is None) != (self.size is None):
            raise ValueError(
                "a range has a first and a size: write both, or none for a name of vocabulary.modalities"
            )
        if self.first is None and (self.begin or self.end):
            raise ValueError(
                "begin and end belong to a range: what vocabulary.modalities reserves has its own"
            )
        return self

    def modality(self) -> "Modality":
        """The operator's value."""
        from pairloom.operators.given import Modality

        return Modality(**self.model_dump())


class GivenTokens(Section):
    """Where the ids of a record's tokens are, and what stands beside them."""

    main: ClassVar[str | None] = "tokens"
    tokens: tuple[Named, ...] = Field(
        default=(),
        description="field with the list of ids of a record; or a field for each codebook",
        examples=["token_ids"],
    )
    columns: dict[str, GivenColumn] = Field(
        default={},
        description="other lists of a record, with a value for each token: their names and dtypes",
        json_schema_extra={"also": [_NAMES, _DTYPES, {"type": "string"}]},
        examples=[{"score": "float32"}],
    )
    layout: CodebookLayout | None = Field(
        default=None, description="how codes of several codebooks are laid out"
    )
    modality: GivenModality | None = Field(
        default=None, description="the modality that the ids are of, from 0 on"
    )
    parts: Named | None = Field(
        default=None,
        description="instead of tokens: field with a list of parts, texts and ids of modalities by turns",
        examples=["parts"],
    )
    modalities: tuple[GivenModality, ...] = Field(
        default=(), description="the modalities of parts; a name alone is one of vocabulary.modalities"
    )
    part_type: Named = Field(
        default="type", description="field of a part: text, or its modality", examples=["kind"]
    )
    part_text: Named = Field(default="text", description="field of a part with its text", examples=["value"])
    part_tokens: Named = Field(
        default="tokens", description="field of a part with its ids", examples=["codes"]
    )
    untrained: tuple[Named, ...] = Field(
        default=(), description="modalities of parts with 0 in loss_mask", examples=[["audio"]]
    )

    @field_validator("columns", mode="before")
    @classmethod
    def _by_name(cls, value: object) -> object:
        """Names alone are columns whose dtypes are known."""
        names = [value] if isinstance(value, str) else value
        if isinstance(names, list | tuple) and all(isinstance(name, str) for name in names):
            return {name: {} for name in names}
        return value

    @field_validator("modalities", mode="before")
    @classmethod
    def _one_by_name(cls, value: object) -> object:
        return [value] if isinstance(value, str) else value

    @model_validator(mode="after")
    def _known(self) -> "GivenTokens":
        if bool(self.tokens) == (self.parts is not None):
            raise ValueError("a record brings tokens, or parts: name one of them")
        of_parts = {"modalities", "part_type", "part_text", "part_tokens", "untrained"}
        of_tokens = {"columns", "layout", "modality"}
        default = type(self).model_construct()
        other = of_tokens if self.parts is not None else of_parts
        if named := sorted(key for key in other if getattr(self, key) != getattr(default, key)):
            what = "tokens" if self.parts is not None else "parts"
            raise ValueError(f"{', '.join(named)} belong to {what}, which are not named: remove it")
        if self.parts is not None and not self.modalities:
            raise ValueError("modalities of parts: name them; a source of texts alone has `text`")
        many = 1 if self.layout is None else self.layout.codebooks
        if len(self.tokens) not in (0, 1, many):
            raise ValueError(
                f"tokens names {len(self.tokens)} fields, and a record has {many} of them, or one"
            )
        names = {one.name for one in self.modalities}
        if unknown := sorted(set(self.untrained) - names):
            raise ValueError(
                f"untrained names {', '.join(unknown)}, and the modalities are {', '.join(sorted(names))}"
            )
        for path in self.giver().fields:
            path_of(path)
        return self

    def giver(self) -> "Giver":
        """The operator that this names."""
        from pairloom.operators.given import Codebooks, Parts, Plain

        if self.parts is not None:
            return Parts(
                parts=self.parts,
                modalities=tuple(one.modality() for one in self.modalities),
                kind=self.part_type,
                text=self.part_text,
                tokens=self.part_tokens,
                untrained=self.untrained,
            )
        columns = tuple((one.field or name, one.beside(name)) for name, one in self.columns.items())
        modality = None if self.modality is None else self.modality.modality()
        if self.layout is None:
            return Plain(tokens=self.tokens[0], columns=columns, modality=modality)
        return Codebooks(
            tokens=self.tokens,
            codebooks=self.layout.codebooks,
            pattern=self.layout.pattern,
            size=self.layout.size,
            by_step=self.layout.lists == "step",
            fill=self.layout.fill,
            columns=columns,
            modality=modality,
        )


def brings_ids(source: Mapping[str, Any]) -> bool:
    """Whether a source, as a recipe writes it, brings tokens and no text."""
    given = source.get("given")
    if isinstance(given, Mapping) and given.get("parts") is not None:
        return False
    return given is not None or _names_a_field(source.get("tokens"))


def moved(value: Any) -> Any:
    """A source of which `tokens` names a field, as it is written out."""
    if isinstance(value, Mapping) and _names_a_field(value.get("tokens")):
        if "given" in value:
            raise ValueError("tokens names a field, and given says where tokens are: keep one of them")
        return {key: one for key, one in value.items() if key != "tokens"} | {"given": value["tokens"]}
    return value
