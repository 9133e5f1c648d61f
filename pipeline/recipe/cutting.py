"""By what text is cut where a vocabulary is learned, and where it encodes."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from pairloom.operators import Pretokenizer
from pairloom.operators.text.pretokenize.chunks import BELL, RandomChunks, RandomSpaces
from pairloom.operators.text.pretokenize.marker import BeforeSpaces
from pairloom.operators.text.spelling import check_special_tokens
from pairloom.pipeline.recipe.amounts import Exact
from pairloom.pipeline.recipe.section import Section

__all__ = ["Cut", "PretokenizerChoice", "RanksChoice", "Supertokens", "Superwords"]


class PretokenizerChoice(Section):
    """Where text may be cut."""

    main: ClassVar[str | None] = "scheme"
    scheme: str = Field(
        default="gpt2",
        description="gpt2, cl100k, cl100k_2023, o200k, llama3, qwen2, qwen35, deepseek_v3, superbpe, superwords, whitespace, none",
        examples=["o200k"],
    )
    digits: Literal["keep", "single", "l2r3", "r2l3"] = Field(
        default="keep",
        description="how numbers are cut: as the scheme does, each digit, threes from the left (123·456·7) or right (1·234·567)",
        examples=["r2l3"],
    )
    pattern: str | None = Field(
        default=None,
        description="a regular expression of Oniguruma instead of a scheme (slower)",
        examples=["\\p{L}+|[^\\p{L}]+"],
    )
    lines: bool = Field(default=False, description="each line is cut as a text of its own", examples=[True])

    @model_validator(mode="after")
    def _known(self) -> "PretokenizerChoice":
        self.build()
        return self

    def build(self) -> Pretokenizer:
        """The operator that this choice names."""
        return Pretokenizer(scheme=self.scheme, digits=self.digits, pattern=self.pattern, lines=self.lines)


class RanksChoice(PretokenizerChoice):
    """What a file of ranks (`.tiktoken`) does not say: where text is cut, and which special tokens there are."""

    scheme: str = Field(
        default="cl100k",
        description="as of `vocabulary.pretokenizer`; gpt2 for r50k_base and p50k_base, cl100k, o200k, llama3, qwen2",
        examples=["o200k"],
    )
    special_tokens: dict[Annotated[str, Field(min_length=1)], Annotated[int, Field(ge=0)]] = Field(
        default={},
        description="special tokens and their ids",
        examples=[{"<|endoftext|>": 100257}],
    )
    offset: int = Field(
        default=0,
        ge=0,
        lt=1 << 31,
        description="the id of a token is its rank and this, where special tokens are the first ids",
        examples=[1000],
    )

    @model_validator(mode="after")
    def _special(self) -> "RanksChoice":
        check_special_tokens(tuple(self.special_tokens))
        return self


class Superwords(Section):
    """The second stage of learning, whose merges may join words."""

    transition: Exact = Field(
        default=Fraction(4, 5),
        gt=0,
        le=1,
        description="share of the size, special tokens and bytes included, at which it begins",
        examples=["0.9"],
    )
    max_words: int | None = Field(
        default=4,
        ge=1,
        description="words in a token that it makes, at most; null for any number",
        examples=[3],
    )
    forbid: tuple[Annotated[str, Field(min_length=1)], ...] = Field(
        default=(": ",), description="strings that no token that it makes contains", examples=[[": ", "\n"]]
    )
    lines: bool = Field(
        default=True, description="no token of either stage goes on after a newline", examples=[False]
    )
    digits: Literal["keep", "single", "l2r3", "r2l3"] = Field(
        default="keep", description="how its pretokenizer cuts numbers", examples=["single"]
    )


class Supertokens(Section):
    """Learning from chunks of random lengths; encoding without a pretokenizer."""

    seed: int = Field(default=0, ge=0, lt=1 << 63, description="another seed is other chunks", examples=[3])
    lengths: tuple[tuple[int, int, float], ...] = Field(
        default=BELL,
        description="(least, most characters, share) of each range",
        examples=[[[4, 7, 0.5], [8, 15, 0.5]]],
    )
    spaces: float | None = Field(
        default=None,
        gt=0.0,
        le=1.0,
        description="cut before white space instead, each time with this probability, and nowhere else",
        examples=[0.3],
    )

    @model_validator(mode="after")
    def _known(self) -> "Supertokens":
        if self.spaces is not None and "lengths" in self.model_fields_set and self.lengths != BELL:
            raise ValueError("supertokens are cut by lengths or at spaces: choose one")
        self.build()
        return self

    def build(self) -> RandomChunks | RandomSpaces:
        """The operator that this choice names."""
        if self.spaces is not None:
            return RandomSpaces(seed=self.seed, share=self.spaces)
        return RandomChunks(seed=self.seed, lengths=self.lengths)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """By what text is cut: `first` for counting words, `weaker` for the pieces of superwords, `last` for encoding."""

    first: Pretokenizer | RandomChunks | RandomSpaces | BeforeSpaces
    weaker: Pretokenizer | None
    last: Pretokenizer

    @property
    def repeats(self) -> bool:
        """Whether what is counted repeats, as words do; pieces of superwords, chunks and whole documents hardly do."""
        whole = self.last.scheme in ("none", "superwords") and self.last.pattern is None
        return self.weaker is None and not whole

    @property
    def counted(self) -> list[Any]:
        """Everything that decides what is counted, for hashes."""
        return [self.first.identity, None if self.weaker is None else self.weaker.identity]
