"""Keys of the vocabulary that say what its tokens may look like."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from pairloom.operators.learners import Shape
from pairloom.pipeline.recipe.amounts import Exact, whole_number
from pairloom.pipeline.recipe.section import Section

__all__ = ["SHAPES", "ShapeKeys"]

Texts = tuple[Annotated[str, Field(min_length=1)], ...]


class ShapeKeys(Section):
    """What tokens there may be, and which there must be; which of these a family knows, it says."""

    max_token_length: int | None = Field(
        default=None,
        ge=1,
        description="merges make tokens of fewer bytes than this, two bytes excepted, as `tokenizers` counts; of families over "
        "characters, tokens of at most so many characters",
        examples=[16],
    )
    limit_alphabet: int | None = Field(
        default=None,
        ge=1,
        description="of the bytes, or characters, only so many of the most frequent are learned from",
        examples=[200],
    )
    initial_alphabet: Texts = Field(
        default=(),
        description="texts whose bytes, or characters, are learned from whatever `limit_alphabet` says",
        examples=[["äöü"]],
    )
    required: Texts = Field(
        default=(),
        description="tokens that there must be; those that are not learned take the room of the last merges",
        examples=[[" pairloom", "</div>"]],
    )
    blocked: Texts = Field(
        default=(),
        description='tokens that merges must not make; `"*x*"`: none that contain x',
        examples=[["the", "*http*"]],
    )
    fillers: Texts = Field(
        default=(),
        description="tokens that fill the vocabulary up to the power of two from `size` on, the first ones first",
        examples=[["  ", "    ", "\n\n"]],
    )
    script_caps: dict[str, Annotated[Exact, BeforeValidator(whole_number)]] = Field(
        default={},
        description="how many tokens of a script may be learned, by its name in Unicode; below 1, which share of `size`",
        examples=[{"Han": 4000, "Cyrillic": 0.2}],
    )

    @property
    def shape(self) -> Shape:
        """As learners know it."""
        keys: dict[str, Any] = {name: getattr(self, name) for name in SHAPES}
        return Shape(**keys | {"script_caps": tuple(sorted(self.script_caps.items()))})

    @model_validator(mode="after")
    def _makes_sense(self) -> "ShapeKeys":
        _ = self.shape
        return self


SHAPES = tuple(ShapeKeys.model_fields)
