"""The recipe: one YAML file is one run. Frozen, checked whole before anything starts, and hashed by its meaning."""

import difflib
import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_serializer,
    model_validator,
)

from pairloom.operators import Pretokenizer
from pairloom.operators.errors import RecipeError
from pairloom.operators.mixture import Asked
from pairloom.operators.pack import widths
from pairloom.operators.pretokenize.chunks import BELL, RandomChunks
from pairloom.operators.words.weights import whole_weights
from pairloom.pipeline.amounts import AmountLoader, Exact, Ratio, Size, TokenCount

__all__ = [
    "CorpusSource",
    "Cut",
    "Execution",
    "Learn",
    "Mixture",
    "Pack",
    "PretokenizerChoice",
    "Recipe",
    "Shuffle",
    "Supertokens",
    "Superwords",
    "Tokenize",
    "VocabularyChoice",
    "fingerprint",
    "load_recipe",
    "parse_recipe",
]


class Section(BaseModel):
    """A part of a recipe: frozen, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class CorpusSource(Section):
    """Where documents come from: paths, and where the text stands in a record."""

    name: str = Field(pattern=r"^[A-Za-z0-9._-]+$", description="a name for this source")
    paths: tuple[str, ...] = Field(min_length=1, description="paths, globs or fsspec URIs")
    exclude: tuple[str, ...] = Field(default=(), description="globs of paths to leave out")
    text: str = Field(
        default="text", description="field or column with the text; ignored for plain text files"
    )
    id: str | None = Field(default=None, description='field or column with the id; otherwise "<uri>#<row>"')
    weight: Ratio | None = Field(default=None, description="share of the tokens of the mixture")
    epochs: Ratio | None = Field(default=None, description="how often its documents are seen")
    tokens: TokenCount | None = Field(default=None, description="how many of its tokens are seen")

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


class PretokenizerChoice(Section):
    """Where text may be cut."""

    scheme: str = Field(default="gpt2", description="a named pretokenizer")
    digits: Literal["keep", "single", "l2r3", "r2l3"] = Field(
        default="keep", description="how numbers are cut"
    )
    pattern: str | None = Field(default=None, description="a regular expression instead of a scheme (slower)")
    lines: bool = Field(default=False, description="each line is cut as a text of its own")

    @model_validator(mode="after")
    def _known(self) -> "PretokenizerChoice":
        self.build()
        return self

    def build(self) -> Pretokenizer:
        """The operator that this choice names."""
        return Pretokenizer(scheme=self.scheme, digits=self.digits, pattern=self.pattern, lines=self.lines)


class Superwords(Section):
    """The second stage of learning, whose merges may join words."""

    transition: Exact = Field(
        default=Fraction(4, 5), gt=0, le=1, description="share of the size at which it begins"
    )
    max_words: int | None = Field(default=4, ge=1, description="words in a token that it makes, at most")
    forbid: tuple[Annotated[str, Field(min_length=1)], ...] = Field(
        default=(": ",), description="strings that no token that it makes contains"
    )
    lines: bool = Field(default=True, description="no token of either stage goes on after a newline")
    digits: Literal["keep", "single", "l2r3", "r2l3"] = Field(
        default="keep", description="how its pretokenizer cuts numbers"
    )


class Supertokens(Section):
    """Learning from chunks of random lengths; encoding without a pretokenizer."""

    seed: int = Field(default=0, ge=0, lt=1 << 63, description="another seed is other chunks")
    lengths: tuple[tuple[int, int, float], ...] = Field(
        default=BELL, description="(least, most characters, share) of each range"
    )

    @model_validator(mode="after")
    def _known(self) -> "Supertokens":
        self.build()
        return self

    def build(self) -> RandomChunks:
        """The operator that this choice names."""
        return RandomChunks(seed=self.seed, lengths=self.lengths)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """By what text is cut: `first` for counting words, `weaker` for the pieces of superwords, `last` for encoding."""

    first: Pretokenizer | RandomChunks
    weaker: Pretokenizer | None
    last: Pretokenizer

    @property
    def repeats(self) -> bool:
        """Whether what is counted repeats, as words do; pieces of superwords, chunks and whole documents hardly do."""
        return self.weaker is None and (self.last.scheme != "none" or self.last.pattern is not None)

    @property
    def counted(self) -> list[Any]:
        """Everything that decides what is counted, for hashes."""
        return [self.first.identity, None if self.weaker is None else self.weaker.identity]


# What a vocabulary that is extended brings with it.
_BROUGHT = {"pretokenizer", "normalizer", "special_tokens", "superwords", "supertokens"}


class Learn(Section):
    """How merges are learned. Nothing here changes a byte of the result."""

    mode: Literal["auto", "single", "sharded"] = Field(
        default="auto",
        description="one task for all words, members that share them, or what the memory of the machines allows",
    )
    members: int | None = Field(
        default=None, ge=1, description="members that share the words; otherwise one a processor, up to 64"
    )
    checkpoint_seconds: float = Field(
        default=30.0, ge=0.0, description="between two times that a sharded learner stores its merges"
    )


class VocabularyChoice(Section):
    """The vocabulary to learn, or the `tokenizer.json` to take."""

    size: int = Field(default=32_768, ge=256, description="tokens, special tokens and the 256 bytes included")
    pretokenizer: PretokenizerChoice = PretokenizerChoice()
    normalizer: Literal["none", "nfc", "nfkc"] = Field(default="none", description="Unicode normalization")
    special_tokens: tuple[str, ...] = Field(default=("<|endoftext|>",), description="tokens outside the text")
    min_count: int = Field(default=1, ge=1, description="a pair seen less often is not merged")
    learn: Learn = Learn()
    superwords: Superwords | None = Field(default=None, description="a second stage that joins words")
    supertokens: Supertokens | None = Field(default=None, description="learn from chunks of random lengths")
    weights: dict[str, Exact] = Field(
        default={}, description="how much a source counts, by its name; otherwise 1"
    )
    extend: str | None = Field(
        default=None, description="a tokenizer.json to go on learning from: its ids never move"
    )
    from_: str | None = Field(
        default=None, alias="from", description="a tokenizer.json; count and learn are skipped"
    )

    @model_validator(mode="after")
    def _fits(self) -> "VocabularyChoice":
        if len(set(self.special_tokens)) != len(self.special_tokens):
            raise ValueError("special_tokens names a token twice")
        least = 256 + len(self.special_tokens)
        if self.superwords is not None and self.supertokens is not None:
            raise ValueError("superwords and supertokens are two ways to the same end: choose one")
        if self.supertokens is not None and "pretokenizer" in self.model_fields_set:
            raise ValueError("supertokens are learned and used without a pretokenizer: remove it")
        if self.extend is not None:
            if named := self.model_fields_set & _BROUGHT:
                raise ValueError(f"`extend` brings these with it: remove {', '.join(sorted(named))}")
        elif self.from_ is None and self.size < least:
            raise ValueError(
                f"size must be at least {least}: 256 bytes and {len(self.special_tokens)} special tokens"
            )
        if self.from_ is not None and (named := self.model_fields_set - {"from_"}):
            raise ValueError(f"`from` brings a whole vocabulary: remove {', '.join(sorted(named))}")
        return self

    def cut(self) -> "Cut":
        """By what text is cut for counting, for superwords, and for encoding (not where `extend` decides it)."""
        if self.supertokens is not None:
            return Cut(first=self.supertokens.build(), weaker=None, last=Pretokenizer(scheme="none"))
        first = self.pretokenizer.build()
        if self.superwords is None:
            return Cut(first=first, weaker=None, last=first)
        choice = self.superwords
        first = replace(first, lines=choice.lines or first.lines)
        weaker = Pretokenizer(scheme="superwords", digits=choice.digits, lines=first.lines)
        return Cut(first=first, weaker=weaker, last=weaker)

    @property
    def transition(self) -> int:
        """The tokens of the vocabulary, special tokens and bytes included, when the second stage begins."""
        assert self.superwords is not None
        return max(256 + len(self.special_tokens), math.floor(self.superwords.transition * self.size))

    @model_serializer(mode="wrap")
    def _as_given(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """What another key decides is left out, so that what is written down can be read again."""
        data: dict[str, Any] = handler(self)
        if self.from_ is not None:
            return {k: v for k, v in data.items() if k in ("from", "from_")}
        if self.extend is not None:
            return {k: v for k, v in data.items() if k not in _BROUGHT}
        if self.supertokens is not None:
            data.pop("pretokenizer", None)
        return data


class Tokenize(Section):
    """What surrounds the tokens of a document."""

    prepend: tuple[str, ...] = Field(default=(), description="special tokens before each document")
    append: tuple[str, ...] = Field(
        default=("<|endoftext|>",), description="special tokens after each document"
    )
    special_tokens_in_text: Literal["text", "parse", "error"] = Field(
        default="text", description="text that spells a special token: ordinary text, the token, or rejected"
    )


class Shuffle(Section):
    """In which order documents are packed."""

    mode: Literal["block", "document", "none"] = Field(
        default="document", description="whole corpus by hash, within groups of inputs, or as it comes"
    )
    seed: int = Field(default=0, ge=0, lt=1 << 63, description="another seed is another order")
    groups: int | None = Field(
        default=None, ge=1, le=1 << 16, description="groups of inputs for mode block; otherwise by size"
    )

    @model_validator(mode="after")
    def _possible(self) -> "Shuffle":
        if self.groups is not None and self.mode != "block":
            raise ValueError(f"groups belong to mode block, and the mode is {self.mode}")
        return self


class Pack(Section):
    """Rows of equal length."""

    seq_len: int = Field(default=2048, ge=1, le=1 << 24, description="tokens in a row")
    strategy: Literal["best_fit", "buckets", "concat", "first_fit", "padded"] = Field(
        default="best_fit", description="how rows are filled"
    )
    min_bucket: int | None = Field(
        default=None, ge=1, description="tokens in the shortest rows of strategy buckets; otherwise 64"
    )
    overflow: Literal["split", "truncate", "drop"] = Field(
        default="split", description="what happens to a document longer than a row"
    )
    predict_every_token: bool = Field(
        default=False, description="a document that goes on in another row repeats one token there"
    )
    shuffle: Shuffle = Shuffle()
    validation: float = Field(default=0.0, ge=0.0, lt=1.0, description="share of documents held out")
    pad: str | None = Field(
        default=None, description="the token on padding; otherwise the last appended one, or id 0"
    )
    file_tokens: int = Field(default=1 << 24, ge=1, description="tokens in a packed file, about")
    deduplicate: Literal["none", "exact"] = Field(
        default="none", description="exact: of documents with the same tokens the first is kept"
    )

    @model_validator(mode="after")
    def _possible(self) -> "Pack":
        if self.strategy == "concat" and self.overflow != "split":
            raise ValueError("strategy concat splits documents at the end of a row: overflow must be split")
        if self.predict_every_token and self.seq_len < 2:
            raise ValueError("predict_every_token repeats one token of a row: seq_len must be at least 2")
        if self.strategy == "buckets":
            widths(self.seq_len, self.smallest_bucket)
        elif self.min_bucket is not None:
            raise ValueError(f"min_bucket belongs to strategy buckets, and the strategy is {self.strategy}")
        return self

    @property
    def smallest_bucket(self) -> int:
        """The tokens in the shortest rows of strategy buckets."""
        return self.min_bucket or min(64, self.seq_len)


class Execution(Section):
    """Where the work runs. Nothing here changes a byte of the result."""

    engine: Literal["ray", "local"] = Field(default="ray", description="Ray, or this process alone")
    address: str | None = Field(default=None, description="a Ray cluster; otherwise one is started here")
    unit_bytes: Size = Field(default=128_000_000, description="stored bytes of input in a task, about")
    max_in_flight: int | None = Field(
        default=None, ge=1, description="tasks at a time; otherwise twice the processors"
    )


class DriftLimits(Section):
    """From when on a vocabulary is said to fit the corpus no longer; null for never."""

    bytes_per_token: Exact | None = Field(
        default=Fraction(1, 20), ge=0, le=1, description="share of the bytes a token that may be lost"
    )
    unknown_words: Exact | None = Field(
        default=Fraction(1, 20), ge=0, le=1, description="growth of the share of words that the memo lacks"
    )
    min_tokens: int = Field(default=10_000, ge=1, description="what has fewer is not judged")


class Retokenize(Section):
    """What `pairloom retokenize` watches. Nothing here changes a byte of the result."""

    drift: DriftLimits = DriftLimits()


class Recipe(Section):
    """One run, whole."""

    root: str = Field(default="./out", min_length=1, description="the folder that everything is written to")
    corpus: tuple[CorpusSource, ...] = Field(min_length=1)
    mixture: Mixture = Mixture()
    vocabulary: VocabularyChoice = VocabularyChoice()
    tokenize: Tokenize = Tokenize()
    pack: Pack = Pack()
    execution: Execution = Execution()
    retokenize: Retokenize = Retokenize()
    max_rejected: float = Field(
        default=0.0, ge=0.0, le=1.0, description="share of records that may be rejected"
    )
    max_record_bytes: Size = Field(default=1 << 30, description="a longer record fails the run")

    @model_validator(mode="after")
    def _consistent(self) -> "Recipe":
        names = [source.name for source in self.corpus]
        if len(set(names)) != len(names):
            raise ValueError(f"two sources of the corpus have one name: {', '.join(names)}")
        self._check_weights()
        if unknown := sorted(set(self.vocabulary.weights) - set(names)):
            raise ValueError(
                f"vocabulary.weights names {', '.join(unknown)}, but the sources are {', '.join(names)}"
            )
        if self.vocabulary.weights:
            self.count_weights()
        if self.vocabulary.from_ is None and self.vocabulary.extend is None:
            wanted = {
                *self.tokenize.prepend,
                *self.tokenize.append,
                *([self.pack.pad] if self.pack.pad else []),
            }
            if missing := sorted(wanted - set(self.vocabulary.special_tokens)):
                raise ValueError(
                    f"{', '.join(missing)} is used in tokenize or pack but is not in vocabulary.special_tokens"
                )
        return self

    def count_weights(self) -> dict[str, int]:
        """How much each source counts, in whole numbers; see `whole_weights`."""
        given = {source.name: self.vocabulary.weights.get(source.name, Fraction(1)) for source in self.corpus}
        return whole_weights(given)

    def _check_weights(self) -> None:
        without = [source.name for source in self.corpus if source.weight is None]
        if self.mixture.tokens is not None and without:
            raise ValueError(
                f"mixture.tokens is shared out by weights, but these sources have none: {', '.join(without)}"
            )
        if 0 < len(without) < len(self.corpus):
            raise ValueError(
                f"weights are shares of one whole, so every source needs one: {', '.join(without)} "
                f"{'has' if len(without) == 1 else 'have'} none"
            )

    @property
    def mixes(self) -> bool:
        """Whether any source is asked for in another measure than once."""
        asked = (source.asked for source in self.corpus)
        return any(
            one.weight is not None or one.tokens is not None or one.epochs not in (None, 1) for one in asked
        )

    @property
    def selects(self) -> bool:
        """Whether any document may be left out or taken more than once."""
        return self.mixes or self.pack.deduplicate != "none"


def fingerprint(value: object) -> str:
    """SHA-256 of a value's canonical JSON, in hexadecimal; raises TypeError for a value without one.

    >>> fingerprint({"b": 1, "a": [2]}) == fingerprint({"a": [2], "b": 1})
    True
    """
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def load_recipe(path: str | Path, overrides: Sequence[str] = ()) -> Recipe:
    """Read a recipe from a local file; `overrides` are `key.path=value` in YAML, as `pack.seq_len=512`.

    Raises RecipeError, one message for everything that is wrong, with line numbers.
    """
    try:
        text = Path(path).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(f"cannot read the recipe {path}: {error}") from error
    return parse_recipe(text, name=str(path), overrides=overrides)


def parse_recipe(text: str, *, name: str = "recipe", overrides: Sequence[str] = ()) -> Recipe:
    """Read a recipe from YAML text; see `load_recipe`."""
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        data = yaml.load(text, Loader=AmountLoader)  # noqa: S506  (a SafeLoader)
    except yaml.YAMLError as error:
        raise RecipeError(f"{name} is not YAML: {error}") from error
    if not isinstance(data, dict):
        raise RecipeError(f"{name} must be a mapping with at least the key `corpus`")
    for override in overrides:
        _override(data, override)
    try:
        return Recipe.model_validate(data)
    except ValidationError as error:
        raise RecipeError(_explain(error, name, node)) from error


def _override(data: dict[str, Any], override: str) -> None:
    path, equals, value = override.partition("=")
    if not equals:
        raise RecipeError(f"--set takes key=value, as pack.seq_len=512, not {override!r}")
    *parents, last = path.split(".")
    place: Any = data
    try:
        for key in parents:
            place = place[int(key)] if isinstance(place, list) else place.setdefault(key, {})
        parsed = yaml.load(value, Loader=AmountLoader)  # noqa: S506  (a SafeLoader)
        if isinstance(place, list):
            place[int(last)] = parsed
        else:
            place[last] = parsed
    except (LookupError, TypeError, ValueError, AttributeError, yaml.YAMLError) as error:
        raise RecipeError(f"--set {override}: there is no place {path} in the recipe") from error


def _explain(error: ValidationError, name: str, node: yaml.Node | None) -> str:
    lines = []
    problems = error.errors()
    for problem in problems:
        location = problem["loc"]
        if problem["type"] == "too_short" and any(
            p["loc"][:-1] and p["loc"][0] == location[0] for p in problems
        ):
            continue  # pydantic counts only the valid items of a list
        where = ".".join(str(part) for part in location) or "the recipe"
        line = _line(node, location)
        message = problem["msg"].removeprefix("Value error, ")
        if problem["type"] == "extra_forbidden":
            message = f"unknown key {location[-1]!r}{_nearest(str(location[-1]), location[:-1])}"
        lines.append(f"{name}{f', line {line}' if line else ''}: {where}: {message}")
    return "\n".join(lines)


def _nearest(key: str, parents: tuple[int | str, ...]) -> str:
    model: type[BaseModel] = Recipe
    for part in parents:
        if isinstance(part, int):
            continue
        found = next((f for n, f in model.model_fields.items() if part in (n, f.alias)), None)
        nested = _model_of(found.annotation) if found is not None else None
        if nested is None:
            return ""
        model = nested
    keys = [field.alias or name for name, field in model.model_fields.items()]
    close = difflib.get_close_matches(key, keys, n=1, cutoff=0.0)
    return f"; did you mean {close[0]!r}? (keys here: {', '.join(keys)})"


def _model_of(annotation: Any) -> type[BaseModel] | None:
    for candidate in (annotation, *getattr(annotation, "__args__", ())):
        if isinstance(candidate, type) and issubclass(candidate, BaseModel):
            return candidate
    return None


def _line(node: yaml.Node | None, location: tuple[int | str, ...]) -> int | None:
    """The line of the deepest node that a location leads to."""
    line = None
    for part in location:
        if isinstance(node, yaml.MappingNode):
            pair = next(((k, v) for k, v in node.value if k.value == str(part)), None)
            if pair is None:
                break
            line, node = pair[0].start_mark.line + 1, pair[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line + 1
        else:
            break
    return line
