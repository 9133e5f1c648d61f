"""Records that bring conversations, as documents: each rendered, with what is to be predicted of it."""

import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pyarrow as pa

from pairloom.operators.chat.environment import Template, TemplateFailedError
from pairloom.operators.chat.messages import InvalidError, conversation, without_nothing, without_reasoning
from pairloom.operators.chat.rendering import Rendered, Renderer, UntraceableError
from pairloom.operators.documents import (
    LOSS_MASK,
    SPECIAL,
    DocumentBatch,
    Spanned,
    spans_of,
    special_spans_of,
)
from pairloom.operators.given import Beside, Giver
from pairloom.operators.given.giver import rejected
from pairloom.operators.given.lists import Faults
from pairloom.operators.schema import TURN, Column

if TYPE_CHECKING:
    from pairloom.operators.encode import Tokenizer

__all__ = ["Chat", "parsed"]

VERSION = 1
_MOST_TURNS = (1 << 16) - 1  # from there on they are counted from 1 again
_REASONS = {
    InvalidError: "no_conversation",
    TemplateFailedError: "template_failed",
    UntraceableError: "template_untraceable",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Chat(Giver):
    """Messages in the field `messages`, or a field for what each role says, rendered by a template.

    `template` is its source, `variables` (name, value) what it is told besides. `day` is the date that it may ask for.
    """

    messages: str | None = "messages"
    said: tuple[tuple[str, tuple[str, ...]], ...] = ()
    tools: str | None = None
    template: str
    variables: tuple[tuple[str, Any], ...] = ()
    train: tuple[str, ...] = ("assistant",)
    train_eot: bool = True
    reasoning: Literal["keep", "drop", "untrained"] = "keep"
    keep_untrained: bool = False
    turns: bool = True
    day: str | None = None

    @property
    def fields(self) -> tuple[str, ...]:
        """The messages, and the tools."""
        named = [name.removesuffix("?") for _, names in self.said for name in names]
        return tuple(name for name in (self.messages, *named, self.tools) if name is not None)

    @property
    def spanned(self) -> tuple[Spanned, ...]:
        """What is to be predicted."""
        column = Column(
            name=LOSS_MASK, dtype=np.dtype(np.uint8), doc="1 where a token is to be predicted, 0 elsewhere"
        )
        mask = Spanned(column=column, needed=not self.keep_untrained)
        turn = Column(name=TURN, dtype=np.dtype(np.uint16), doc="the turn that a token is of, from 1 on")
        return (mask, Spanned(column=turn, rule="any", without=0)) if self.turns else (mask,)

    @property
    def beside(self) -> tuple[Beside, ...]:
        """The same."""
        return tuple(one.beside for one in self.spanned)

    def identity(self) -> object:
        """Every key."""
        return {
            "chat": VERSION,
            "messages": self.messages,
            "said": [[role, list(names)] for role, names in self.said],
            "tools": self.tools,
            "template": self.template,
            "variables": [list(one) for one in self.variables],
            "train": list(self.train),
            "train_eot": self.train_eot,
            "reasoning": self.reasoning,
            "keep_untrained": self.keep_untrained,
            "turns": self.turns,
            "day": self.day,
        }

    @property
    def whole(self) -> bool:
        """The template says it all."""
        return True

    @property
    def of_any_id(self) -> bool:
        """What is said may spell special tokens, which the recipe may refuse."""
        return True

    @property
    def special_tokens(self) -> tuple[str, ...]:
        """What ends a turn, where it is to be predicted."""
        end = self.renderer.end_of_turn
        return (end,) if self.train_eot and end is not None else ()

    def check(self) -> None:
        """Raise ValueError for a template that cannot be read, cannot be followed, or ends turns by no token that is trained."""
        try:
            renderer = self.renderer
            renderer.check()
        except TemplateFailedError as error:
            raise ValueError(f"template cannot be used: {error}") from error
        except UntraceableError as error:
            raise ValueError(f"template cannot be used: {error}") from error
        if renderer.template.dated and self.day is None:
            raise ValueError(
                "template asks for the date of today: say with template_date which it is, so that it stays the same"
            )
        if self.train_eot and renderer.end_of_turn is None:
            raise ValueError(
                "template ends an answer by no special token, so that a model would learn no end: give it one (eos_token in "
                "template_variables), or say train_eot: false"
            )

    @property
    def renderer(self) -> Renderer:
        """What renders; raises TemplateFailedError for a template that cannot be read."""
        return _renderer(self)

    def read(self, batch: DocumentBatch) -> DocumentBatch:
        """See `Giver`: the conversations as texts with spans."""
        columns = {name: batch.fields[name].to_pylist() for name in self.fields}
        renderer, faults = self.renderer, Faults()
        texts, trained, special, turns = [], [], [], []
        for row in range(len(batch)):
            try:
                made = renderer(*self.told({name: values[row] for name, values in columns.items()}))
            except (InvalidError, TemplateFailedError, UntraceableError) as error:
                faults[row] = (_REASONS[type(error)], str(error))
                made = Rendered("", [], [], [])
                texts.append(_shown(columns[self.fields[0]][row]))
            else:
                texts.append(made.text)
            trained.append([(a, b, 1.0) for a, b in made.trained])
            special.append(made.special)
            edges = [0, *made.turns, len(made.text)]
            turns.append(
                [(a, b, 1.0 + i % _MOST_TURNS) for i, (a, b) in enumerate(itertools.pairwise(edges))]
            )
        spans = {LOSS_MASK: spans_of(trained), SPECIAL: special_spans_of(special)}
        if self.turns:
            spans[TURN] = spans_of(turns)
        return rejected(batch.with_content(pa.array(texts, pa.large_string()), spans), faults)

    def placed(self, batch: DocumentBatch, tokenizer: "Tokenizer", policy: str) -> DocumentBatch:
        """See `Giver`: these are texts."""
        return batch

    def told(self, record: Mapping[str, Any]) -> tuple[list[dict[str, Any]], list[Any] | None]:
        """The messages of a record as the template gets them, and its tools; raises InvalidError."""
        messages = self._messages(record)
        if self.reasoning == "drop":
            messages = [without_reasoning(one) for one in messages]
        tools = None if self.tools is None else parsed(record[self.tools], self.tools)
        if tools is not None and not isinstance(tools, list):
            raise InvalidError(f"field {self.tools!r} is no list of tools")
        return messages, tools or None

    def _messages(self, record: Mapping[str, Any]) -> list[dict[str, Any]]:
        if self.messages is not None:
            try:
                return conversation(parsed(record[self.messages], self.messages))
            except InvalidError as error:
                raise InvalidError(f"field {self.messages!r}: {error}") from error
        out = []
        for role, names in self.said:
            texts = []
            for name in names:
                text = record[name.removesuffix("?")]
                if not isinstance(text, str) and not (text is None and name.endswith("?")):
                    raise InvalidError(f"field {name!r} is no text")
                texts.append(text)
            if said := "\n".join(text for text in texts if text):
                out.append({"role": role, "content": said})
        if not out:
            raise InvalidError("nobody says anything")
        return out


def parsed(value: Any, name: str) -> Any:
    """A field of a record: what files with types hold, or JSON."""
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if not isinstance(value, str):
        return without_nothing(value)
    try:
        return json.loads(value)
    except (ValueError, RecursionError) as error:
        raise InvalidError(f"field {name!r} is no JSON: {error}") from error


def _shown(value: Any) -> str:
    return (
        value
        if isinstance(value, str)
        else json.dumps(without_nothing(value), ensure_ascii=False, default=str)
    )


@lru_cache(32)
def _renderer(chat: Chat) -> Renderer:
    day = None if chat.day is None else date.fromisoformat(chat.day)
    template = Template(chat.template, dict(chat.variables), day)
    train: Any = chat.train[0] if len(chat.train) == 1 else chat.train
    return Renderer(
        template,
        train=train,
        train_eot=chat.train_eot,
        reasoning="untrained" if chat.reasoning == "untrained" else "keep",
    )
