"""What surrounds the tokens of a document, in which order documents come, and how rows are filled with them."""

import re
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from pairloom.operators.errors import RecipeError
from pairloom.operators.pack import widths
from pairloom.operators.pack.strategies.best_fit import BestFit
from pairloom.operators.pack.strategy import PieceStrategy, Strategy
from pairloom.pipeline.recipe.near import Near
from pairloom.pipeline.recipe.section import Section
from pairloom.pipeline.recipe.steps import MisplacedError, named_key, step_key

if TYPE_CHECKING:
    from pairloom.operators.layouts import RowStep
    from pairloom.operators.transforms import TokenStep
else:
    # Importing the classes would load kernels; who reads a step makes sure that it is one.
    RowStep = TokenStep = Any

__all__ = ["Join", "Pack", "Shuffle", "Tokenize"]


class Tokenize(Section):
    """What surrounds the tokens of a document."""

    prepend: tuple[str, ...] = Field(
        default=(), description="special tokens before each document", examples=[["<|bos|>"]]
    )
    append: tuple[str, ...] = Field(
        default=("<|endoftext|>",),
        description="special tokens after each document",
        examples=[["<|endoftext|>"]],
    )
    special_tokens_in_text: Literal["text", "parse", "error"] = Field(
        default="text",
        description="text that spells a special token: ordinary text, the token, or rejected",
        examples=["parse"],
    )


_SPECIAL = re.compile(r"<\|?[^<>|\s]+\|?>")  # what names a special token and is no text
_LATER = ("by", "then", "descending", "window")
_OF_ORDERS = ("groups", *_LATER)


class Shuffle(Section):
    """In which order documents are packed."""

    main: ClassVar[str | None] = "mode"
    mode: str = Field(
        default="document",
        description="document (by hash, all of the corpus), block (within groups of inputs), none (as it comes), order or "
        "group (by a column), or one that is installed",
        examples=["block"],
    )
    seed: int = Field(default=0, ge=0, lt=1 << 63, description="another seed is another order", examples=[7])
    groups: int | None = Field(
        default=None,
        ge=1,
        le=1 << 16,
        description="groups of inputs for mode block; a fixed number keeps them as the corpus grows; otherwise by size",
        examples=[16],
    )
    by: str | None = Field(
        default=None,
        min_length=1,
        description="the column that mode order or group goes by",
        examples=["repo"],
    )
    then: str | None = Field(
        default=None,
        min_length=1,
        description="the column by which mode group orders the documents of a group",
        examples=["number"],
    )
    descending: bool = Field(
        default=False, description="whether mode order begins with the highest values", examples=[True]
    )
    window: int | None = Field(
        default=None,
        ge=1,
        le=1 << 32,
        description="documents that mode order mixes with their neighbours; otherwise 65,536",
        examples=[1024],
    )

    @model_validator(mode="after")
    def _possible(self) -> "Shuffle":
        from pairloom.pipeline.stages.exchange.orders import ORDERS

        try:
            order = ORDERS.get(self.mode)
        except RecipeError as error:
            raise ValueError(str(error)) from error
        for key in _OF_ORDERS:
            if getattr(self, key) and key not in order.keys:
                having = " or ".join(name for name, other in ORDERS.all().items() if key in other.keys)
                verb = "belong" if key.endswith("s") else "belongs"
                raise ValueError(
                    f"{key} {verb} to mode {having or 'that is not installed'}, and the mode is {self.mode}"
                )
        if missing := [key for key in order.needs if not getattr(self, key)]:
            raise ValueError(f"mode {self.mode} needs the key {missing[0]!r}")
        return self

    @model_serializer(mode="wrap")
    def _as_given(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Keys that came later are left out where they are not given: what is hashed is what it was before them."""
        data: dict[str, Any] = handler(self)
        return {key: value for key, value in data.items() if key not in _LATER or value}


class Join(Section):
    """Documents of a group, put together into one."""

    main: ClassVar[str | None] = "separator"
    separator: tuple[str, ...] = Field(
        default=(),
        description="what stands between two documents: a special token by its name, or a text; otherwise what tokenize puts "
        "around each document",
        examples=["\n\n"],
    )
    append: tuple[str, ...] = Field(
        default=(),
        description="special tokens after each joined document, beside what tokenize puts around",
        examples=[["<|endoftext|>"]],
    )
    max_tokens: int | None = Field(
        default=None,
        ge=1,
        description="tokens that documents are joined up to; otherwise pack.seq_len",
        examples=[32_768],
    )

    @property
    def special_tokens(self) -> tuple[str, ...]:
        """The special tokens that are named."""
        return (*(one for one in self.separator if _SPECIAL.fullmatch(one)), *self.append)


class Pack(Section):
    """Rows of equal length."""

    seq_len: int = Field(
        default=2048, ge=1, le=1 << 24, description="tokens in a row, any number", examples=[8192]
    )
    strategy: Annotated[Strategy, *named_key("pairloom.operators.pack:STRATEGIES")] = Field(
        default=BestFit(),
        description="how rows are filled: best_fit, buckets, concat, dynamic_pack, first_fit, padded, "
        "short_long, or one that is installed",
        examples=["concat"],
    )
    min_bucket: int | None = Field(
        default=None,
        ge=1,
        description="tokens in the shortest rows of strategy buckets; otherwise 64",
        examples=[256],
    )
    overflow: Literal["split", "truncate", "drop", "turn"] = Field(
        default="split",
        description="what becomes of a document longer than a row; what is left out is counted. turn, which conversations have "
        "unless it is said: cut where a turn begins",
        examples=["truncate"],
    )
    predict_every_token: bool = Field(
        default=False,
        description="where a document goes on in another row, one token is repeated, so that no label is lost at the cut",
        examples=[True],
    )
    shuffle: Shuffle = Shuffle()
    validation: float = Field(
        default=0.0,
        ge=0.0,
        lt=1.0,
        description="share of documents held out, by a hash of the id: growing the corpus moves none",
        examples=[0.001],
    )
    pad: str | None = Field(
        default=None,
        description="the token on padding; otherwise the last appended one, or id 0",
        examples=["<|pad|>"],
    )
    file_tokens: int = Field(
        default=1 << 24,
        ge=1,
        description="tokens in a packed file, about; more where that would make more than 65,536 files",
        examples=["512M"],
    )
    deduplicate: Literal["none", "exact", "near"] = Field(
        default="none",
        description="exact: of documents with the same tokens the first is kept. near: of those that are nearly the same one",
        examples=["exact"],
    )
    near: Near | None = Field(
        default=None, description="how documents that are nearly the same are found, with deduplicate near"
    )
    related: bool = Field(
        default=False,
        description="documents of a group stay in one row as far as they fit, with shuffle group",
        examples=[True],
    )

    join: Join | None = Field(
        default=None,
        description="documents of a group are one document, with shuffle group; a text is what stands between them",
    )

    steps: tuple[Annotated[TokenStep, *step_key("pairloom.operators.transforms:TRANSFORMS")], ...] = Field(
        default=(),
        description="token steps, applied to documents before rows are planned",
        examples=[[{"fim": {"rate": 0.5}}]],
    )
    rows: tuple[Annotated[RowStep, *step_key("pairloom.operators.layouts:LAYOUTS")], ...] = Field(
        default=(),
        description="row steps, stored (when: pack) or applied by the loader (when: load)",
        examples=[[{"masked_lm": {"rate": 0.15}}]],
    )

    @model_validator(mode="after")
    def _possible(self) -> "Pack":
        strategy = self.strategy
        if self.overflow == "turn" and not strategy.whole_pieces:
            raise ValueError(
                f"strategy {strategy.name} cuts documents anywhere, so that overflow cannot be turn: say split, or take another"
            )
        if self.overflow == "turn" and self.predict_every_token:
            raise ValueError(
                "predict_every_token repeats the token before a cut, and overflow turn (as conversations have it) cuts where a "
                "turn begins, with nothing before it: leave it out, or say overflow: split"
            )
        if self.overflow not in (*strategy.overflows, "turn"):
            raise ValueError(
                f"strategy {strategy.name} splits documents at the end of a row: overflow must be split"
                if strategy.overflows == ("split",)
                else f"strategy {strategy.name} knows of overflow only {', '.join(strategy.overflows)}"
            )
        if self.related and self.overflow == "turn":
            raise ValueError(
                "related plans documents of a group as one, which has no turns: leave it out, or say overflow: split"
            )
        if self.related and (self.shuffle.mode != "group" or not isinstance(strategy, PieceStrategy)):
            raise ValueError(
                "related keeps documents of a group in one row: it needs shuffle group, and a strategy that cuts no document "
                "that fits a row (best_fit, dynamic_pack, first_fit, padded)"
            )
        if self.join is not None:
            self._check_join()
        if self.near is not None and self.deduplicate != "near":
            raise ValueError(f"near belongs to deduplicate near, and deduplicate is {self.deduplicate}")
        if self.predict_every_token and self.seq_len < 2:
            raise ValueError("predict_every_token repeats one token of a row: seq_len must be at least 2")
        if strategy.bucketed:
            widths(self.seq_len, self.smallest_bucket)
        elif self.min_bucket is not None:
            raise ValueError(f"min_bucket belongs to strategy buckets, and the strategy is {strategy.name}")
        self._check_columns()
        self._check_widths()
        self._check_renamed()
        self._fit_steps()
        return self

    def _check_join(self) -> None:
        """Documents can be joined."""
        if self.shuffle.mode != "group":
            raise ValueError(
                "join puts documents of a group together: say which, by shuffle: {mode: group, by: COLUMN}"
            )
        if self.overflow != "split":
            raise ValueError(
                f"join makes one document of many, and overflow {self.overflow} is about each: say overflow: split"
            )
        if self.predict_every_token:
            raise ValueError(
                "predict_every_token repeats tokens of one document, and join makes one of many: keep one of them"
            )
        if self.related:
            raise ValueError("join puts documents of a group together already: leave related out")

    def _fit_steps(self) -> None:
        """Token steps are told of the rows that there will be."""
        made = []
        for place, step in enumerate(self.steps):
            last = place == len(self.steps) - 1
            elsewhere = self.predict_every_token or self.overflow == "turn" or self.join is not None
            aligned = self.strategy.aligned and not elsewhere and last
            try:
                made.append(step.in_rows(self.seq_len, aligned=aligned))
            except ValueError as error:
                key = str(error).partition(" ")[0]
                raise MisplacedError(str(error), "steps", step.name, key) from error
            if step.in_parts and (moved := self._moved_by(place)):
                raise ValueError(
                    f"{step.name} puts parts of documents at places of rows, and {moved} moves tokens from there: leave one of "
                    "them out, or put a step that moves tokens before it"
                )
        object.__setattr__(self, "steps", tuple(made))  # frozen for everybody else

    def _moved_by(self, place: int) -> str:
        """What moves tokens that the step at a place has made, if anything does."""
        for one in self.steps[place + 1 :]:
            if not one.keeps_places:
                return one.name
        if self.join is not None:
            return "join"
        if self.predict_every_token:
            return "predict_every_token"
        return "overflow: turn" if self.overflow == "turn" else ""

    def _check_widths(self) -> None:
        """Row steps can be applied to rows of every length that there will be."""
        bucketed = self.strategy.bucketed
        for step in self.rows:
            for seq_len in widths(self.seq_len, self.smallest_bucket) if bucketed else (self.seq_len,):
                try:
                    step.fits(seq_len)
                except ValueError as error:
                    key = str(error).partition(" ")[0]
                    raise MisplacedError(str(error), "rows", step.name, key) from error

    def _check_renamed(self) -> None:
        """What row steps have made of tokens before these stand for others would be of the wrong ones."""
        applied = sorted(self.rows, key=lambda step: step.when == "load")
        for place, step in enumerate(applied):
            before = [one for one in applied[:place] if one.columns]
            if step.renames and before:
                raise ValueError(
                    f"{step.name} makes tokens stand for others, and {before[0].name} has made "
                    f"{before[0].columns[0].name} of the tokens before: put {step.name} first"
                    f"{', both with the same when' if before[0].when != step.when else ''}"
                )

    def _check_columns(self) -> None:
        """Two steps cannot give one column."""
        giver: dict[str, str] = {} if self.join is None else {"joined": "join"}
        steps: tuple[TokenStep | RowStep, ...] = (*self.steps, *self.rows)
        for step in steps:
            for column in step.columns:
                if column.name in giver:
                    raise ValueError(
                        f"{giver[column.name]} and {step.name} both give the column {column.name}: keep one of them"
                    )
                giver[column.name] = step.name

    @model_serializer(mode="wrap")
    def _as_given(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Steps are left out where there are none: what is hashed is what it was before there were any."""
        data: dict[str, Any] = handler(self)
        return {
            key: value
            for key, value in data.items()
            if key not in ("steps", "rows", "related", "join", "near") or value
        }

    @property
    def nearness(self) -> Near | None:
        """How near-duplicates are found, where they are asked for."""
        return (self.near or Near()) if self.deduplicate == "near" else None

    @property
    def stored_rows(self) -> tuple[RowStep, ...]:
        """The row steps that are applied as rows are packed."""
        return tuple(step for step in self.rows if step.when == "pack")

    @property
    def loaded_rows(self) -> tuple[RowStep, ...]:
        """The row steps that the loader applies."""
        return tuple(step for step in self.rows if step.when == "load")

    @property
    def smallest_bucket(self) -> int:
        """The tokens in the shortest rows of strategy buckets."""
        return self.min_bucket or min(64, self.seq_len)
