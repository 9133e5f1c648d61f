"""Where documents come from, and how much of each source is taken."""

from datetime import date
from fractions import Fraction
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import (
    Field,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
    model_validator,
)

from pairloom.operators.attributes import Attribute
from pairloom.operators.selection.shares import Asked
from pairloom.pipeline.inputs.compression import ENDINGS
from pairloom.pipeline.inputs.shaping.paths import parts_of, path_of
from pairloom.pipeline.inputs.shaping.where import condition_of
from pairloom.pipeline.inputs.slices import EXPANSION, Reading, check_encoding
from pairloom.pipeline.recipe.amounts import Ratio, TokenCount
from pairloom.pipeline.recipe.cells import CsvKeys
from pairloom.pipeline.recipe.chat import CHAT_KEYS, chat_of, with_template
from pairloom.pipeline.recipe.columns import DocumentColumn, EpochsBy, Keep
from pairloom.pipeline.recipe.given import GivenTokens, moved
from pairloom.pipeline.recipe.preferences import (
    PREFERENCE_KEYS,
    PreferenceKeys,
    check_preferences,
    preferences_of,
)
from pairloom.pipeline.recipe.section import Section
from pairloom.pipeline.recipe.steps import DocumentStepKey, MisplacedError

if TYPE_CHECKING:
    from pairloom.operators.given import Beside, Giver

__all__ = ["CorpusSource", "Mixture"]

Named = Annotated[str, Field(min_length=1)]
_FORMAT = rf"^[a-z0-9_]+(\.(zip|tar))?(\.({'|'.join(ending[1:] for ending in ENDINGS)}))?$"


class CorpusSource(Section):
    """Files of one kind, where their text stands in a record, and how much of them is taken.

    `paths` are local paths or URIs with globs; `~` is the home folder and `{stdlib}` that of the running Python's library.
    `exclude` are globs for whole paths; one that starts with neither "/", "~", "**" nor a scheme matches any end of a path.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9._-]+$", description="a name for this source", examples=["web"])
    paths: tuple[Named, ...] = Field(
        min_length=1,
        description="paths, globs or fsspec URIs; {stdlib} is the running Python's library folder",
        examples=[["data/web/**/*.jsonl.gz"]],
    )
    exclude: tuple[Named, ...] = Field(
        default=(), description="globs of paths to leave out", examples=[["**/draft-*"]]
    )
    format: Annotated[str, Field(pattern=_FORMAT)] | None = Field(
        default=None,
        description="what the files are, whatever their names: jsonl, text, csv.gz, ...",
        examples=["jsonl"],
    )
    encoding: Named | None = Field(
        default=None,
        description="of text, CSV and JSON that is not UTF-8: latin-1, utf-16, cp1252, ...",
        examples=["latin-1"],
    )
    csv: CsvKeys = Field(default=CsvKeys(), description="how the cells of CSV are kept apart")
    members: tuple[Named, ...] = Field(
        default=(),
        description="globs of the files to read in zip and tar archives; otherwise all that are not hidden",
        examples=[["*.txt"]],
    )
    text: Named = Field(
        default="text",
        description="field with the text, a path a.b into it, or a template of fields; ignored for plain text files",
        examples=["{title}\n\n{body}"],
    )
    given: GivenTokens | None = Field(
        default=None, description="tokens that records bring, instead of a text; `tokens: FIELD` for short"
    )
    messages: Named | dict[str, Named | tuple[Named, ...]] | None = Field(
        default=None,
        description="field with the messages of a conversation, instead of a text; or for each role the field of what it says",
        examples=["messages"],
    )
    preferences: PreferenceKeys | None = Field(
        default=None,
        description="where completions of a prompt are, a document each: pairs of which one is preferred, or several with "
        "rewards; instead of a text",
        examples=["prompt"],
    )
    template: Named | None = Field(
        default=None,
        description="how messages are written: chatml, gemma, llama3, mistral, olmo, plain, qwen, zephyr, or Jinja: its "
        "file, a tokenizer_config.json, or itself",
        examples=["chatml"],
    )
    tools: Named | None = Field(
        default=None, description="field with the tools that a conversation may call", examples=["tools"]
    )
    train: tuple[Named, ...] = Field(
        default=("assistant",),
        min_length=1,
        description="whose messages are to be predicted: assistant, last (the assistant's last), all, or roles",
        examples=["last"],
    )
    train_eot: bool = Field(
        default=True,
        description="whether the token that ends a turn is to be predicted with it",
        examples=[False],
    )
    reasoning: Literal["keep", "drop", "untrained"] = Field(
        default="keep",
        description="what an assistant thought before: kept, left out, or there and not to be predicted",
        examples=["untrained"],
    )
    keep_untrained: bool = Field(
        default=False,
        description="whether a conversation of which nothing is to be predicted is kept, not a dead letter",
        examples=[True],
    )
    turns: bool = Field(
        default=True,
        description="whether there is a column `turn`, by which conversations are cut between turns",
        examples=[False],
    )
    compared: bool = Field(
        default=True,
        description="whether a few conversations are compared with what `transformers` makes of them, where it is installed, "
        "before any is tokenized",
        examples=[False],
    )
    template_variables: dict[str, Any] = Field(
        default={},
        description="what the template is told besides: bos_token, eos_token, enable_thinking, ...",
        examples=[{"enable_thinking": False}],
    )
    template_date: date | None = Field(
        default=None, description="the date that the template may ask for", examples=["2026-01-31"]
    )
    id: Named | None = Field(
        default=None, description='field or column with the id; otherwise "<uri>#<row>"', examples=["url"]
    )
    where: Named | None = Field(
        default=None,
        description="a condition on the fields of a record, as lang == 'de' and meta.score > 0.7; others are left out, and counted",
        examples=["lang == 'de' and meta.score > 0.7"],
    )
    list_separator: str | None = Field(
        default=None,
        description="what stands between the texts of a list that text leads to",
        examples=["\n\n"],
    )
    columns: tuple[DocumentColumn, ...] = Field(
        default=(), description="fields that go with each document into rows: names, or name, field and type"
    )
    steps: tuple[DocumentStepKey, ...] = Field(
        default=(),
        description="what is done to its documents before anything else, in order",
        examples=[[{"min_bytes": {"bytes": 200}}]],
    )
    max_expansion: int = Field(
        default=EXPANSION,
        ge=1,
        description="a file may hold so many times its stored bytes, or 64 MiB",
        examples=[1000],
    )
    allow_empty: bool = Field(
        default=False, description="whether the source may have no text at all", examples=[True]
    )
    weight: Ratio | None = Field(
        default=None,
        description="its share of the tokens of the mixture, where every source says one",
        examples=["0.7"],
    )
    epochs: Ratio | EpochsBy | None = Field(
        default=None,
        description="how often its documents are seen: 0.4, 3, 5/2, or by a column; otherwise once",
    )
    keep: Keep | None = Field(default=None, description="the best of its documents alone, by a column")
    tokens: TokenCount | None = Field(
        default=None,
        description="how many of its tokens are seen; or the field with the ids, as `given` for short",
        json_schema_extra={"also": [{"type": "string"}]},
        examples=["60M"],
    )

    @model_validator(mode="before")
    @classmethod
    def _given(cls, value: object) -> object:
        return with_template(moved(value))

    @field_validator("text")
    @classmethod
    def _template(cls, value: str) -> str:
        parts_of(value)
        return value

    @field_validator("encoding")
    @classmethod
    def _encoding(cls, value: str | None) -> str | None:
        if value is not None:
            check_encoding(value)
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

    @field_validator("columns")
    @classmethod
    def _each_once(cls, value: tuple[DocumentColumn, ...]) -> tuple[DocumentColumn, ...]:
        names = [column.name for column in value]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"columns has {', '.join(twice)} twice")
        return value

    @model_validator(mode="after")
    def _ids_for_steps(self) -> "CorpusSource":
        asking = [step.label for step in self.steps if step.reads_ids]
        if asking and self.id is None:
            raise ValueError(
                f"source {self.name}: the step {asking[0]} looks documents up by their ids: say with id which field has them"
            )
        return self

    @model_validator(mode="after")
    def _one_share(self) -> "CorpusSource":
        named = [name for name in ("weight", "epochs", "tokens") if getattr(self, name) is not None]
        if len(named) > 1:
            raise ValueError(f"source {self.name} names {' and '.join(named)}: say one of them")
        if self.keep is not None and self.epochs_by is not None:
            raise ValueError(
                f"source {self.name} names keep, and epochs by {self.epochs_by.by}: say one of them"
            )
        for key, rule in (("keep", self.keep), ("epochs", self.epochs_by)):
            numbers = [one.name for one in self.columns if one.type not in ("string", "hash")]
            if rule is not None and rule.by not in numbers:
                raise ValueError(
                    f"source {self.name}: {key}.by is {rule.by}, which is none of its columns that are numbers (there is "
                    f"{', '.join(numbers) or 'none'}): add {{name: {rule.by}, type: float32}} to its columns"
                )
        return self

    @model_validator(mode="after")
    def _one_content(self) -> "CorpusSource":
        if self.given is None:
            return self
        if self.text != "text" or self.list_separator is not None:
            key = "list_separator" if self.text == "text" else "text"
            raise ValueError(f"source {self.name} brings tokens, and {key} is for one with text: remove it")
        of_any = ("python", "exclude_ids", "keep_ids", "sample", "cdas")
        if wrong := [step.label for step in self.steps if step.name not in of_any]:
            raise ValueError(
                f"source {self.name} brings tokens, and the step {wrong[0]} reads text: leave out documents by where, or by a "
                "step of python"
            )
        return self

    @model_validator(mode="after")
    def _conversations(self) -> "CorpusSource":
        """What is said of messages is said where there are some, and their template can be used."""
        if self.messages is None:
            fields = type(self).model_fields
            known = () if self.preferences is None else PREFERENCE_KEYS
            said = [
                key for key in CHAT_KEYS if getattr(self, key) != fields[key].default and key not in known
            ]
            if said:
                raise ValueError(
                    f"source {self.name} has no messages, and {said[0]} is about them: say with messages which field has them"
                )
            if self.preferences is not None:
                check_preferences(self)
            self._check_template()
            return self
        if self.preferences is not None:
            raise ValueError(f"source {self.name} names messages and preferences: keep one of them")
        if self.template is None:
            raise ValueError(f"source {self.name} brings messages: say with template how they are written")
        if self.given is not None or self.text != "text" or self.list_separator is not None:
            raise ValueError(
                f"source {self.name} brings messages: remove text, list_separator and given tokens"
            )
        for name in self.giver.fields if self.giver is not None else ():
            path_of(name)
        self._check_template()
        return self

    def _check_template(self) -> None:
        chat = chat_of(self)
        try:
            if chat is not None:
                chat.check()
        except ValueError as error:
            raise MisplacedError(str(error), "template") from error

    @property
    def giver(self) -> "Giver | None":
        """What reads the tokens or the conversations that its records bring, if they do."""
        if self.preferences is not None:
            return preferences_of(self)
        return chat_of(self) if self.given is None else self.given.giver()

    @property
    def reading(self) -> Reading:
        """How its files are read, as far as it says so."""
        return Reading(
            encoding=self.encoding or "",
            delimiter=self.csv.delimiter or "",
            quote="" if self.csv.quote == '"' else self.csv.quote,
            escape=self.csv.escape or "",
            header=self.csv.header,
            members=self.members,
        )

    @model_serializer(mode="wrap")
    def _as_given(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Columns, and what is said of messages, are left out where there are none, as before there were any."""
        data: dict[str, Any] = handler(self)
        without: tuple[str, ...] = () if self.messages is not None else ("messages", *CHAT_KEYS)
        if self.preferences is None:
            without = (*without, "preferences")
        else:
            without = tuple(key for key in without if key not in PREFERENCE_KEYS)
        return {
            key: one
            for key, one in data.items()
            if (key not in ("columns", "keep") or one) and key not in without
        }

    @property
    def epochs_by(self) -> EpochsBy | None:
        """How often its documents are seen, where a column says it."""
        return self.epochs if isinstance(self.epochs, EpochsBy) else None

    @property
    def attributes(self) -> tuple[Attribute, ...]:
        """The columns as they are read."""
        return tuple(Attribute(name=one.name, field=one.path, type=one.type) for one in self.columns)

    @property
    def document_columns(self) -> tuple[Attribute, ...]:
        """These, and the columns that come with what a record brings."""
        return (*self.attributes, *(() if self.giver is None else self.giver.attributes))

    @property
    def beside(self) -> "tuple[Beside, ...]":
        """The columns of tokens that its documents have: given, or what spans of them become."""
        from pairloom.operators.documents import spanned_by

        given = () if self.giver is None else self.giver.beside
        return (*given, *(one.beside for one in spanned_by(self.steps, [one.column.name for one in given])))

    @property
    def asked(self) -> Asked:
        """What the recipe asks of this source."""
        return Asked(
            name=self.name,
            weight=None if self.weight is None else Fraction(self.weight),
            epochs=Fraction(self.epochs) if isinstance(self.epochs, str) else None,
            tokens=self.tokens,
        )


class Mixture(Section):
    """How much of the sources is taken together, where they have weights."""

    tokens: TokenCount | None = Field(
        default=None,
        description="tokens in all, as 10B; otherwise the most at which no source is seen twice",
        examples=["60M"],
    )
    seed: int = Field(
        default=0,
        ge=0,
        lt=1 << 63,
        description="another seed takes other documents where epochs are fractions",
        examples=[7],
    )
