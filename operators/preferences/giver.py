"""Records that bring completions of a prompt, as documents: one for each, the prompt before it."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import xxhash

from pairloom.operators.attributes import Attribute
from pairloom.operators.chat import Chat, InvalidError, Rendered, TemplateFailedError
from pairloom.operators.chat.giver import parsed
from pairloom.operators.chat.messages import without_reasoning
from pairloom.operators.chat.rendering import UntraceableError
from pairloom.operators.documents import (
    LOSS_MASK,
    SPECIAL,
    DocumentBatch,
    Spanned,
    groups_of,
    spans_of,
    special_spans_of,
)
from pairloom.operators.documents.spans import mask_column
from pairloom.operators.given import Beside, Giver
from pairloom.operators.given.giver import rejected
from pairloom.operators.given.lists import Faults
from pairloom.operators.preferences.columns import NO_VALUES, PROBABILITIES, TokenValues
from pairloom.operators.preferences.sides import (
    Form,
    GroupError,
    Messages,
    Sides,
    probabilities_of,
    rewards_of,
    sides_of,
)
from pairloom.operators.schema import GROUP, MEMBER

if TYPE_CHECKING:
    from pairloom.operators.encode import Tokenizer

__all__ = ["Preferences"]

VERSION = 1
_SEED = xxhash.xxh3_64_intdigest(b"pairloom: group of completions")


class _Made(NamedTuple):
    """What a record gives: of each completion its text and what is said of it, and their rewards."""

    texts: list[Rendered]
    rewards: list[float]
    probabilities: list[list[float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Preferences(Giver):
    """Completions of the prompt in the field `prompt`: of the fields `sides`, or those listed in the field `completions`.

    Without `prompt` it is what all of them begin with; before it stands what the field `system` says. Messages are rendered by
    `chat`, and so are texts where there is one, as what a user asks and an assistant answers; otherwise a text stands behind its
    prompt. `rewards` are fields with the reward of each side, or the one with those of all completions; `text` and `reward` are
    where these stand in a completion that is an object. `probabilities` are as `rewards`, a list for each completion with a number
    for each token that is to be predicted of it, and `values` what is made of these and of rewards.
    """

    prompt: str | None = None
    sides: tuple[str, ...] = ("chosen", "rejected")
    completions: str | None = None
    rewards: tuple[str, ...] = ()
    text: str | None = None
    reward: str | None = None
    form: Form = "auto"
    whole_texts: bool = False
    prompt_ends: str | None = None
    system: str | None = None
    tools: str | None = None
    chat: Chat | None = None
    probabilities: tuple[str, ...] = ()
    values: TokenValues = NO_VALUES

    @property
    def fields(self) -> tuple[str, ...]:
        """The prompt, the completions, the rewards and the tools."""
        of_completions = self.sides if self.completions is None else (self.completions,)
        names = (self.prompt, *of_completions, *self.rewards, *self.probabilities, self.system, self.tools)
        return tuple(dict.fromkeys(name for name in names if name is not None))

    @property
    def spanned(self) -> tuple[Spanned, ...]:
        """What is to be predicted."""
        return (Spanned(column=mask_column(), needed=True),)

    @property
    def beside(self) -> tuple[Beside, ...]:
        """That, and the values of tokens."""
        return (*(one.beside for one in self.spanned), *self.values.beside)

    @property
    def attributes(self) -> tuple[Attribute, ...]:
        """Of which group a document is and which of it, the side where there are two, the reward where there is one."""
        found = [
            Attribute(name=GROUP, field="", type="int64"),
            Attribute(name=MEMBER, field="", type="int32"),
        ]
        if self.completions is None:
            found.append(Attribute(name="side", field=""))
        if self._rewarded:
            found.append(Attribute(name="reward", field="", type="float32"))
        return tuple(found)

    @property
    def _rewarded(self) -> bool:
        return bool(self.rewards) or self.reward is not None

    def identity(self) -> object:
        """Every key."""
        return {
            "preferences": VERSION,
            "prompt": self.prompt,
            "sides": list(self.sides),
            "completions": self.completions,
            "rewards": list(self.rewards),
            "text": self.text,
            "reward": self.reward,
            "form": self.form,
            "whole_texts": self.whole_texts,
            "prompt_ends": self.prompt_ends,
            "system": self.system,
            "tools": self.tools,
            "chat": None if self.chat is None else self.chat.identity(),
            "probabilities": list(self.probabilities),
            "values": asdict(self.values),
        }

    @property
    def whole(self) -> bool:
        """A template says it all."""
        return self.chat is not None

    @property
    def of_any_id(self) -> bool:
        """What is said may spell special tokens, which the recipe may refuse."""
        return True

    @property
    def special_tokens(self) -> tuple[str, ...]:
        """Those of the template."""
        return () if self.chat is None else self.chat.special_tokens

    def read(self, batch: DocumentBatch) -> DocumentBatch:
        """See `Giver`: a document for each completion of each record, all of a record or none."""
        columns = {name: batch.fields[name].to_pylist() for name in self.fields}
        faults, made = Faults(), list[_Made]()
        for row in range(len(batch)):
            try:
                made.append(self._made({name: values[row] for name, values in columns.items()}))
            except GroupError as error:
                faults[row] = (error.reason, str(error))
            except InvalidError as error:
                faults[row] = ("completions_invalid", str(error))
            except TemplateFailedError as error:
                faults[row] = ("template_failed", str(error))
            except UntraceableError as error:
                faults[row] = ("template_untraceable", str(error))
        shown = pa.array(_shown(columns, len(batch)), pa.large_string())
        return self._documents(rejected(replace(batch, content=shown), faults), made)

    def placed(self, batch: DocumentBatch, tokenizer: "Tokenizer", policy: str) -> DocumentBatch:
        """See `Giver`: these are texts."""
        return batch

    def valued(
        self, batch: DocumentBatch, ids: pa.LargeListArray, spanned: Mapping[str, pa.LargeListArray]
    ) -> dict[str, pa.LargeListArray]:
        """See `Giver`: the values of tokens."""
        return self.values.of(batch, ids, spanned[LOSS_MASK])

    def unusable(self, batch: DocumentBatch, found: Mapping[str, pa.LargeListArray]) -> Faults:
        """See `Giver`: documents whose probabilities are not of their tokens."""
        return self.values.faults(batch, found)

    def _documents(self, records: DocumentBatch, made: list[_Made]) -> DocumentBatch:
        """Documents of the records, each of which gives what was `made` of it."""
        sizes = np.array([len(one.texts) for one in made], np.int64)
        owner, groups = groups_of(records.row.to_numpy(), sizes)
        group = _numbers(records).take(pa.array(owner))
        each = [one for record in made for one in record.texts]
        batch = replace(records.take(owner), groups=groups)
        member = groups.field(1)
        columns: dict[str, pa.Array] = {GROUP: group, MEMBER: member.cast(pa.int32())}
        if self.completions is None:
            columns["side"] = pa.array(
                [("chosen", "rejected")[i] for i in member.to_pylist()], pa.large_string()
            )
        if self._rewarded:
            columns["reward"] = pa.array([one for record in made for one in record.rewards], pa.float32())
        spans = {LOSS_MASK: spans_of([[(a, b, 1.0) for a, b in one.trained] for one in each])}
        if self.chat is not None:
            spans[SPECIAL] = special_spans_of([one.special for one in each])
        texts = pa.array([one.text for one in each], pa.large_string())
        if self.probabilities:
            lists = [one for record in made for one in record.probabilities]
            batch = batch.with_fields(**{PROBABILITIES: pa.array(lists, pa.large_list(pa.float64()))})
        return replace(batch.with_content(texts, spans), columns={**batch.columns, **columns})

    def _made(self, record: Mapping[str, Any]) -> _Made:
        completions, names, rewards = self._listed(record)
        sides = sides_of(
            None if self.prompt is None else record[self.prompt],
            completions,
            names,
            implicit=self.prompt is None,
            form=self.form,
            whole=self.whole_texts,
            ends=self.prompt_ends,
            distinct=self.completions is None,
        )
        probabilities = self._probabilities(record, len(names)) if self.probabilities else []
        return _Made(list(self._rendered(sides, names, record)), rewards, probabilities)

    def _probabilities(self, record: Mapping[str, Any], count: int) -> list[list[float]]:
        given = [parsed(record[name], name) for name in self.probabilities]
        what = " and ".join(self.probabilities)
        return probabilities_of(given if self.completions is None else given[0], count, what)

    def _listed(self, record: Mapping[str, Any]) -> tuple[list[Any], list[str], list[float]]:
        """The completions of a record, what they are called, and their rewards."""
        if self.completions is None:
            sides = [record[name] for name in self.sides]
            given = [record[name] for name in self.rewards]
            names = [f"field {name!r}" for name in self.sides]
            return sides, names, rewards_of(given, 2, " and ".join(self.rewards)) if given else []
        found = parsed(record[self.completions], self.completions)
        if not isinstance(found, list) or not found:
            raise GroupError("completion_missing", f"field {self.completions!r} is no list of completions")
        names = [f"completion {place} of field {self.completions!r}" for place in range(len(found))]
        rewards: list[float] = []
        if self.rewards:
            rewards = rewards_of(
                parsed(record[self.rewards[0]], self.rewards[0]), len(found), self.rewards[0]
            )
        elif self.reward is not None:
            given = [_of_object(one, self.reward, name) for one, name in zip(found, names, strict=True)]
            rewards = rewards_of(given, len(found), self.reward)
        if self.text is not None:
            found = [_of_object(one, self.text, name) for one, name in zip(found, names, strict=True)]
        return found, names, rewards

    def _instructed(self, record: Mapping[str, Any]) -> Messages:
        """What the system says before the prompt, if it says anything."""
        said = None if self.system is None else record[self.system]
        if said is not None and not isinstance(said, str):
            raise GroupError("completions_invalid", f"field {self.system!r} is no text")
        return [{"role": "system", "content": said}] if said else []

    def _rendered(self, sides: Sides, names: list[str], record: Mapping[str, Any]) -> Iterator[Rendered]:
        if self.chat is None:
            for completion, name in zip(sides.completions, names, strict=True):
                if not (isinstance(completion, str) and isinstance(sides.prompt, str)):
                    raise GroupError("completions_invalid", f"{name} has messages: name a template for them")
                text = sides.prompt + completion
                yield Rendered(text, [(len(sides.prompt), len(text))], [], [])
            return
        tools = None if self.tools is None else parsed(record[self.tools], self.tools)
        if tools is not None and not isinstance(tools, list):
            raise GroupError("completions_invalid", f"field {self.tools!r} is no list of tools")
        asked = [*self._instructed(record), *_messages(sides.prompt, "user")]
        asked = [{**one, "train": False} for one in asked]
        texts = set()
        for completion, name in zip(sides.completions, names, strict=True):
            messages = [*asked, *_messages(completion, "assistant")]
            if self.chat.reasoning == "drop":
                messages = [without_reasoning(one) for one in messages]
            made = self.chat.renderer(messages, tools or None)
            if not made.trained:
                raise GroupError("completion_empty", f"nothing of {name} is to be predicted")
            texts.add(made.text)
            yield made
        if self.completions is None and len(texts) < len(names):
            raise GroupError(
                "sides_identical", f"{' and '.join(names)} are the same, as the template writes them"
            )


def _messages(said: str | Messages, role: str) -> Messages:
    return [{"role": role, "content": said}] if isinstance(said, str) else said


def _of_object(one: Any, key: str, name: str) -> Any:
    if not isinstance(one, dict):
        raise GroupError("completions_invalid", f"{name} is no object with {key!r}")
    return one.get(key)


def _numbers(records: DocumentBatch) -> pa.Int64Array:
    """The number of the group of each record: 63 bits of a hash of its id, or of what it brings where it has none."""
    names = records.id if records.id is not None else records.content
    hashes = [xxhash.xxh3_64_intdigest(name.encode(), _SEED) >> 1 for name in names.to_pylist()]
    return pa.array(hashes, pa.int64())


def _shown(columns: Mapping[str, list[Any]], count: int) -> list[str]:
    """What records bring, as one text each."""
    rows = [{name: values[row] for name, values in columns.items()} for row in range(count)]
    return [json.dumps(row, ensure_ascii=False, default=str) for row in rows]
