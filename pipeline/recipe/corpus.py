"""Where documents come from, and how much of each source is taken."""

from fractions import Fraction
from typing import Annotated

from pydantic import Field, field_validator, model_validator

from pairloom.operators.selection.shares import Asked
from pairloom.pipeline.inputs.compression import ENDINGS
from pairloom.pipeline.inputs.shaping.paths import parts_of, path_of
from pairloom.pipeline.inputs.shaping.where import condition_of
from pairloom.pipeline.inputs.slices import EXPANSION
from pairloom.pipeline.recipe.amounts import Ratio, TokenCount
from pairloom.pipeline.recipe.section import Section
from pairloom.pipeline.recipe.steps import DocumentStepKey

__all__ = ["CorpusSource", "Mixture"]

Named = Annotated[str, Field(min_length=1)]
_FORMAT = rf"^[a-z0-9_]+(\.({'|'.join(ending[1:] for ending in ENDINGS)}))?$"


class CorpusSource(Section):
    """Files of one kind, where their text stands in a record, and how much of them is taken.

    `paths` are local paths or URIs with globs; `~` is the home folder and `{stdlib}` that of the running Python's library.
    `exclude` are globs for whole paths; one that starts with neither "/", "~", "**" nor a scheme matches any end of a path.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9._-]+$", description="a name for this source")
    paths: tuple[Named, ...] = Field(min_length=1, description="paths, globs or fsspec URIs")
    exclude: tuple[Named, ...] = Field(default=(), description="globs of paths to leave out")
    format: Annotated[str, Field(pattern=_FORMAT)] | None = Field(
        default=None, description="what the files are, whatever their names: jsonl, text, csv.gz, ..."
    )
    text: Named = Field(
        default="text",
        description="field with the text, a path a.b into it, or a template of fields; ignored for plain text files",
    )
    id: Named | None = Field(default=None, description='field or column with the id; otherwise "<uri>#<row>"')
    where: Named | None = Field(
        default=None, description="a condition on the fields of a record; others are left out"
    )
    list_separator: str | None = Field(
        default=None, description="what stands between the texts of a list that text leads to"
    )
    steps: tuple[DocumentStepKey, ...] = Field(
        default=(), description="what is done to its documents before anything else, in order"
    )
    max_expansion: int = Field(
        default=EXPANSION, ge=1, description="so many times its stored bytes a file may hold"
    )
    allow_empty: bool = Field(default=False, description="whether the source may have no text at all")
    weight: Ratio | None = Field(default=None, description="share of the tokens of the mixture")
    epochs: Ratio | None = Field(default=None, description="how often its documents are seen")
    tokens: TokenCount | None = Field(default=None, description="how many of its tokens are seen")

    @field_validator("text")
    @classmethod
    def _template(cls, value: str) -> str:
        parts_of(value)
        return value

    @field_validator("id")
    @classmethod
    def _path(cls, value: str | None) -> str | None:
        if value is not None:
            path_of(value)
        return value

    @field_validator("where")
    @classmethod
    def _condition(cls, value: str | None) -> str | None:
        if value is not None:
            condition_of(value)
        return value

    @model_validator(mode="after")
    def _one_share(self) -> "CorpusSource":
        named = [name for name in ("weight", "epochs", "tokens") if getattr(self, name) is not None]
        if len(named) > 1:
            raise ValueError(f"source {self.name} names {' and '.join(named)}: say one of them")
        return self

    @property
    def asked(self) -> Asked:
        """What the recipe asks of this source."""
        return Asked(
            name=self.name,
            weight=None if self.weight is None else Fraction(self.weight),
            epochs=None if self.epochs is None else Fraction(self.epochs),
            tokens=self.tokens,
        )


class Mixture(Section):
    """How much of the sources is taken together, where they have weights."""

    tokens: TokenCount | None = Field(
        default=None, description="tokens in all; otherwise the most at which no source is seen twice"
    )
    seed: int = Field(default=0, ge=0, lt=1 << 63, description="another seed chooses other documents")
