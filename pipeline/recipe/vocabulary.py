"""Which vocabulary: of which family, how it is learned, or where it is taken from."""

import difflib
import math
from dataclasses import replace
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    Field,
    PlainSerializer,
    PlainValidator,
    SerializerFunctionWrapHandler,
    WithJsonSchema,
    model_serializer,
    model_validator,
)

from pairloom.operators import Pretokenizer
from pairloom.operators.learners import LEARNERS, Learner, Target
from pairloom.operators.learners.bpe import BPELearner
from pairloom.operators.text.spelling import check_special_tokens
from pairloom.pipeline.recipe.amounts import Exact
from pairloom.pipeline.recipe.cutting import Cut, PretokenizerChoice, RanksChoice, Supertokens, Superwords
from pairloom.pipeline.recipe.parity import ParityChoice
from pairloom.pipeline.recipe.section import Section
from pairloom.pipeline.recipe.shape import SHAPES, ShapeKeys
from pairloom.pipeline.recipe.steps import REGISTRY, read_step, write_named

__all__ = [
    "Learn",
    "Role",
    "VocabularyChoice",
]


Role = Literal["bos", "eos", "pad", "unk", "sep", "cls", "mask"]
"""What a special token may be for: begin and end of a text, padding, what is unknown, and those of BERT."""


# What a vocabulary that is extended brings with it; and what of superwords is no part of the file.
_BROUGHT = {"pretokenizer", "normalizer", "special_tokens", "supertokens"}
_LIMITS = {"max_words", "forbid"}


def _read_family(value: object) -> Learner | str:
    if value == IDS:
        return IDS
    try:
        found: Learner = read_step(LEARNERS, value)
    except ValueError as error:
        near = isinstance(value, str) and difflib.get_close_matches(value, [*LEARNERS.names(), IDS], n=1)
        if near == [IDS]:
            raise ValueError(f"there is no family {value!r}; did you mean {IDS!r}?") from error
        raise
    return found


def _write_family(family: Learner | str) -> Any:
    return family if isinstance(family, str) else write_named(family)


IDS = "ids"
"""The family of a vocabulary that is no more than ids."""

FamilyKey = Annotated[
    Learner | Literal["ids"],
    PlainValidator(_read_family),
    PlainSerializer(_write_family),
    WithJsonSchema({REGISTRY: "pairloom.operators.learners:LEARNERS", "enum": ["ids"]}),
]
"""A family in a recipe: a name, a name with keys, or `ids`."""


class Learn(Section):
    """How merges are learned. Nothing here changes a byte of the result."""

    main: ClassVar[str | None] = "mode"
    mode: Literal["auto", "single", "sharded"] = Field(
        default="auto",
        description="one task for all words, members that share them, or what the memory of the machines allows",
        examples=["sharded"],
    )
    members: int | None = Field(
        default=None,
        ge=1,
        description="members that share the words; otherwise one a processor, up to 64",
        examples=[16],
    )
    checkpoint_seconds: float = Field(
        default=30.0,
        ge=0.0,
        description="between two times that a sharded learner stores its merges",
        examples=[120.0],
    )
    spill: str | None = Field(
        default=None,
        description="folder of each machine for the words of members that its memory does not hold; otherwise TMPDIR",
        examples=["/scratch"],
    )


class VocabularyChoice(ShapeKeys):
    """The vocabulary to learn, or the `tokenizer.json` to take."""

    family: FamilyKey = Field(
        default=BPELearner(),
        description="how the vocabulary is learned, by the name of a family, with its keys if it has any; or, where all sources "
        "bring tokens, `ids`: no more than ids",
        examples=["lzw"],
    )
    size: int = Field(
        default=32_768,
        ge=1,
        le=1 << 31,
        description="tokens, special tokens and the 256 bytes included; of ids, those that may be given, without special tokens",
        examples=["64k"],
    )
    pretokenizer: PretokenizerChoice = PretokenizerChoice()
    normalizer: Literal["none", "nfc", "nfd", "nfkc", "nfkd"] = Field(
        default="none",
        description="Unicode normalization, by the tables of Unicode 9.0 as in `tokenizers`",
        examples=["nfc"],
    )
    special_tokens: tuple[str, ...] = Field(
        default=("<|endoftext|>",),
        description="tokens that text cannot produce; they get the first ids",
        examples=[["<|endoftext|>", "<|pad|>"]],
    )
    roles: dict[Role, str] = Field(
        default={},
        description="which special token is for what, where models are told so: bos, eos, pad, unk, sep, cls, mask",
        examples=[{"eos": "<|im_end|>", "pad": "<|pad|>"}],
    )
    modalities: dict[Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$")], Annotated[int, Field(ge=1)]] = Field(
        default={},
        max_length=255,
        description="ids that are reserved for what is no text: how many codes each modality has, by its name",
        examples=[{"audio": 1024}],
    )
    min_count: int = Field(
        default=1,
        ge=1,
        description="a pair seen less often is not merged; where sources have weights, the lightest counts 1",
        examples=[2],
    )
    learn: Learn = Learn()
    superwords: Superwords | None = Field(default=None, description="a second stage that joins words")
    supertokens: Supertokens | None = Field(default=None, description="learn from chunks of random lengths")
    parity: ParityChoice | None = Field(
        default=None, description="treat groups of documents alike, whatever they have of the text"
    )
    weights: dict[str, Exact] = Field(
        default={},
        description="how much a source counts when the vocabulary is learned, by its name, as a fraction or a decimal; otherwise 1",
        examples=[{"web": "1.5"}],
    )
    extend: str | None = Field(
        default=None,
        description="a tokenizer.json to go on learning from: its ids never move",
        examples=["base/tokenizer.json"],
    )
    extend_by: Literal["merges", "tokens"] = Field(
        default="merges",
        description="with `extend`: go on with the merges, or learn a vocabulary of the text and append its tokens, best first",
        examples=["tokens"],
    )
    from_: str | None = Field(
        default=None,
        alias="from",
        description="a tokenizer.json, .model, tekken.json, vocab.txt, or vocab.json with merges.txt, or their folder; with "
        "`ranks`, a .tiktoken file",
        examples=["tokenizer.json"],
    )
    ranks: RanksChoice | None = Field(
        default=None,
        description="with `from`: it is a file of ranks as tiktoken has them, and this is what such a file does not say",
        examples=["o200k"],
    )
    append: str | None = Field(
        default=None,
        description="with `from`: a tokenizer.json whose tokens are appended, up to `size` where that is given",
        examples=["portuguese.json"],
    )

    @model_validator(mode="after")
    def _fits(self) -> "VocabularyChoice":
        if len(set(self.special_tokens)) != len(self.special_tokens):
            raise ValueError("special_tokens names a token twice")
        check_special_tokens(self.special_tokens)
        if len(set(self.all_special_tokens)) != len(self.all_special_tokens):
            raise ValueError("special_tokens names a token of a modality, which it has anyway: remove it")
        if self.superwords is not None and self.supertokens is not None:
            raise ValueError("superwords and supertokens are two ways to the same end: choose one")
        if self.supertokens is not None and "pretokenizer" in self.model_fields_set:
            raise ValueError("supertokens are learned and used without a pretokenizer: remove it")
        if self.extend is not None:
            named = self.model_fields_set & _BROUGHT
            if self.superwords is not None:
                named |= {f"superwords.{name}" for name in self.superwords.model_fields_set - _LIMITS}
            named |= set(self.shape.named) | (set() if self.parity is None else {"parity"})
            if named:
                raise ValueError(f"`extend` brings these with it: remove {', '.join(sorted(named))}")
        elif self.of_ids:
            self._check_ids()
        elif self.from_ is None:
            if self.superwords is not None and self.fillers:
                raise ValueError("superwords go on from a vocabulary that fillers have filled: choose one")
            self.learner.check(self.target(self.cut().last))
        if self.parity is not None:
            self._check_parity()
        if not self.of_ids and (wrong := self._unknown_to(self.learner)):
            raise ValueError(
                f"a vocabulary of the family {self.learner.name} has no {' and no '.join(wrong)}: remove it"
            )
        if self.extend_by != "merges" and self.extend is None:
            raise ValueError("`extend_by` is how a vocabulary is extended: name that with `extend`")
        if self.append is not None and self.from_ is None:
            raise ValueError("`append` names tokens for a vocabulary that is brought: name that with `from`")
        if self.ranks is not None and self.from_ is None:
            raise ValueError("`ranks` says how a .tiktoken file is read: name that with `from`")
        brings = {"from_", "ranks", "modalities", "roles"} | (
            set() if self.append is None else {"append", "size"}
        )
        if self.from_ is not None and (named := self.model_fields_set - brings):
            raise ValueError(f"`from` brings a whole vocabulary: remove {', '.join(sorted(named))}")
        return self

    def _check_parity(self) -> None:
        """Raise ValueError for what knows no groups."""
        if self.superwords is not None:
            raise ValueError(
                "superwords are learned from all text at once, and parity is by groups: choose one"
            )

    def _check_ids(self) -> None:
        """Raise ValueError for what a vocabulary of mere ids has not."""
        if "size" not in self.model_fields_set:
            raise ValueError(
                "size is how many ids may be given: say it, or name a tokenizer.json with `from`"
            )
        default = type(self)()
        other = set(type(self).model_fields) - {
            "family",
            "size",
            "special_tokens",
            "modalities",
            "roles",
            "learn",
        }
        if named := sorted(name for name in other if getattr(self, name) != getattr(default, name)):
            raise ValueError(f"a vocabulary of ids is not learned from text: remove {', '.join(named)}")

    def _unknown_to(self, learner: Learner) -> list[str]:
        """The keys that are here and that a family does not know."""
        further = () if learner.merges_bytes else ("superwords", "supertokens", "extend")
        named = [name for name in further if getattr(self, name) is not None]
        if learner.cuts and self.pretokenizer != PretokenizerChoice():
            named.append("pretokenizer")
        if not learner.counts_least and self.min_count > 1:
            named.append("min_count")
        named += [name for name in self.shape.named if name not in learner.shapes]
        if not learner.by_groups and self.parity is not None:
            named.append("parity")
        if not learner.by_rounds and self.learn.mode == "sharded":
            named.append("learn.mode: sharded")
        return named

    @property
    def of_ids(self) -> bool:
        """Whether it is no more than ids, which have no words."""
        return self.family == IDS

    @property
    def learner(self) -> Learner:
        """How the vocabulary is learned; of mere ids, which are not learned, as any other would be."""
        return BPELearner() if isinstance(self.family, str) else self.family

    def target(self, pretokenizer: Pretokenizer, min_count: int | None = None) -> Target:
        """What is learned at first, of words that are cut so; `min_count` is in units of the counts."""
        return Target(
            size=self.size if self.superwords is None else self.transition,
            special_tokens=self.all_special_tokens,
            pretokenizer=pretokenizer,
            normalizer=self.normalizer,
            min_count=self.min_count if min_count is None else min_count,
            shape=self.shape,
            parity=None if self.parity is None else self.parity.build(),
        )

    def cut(self) -> Cut:
        """By what text is cut for counting, for superwords, and for encoding (not where `extend` decides it)."""
        if self.supertokens is not None:
            return Cut(first=self.supertokens.build(), weaker=None, last=Pretokenizer(scheme="none"))
        first = self.pretokenizer.build()
        if self.superwords is None:
            return Cut(first=self.learner.cutter(self.target(first)), weaker=None, last=first)
        choice = self.superwords
        first = replace(first, lines=choice.lines or first.lines)
        weaker = Pretokenizer(scheme="superwords", digits=choice.digits, lines=first.lines)
        return Cut(first=first, weaker=weaker, last=weaker)

    @property
    def reserved_tokens(self) -> tuple[str, ...]:
        """The special tokens of modalities."""
        if not self.modalities:
            return ()
        from pairloom.operators.given.naming import reserved_tokens

        return reserved_tokens(self.modalities)

    @property
    def all_special_tokens(self) -> tuple[str, ...]:
        """Those that are named, and those of modalities."""
        return (*self.special_tokens, *self.reserved_tokens)

    @property
    def transition(self) -> int:
        """The tokens of the vocabulary, special tokens and bytes included, when the second stage begins."""
        assert self.superwords is not None
        return max(256 + len(self.all_special_tokens), math.floor(self.superwords.transition * self.size))

    @model_serializer(mode="wrap")
    def _as_given(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """What another key decides is left out, so that what is written down can be read again."""
        data: dict[str, Any] = handler(self)
        if self.family == BPELearner():  # as it was written down before there were others
            data.pop("family", None)
        data = {k: v for k, v in data.items() if k not in SHAPES or k in self.shape.named}
        if not self.modalities:
            data.pop("modalities", None)
        if self.parity is None:
            data.pop("parity", None)
        if not self.roles:
            data.pop("roles", None)
        if self.ranks is None:
            data.pop("ranks", None)
        if self.extend_by == "merges":
            data.pop("extend_by", None)
        if self.from_ is not None:
            kept = {"from", "from_", "ranks", "modalities", "roles"}
            if self.append is not None:
                kept |= {"append"} | self.model_fields_set & {"size"}
            return {k: v for k, v in data.items() if k in kept}
        if self.extend is not None:
            data = {k: v for k, v in data.items() if k not in _BROUGHT}
            if self.superwords is not None:
                data["superwords"] = {k: v for k, v in data["superwords"].items() if k in _LIMITS}
            return data
        if self.supertokens is not None:
            data.pop("pretokenizer", None)
        return data
