"""The recipe: one run, whole, with what its parts must agree on."""

from collections.abc import Mapping
from fractions import Fraction
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, model_validator

from pairloom.operators.attributes import Attribute
from pairloom.operators.counts.weights import whole_weights
from pairloom.operators.errors import RecipeError
from pairloom.operators.pack import STRATEGIES
from pairloom.pipeline.recipe.amounts import Size
from pairloom.pipeline.recipe.column_checks import check_attributes, check_given
from pairloom.pipeline.recipe.corpus import CorpusSource, Mixture
from pairloom.pipeline.recipe.drift import Retokenize
from pairloom.pipeline.recipe.given import brings_ids
from pairloom.pipeline.recipe.parity import ParityChoice
from pairloom.pipeline.recipe.preferences import with_groups
from pairloom.pipeline.recipe.rows import Pack, Tokenize
from pairloom.pipeline.recipe.section import Section
from pairloom.pipeline.recipe.special import missing_special_tokens
from pairloom.pipeline.recipe.steps import step_key
from pairloom.pipeline.recipe.vocabulary import VocabularyChoice

if TYPE_CHECKING:
    from pairloom.operators.given import Beside

__all__ = ["Execution", "Recipe"]

# Classes are imported where a recipe lists one: a recipe without any loads no kernels.
StageKey = Annotated[Any, *step_key("pairloom.pipeline.stages:STAGES")]
StatisticKey = Annotated[Any, *step_key("pairloom.operators.statistics:STATISTICS")]


class Execution(Section):
    """Where the work runs. Nothing here changes a byte of the result."""

    engine: Literal["auto", "ray", "local"] = Field(
        default="auto",
        description="Ray, or this process alone; otherwise the quicker of them",
        examples=["local"],
    )
    address: str | None = Field(
        default=None, description="a Ray cluster; otherwise one is started here", examples=["auto"]
    )
    unit_bytes: Size | None = Field(
        default=None,
        description="stored bytes of input in a task, at most; otherwise 128 MB, and less where a source has less than 4 GB, "
        "down to 8 MB; an input that cannot be cut may have more",
        examples=["64MB"],
    )
    max_in_flight: int | None = Field(
        default=None, ge=1, description="tasks at a time; otherwise twice the processors", examples=[64]
    )


class Recipe(Section):
    """One run, whole."""

    root: str = Field(
        default="./out",
        min_length=1,
        description="where everything is written: a folder of a local or shared file system, or s3://, gs://, az://",
        examples=["s3://bucket/out"],
    )
    corpus: tuple[CorpusSource, ...] = Field(min_length=1, max_length=1 << 16)
    mixture: Mixture = Mixture()
    vocabulary: VocabularyChoice = VocabularyChoice()
    tokenize: Tokenize = Tokenize()
    pack: Pack = Pack()
    statistics: tuple[StatisticKey, ...] = Field(
        default=(),
        description="tables about the texts and the tokens of the corpus",
        examples=[[{"ngrams": {"n": [2, 3]}}]],
    )
    stages: tuple[StageKey, ...] = Field(
        default=(),
        description="further stages: merkle, and those that other distributions bring",
        examples=[["merkle"]],
    )
    execution: Execution = Execution()
    retokenize: Retokenize = Retokenize()
    max_rejected: float = Field(
        default=0.0, ge=0.0, le=1.0, description="share of records that may be rejected", examples=[0.001]
    )
    max_record_bytes: Size = Field(
        default=1 << 30, description="a longer record fails the run", examples=["4GB"]
    )

    @model_validator(mode="before")
    @classmethod
    def _of_ids(cls, value: Any) -> Any:
        """Where all sources bring tokens, and no tokenizer is named, the vocabulary is one of ids."""
        choice = value.get("vocabulary", {}) if isinstance(value, dict) else None
        if not isinstance(choice, dict) or {"family", "from", "from_", "extend"} & {
            key for key, one in choice.items() if one is not None
        }:
            return value
        sources = value["corpus"] if isinstance(value.get("corpus"), list | tuple) else [value.get("corpus")]
        written = [source for source in sources if isinstance(source, dict)]
        if written and len(written) == len(sources) and all(brings_ids(source) for source in written):
            return {**value, "vocabulary": {**choice, "family": "ids"}}
        return value

    @model_validator(mode="before")
    @classmethod
    def _of_turns(cls, value: Any) -> Any:
        """Where sources bring conversations, documents are cut between turns, and completions of a prompt come together.

        Unless the recipe says what becomes of them.
        """
        pack = value.get("pack", {}) if isinstance(value, dict) else None
        if not isinstance(pack, dict):
            return value
        sources = value["corpus"] if isinstance(value.get("corpus"), list | tuple) else [value.get("corpus")]
        written = [one for one in sources if isinstance(one, dict)]
        pieces = _keeps_pieces(pack)
        turns = any(one.get("messages") and one.get("turns", True) for one in written)
        if turns and pieces and "overflow" not in pack:
            pack = {**pack, "overflow": "turn"}
        if any(one.get("preferences") is not None for one in written):
            pack = with_groups(pack, pieces=pieces)
        return {**value, "pack": pack} if pack else value

    @model_validator(mode="after")
    def _consistent(self) -> "Recipe":
        names = [source.name for source in self.corpus]
        if len(set(names)) != len(names):
            raise ValueError(f"two sources of the corpus have one name: {', '.join(names)}")
        counted = [statistic.title for statistic in self.statistics]
        if twice := sorted({name for name in counted if counted.count(name) > 1}):
            raise ValueError(f"statistics lists {', '.join(twice)} twice")
        self._check_groups()
        self._check_weights()
        if self.vocabulary.of_ids and (text := [one.name for one in self.corpus if one.given is None]):
            raise ValueError(
                f"vocabulary.family ids has no words, and these sources have texts: {', '.join(text)}"
            )
        check_given(self)
        if self.pack.overflow == "turn" and not any(one.messages and one.turns for one in self.corpus):
            raise ValueError(
                "pack.overflow is turn, and no source has conversations with turns: say split, truncate or drop"
            )
        check_attributes(self)
        self._check_near()
        grouped = [source.name for source in self.corpus if source.preferences is not None]
        if grouped and self.pack.deduplicate != "none":
            raise ValueError(
                f"source {grouped[0]} brings completions of prompts, of which deduplicate would take some without the others: "
                "leave it out"
            )
        if grouped and self.pack.overflow == "drop":
            raise ValueError(
                f"source {grouped[0]} brings completions of prompts, of which overflow drop would leave some without the others: "
                "say split or truncate, and leave records out by the step max_bytes, which takes all completions of a prompt"
            )
        if unknown := sorted(set(self.vocabulary.weights) - set(names)):
            raise ValueError(
                f"vocabulary.weights names {', '.join(unknown)}, but the sources are {', '.join(names)}"
            )
        if self.vocabulary.weights:
            self.count_weights()
        if self.vocabulary.from_ is None and self.vocabulary.extend is None:
            missing = missing_special_tokens(self, self.vocabulary.all_special_tokens)
            if missing is not None:
                raise ValueError(missing)
        return self

    @property
    def tables(self) -> tuple[Any, ...]:
        """The statistics that the recipe asks for, and what steps that look for evaluations have found."""
        looking = any(step.name == "decontaminate" for source in self.corpus for step in source.steps)
        if not looking or any(one.name == "contamination" for one in self.statistics):
            return self.statistics
        from pairloom.operators.statistics.contamination import Contamination

        return (*self.statistics, Contamination())

    @property
    def learns(self) -> bool:
        """Whether the vocabulary is learned from the corpus."""
        return self.vocabulary.from_ is None and not self.vocabulary.of_ids

    @property
    def given_columns(self) -> "tuple[Beside, ...]":
        """The columns of tokens that documents have, each once, in the order of the corpus."""
        found: dict[str, Beside] = {}
        for source in self.corpus:
            for one in source.beside:
                found.setdefault(one.column.name, one)
        return tuple(found.values())

    @property
    def sources(self) -> tuple[str, ...]:
        """The names of the sources, in the order of the corpus: rows name a source by its place here."""
        return tuple(source.name for source in self.corpus)

    def source_number(self, name: str) -> int:
        """The place of a source in the corpus; raises RecipeError for one that is not there.

        Tokens of early versions do not name theirs (`name` is empty), which is clear where there is one source.
        """
        if not name and len(self.corpus) == 1:
            return 0
        if name not in self.sources:
            raise RecipeError(
                f"there are tokens of the source {name!r}, and the corpus has {', '.join(self.sources)}: use another root"
            )
        return self.sources.index(name)

    def count_weights(self) -> dict[str, int]:
        """How much each source counts, in whole numbers; see `whole_weights`."""
        given = {source.name: self.vocabulary.weights.get(source.name, Fraction(1)) for source in self.corpus}
        return whole_weights(given)

    @property
    def attributes(self) -> tuple[Attribute, ...]:
        """The columns of documents that any source asks for, in the order in which they are named first."""
        found: dict[str, Attribute] = {}
        for source in self.corpus:
            for one in source.document_columns:
                found.setdefault(one.name, one)
        return tuple(found.values())

    def _check_amounts(self, parity: ParityChoice) -> None:
        """Raise ValueError for amounts that are of no source, or are not those of texts that count several times."""
        if len(set(self.count_weights().values())) > 1:
            raise ValueError(
                "vocabulary.parity.amounts are of texts as they are, and vocabulary.weights count them more or less often: "
                "remove one of them"
            )
        names = [source.name for source in self.corpus]
        if parity.by == "source" and {*names} != {*parity.amounts}:
            raise ValueError(
                f"vocabulary.parity.amounts are of {', '.join(parity.amounts)}, and the sources are {', '.join(names)}: name these"
            )

    def _check_groups(self) -> None:
        """Raise ValueError for a statistic, or parity, by something that is no source and no column."""
        known = {column.name for source in self.corpus for column in source.columns}
        parity = self.vocabulary.parity
        if parity is not None and parity.by != "source" and parity.by not in known:
            raise ValueError(
                f"vocabulary.parity is by {parity.by!r}, which no source has among its columns: write by: source, or list it under "
                "columns of a source"
            )
        if parity is not None and parity.amounts:
            self._check_amounts(parity)
        for one in self.statistics:
            if one.per is not None and one.per != "source" and one.per not in known:
                raise ValueError(
                    f"statistics: {one.name} is asked for per {one.per!r}, which no source has among its columns: write "
                    "per: source, or list it under columns of a source"
                )
            if one.per is not None and one.per in one.schema.names:
                raise ValueError(
                    f"statistics: {one.name} has a column {one.per!r} of its own: name the other one otherwise"
                )

    def _check_near(self) -> None:
        """Near-duplicates can be compared and ranked."""
        near = self.pack.nearness
        if near is None:
            return
        if near.of == "words" and self.vocabulary.of_ids:
            raise ValueError("vocabulary.family ids has no words to compare: say pack.near.of: tokens")
        numbers = [one.name for one in self.attributes if one.type not in ("string", "hash")]
        if near.by is not None and near.by not in numbers:
            raise ValueError(
                f"pack.near.by is {near.by}, which is no column of a source that is a number (there is "
                f"{', '.join(numbers) or 'none'}): add {{name: {near.by}, type: float32}} to the columns of a source"
            )

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
        ) or any(source.keep or source.epochs_by for source in self.corpus)

    @property
    def selects(self) -> bool:
        """Whether any document may be left out or taken more than once."""
        return self.mixes or self.pack.deduplicate != "none"


def _keeps_pieces(pack: dict[str, Any]) -> bool:
    """Whether the strategy cuts no document that fits a row."""
    given = pack.get("strategy", "best_fit")
    name = next(iter(given), None) if isinstance(given, Mapping) else getattr(given, "name", given)
    return name in STRATEGIES.names() and STRATEGIES.get(name).whole_pieces
