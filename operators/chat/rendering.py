"""What each character of a rendered conversation is: whose words, a special token of the template, to be predicted or not.

A conversation is rendered twice, as it is and marked; without its marks the second text must be the first. Marks are
noncharacters of Unicode, which no text may have:

- what a special token could begin or end with is another sign in somebody's words, so that only the template's own remain
- each message's words begin and end with marks that say which message's they are, unless the template looks at them; then
  fewer are tried, and a conversation for which none fits is refused
- `{% generation %}` marks what it holds
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from pairloom.operators.chat.environment import GENERATED, Template, TemplateFailedError
from pairloom.operators.chat.messages import InvalidError

__all__ = ["Rendered", "Renderer", "Train", "UntraceableError"]

Train = Literal["assistant", "all", "last"]

SPECIAL = re.compile("<[^<>\\s\ufdd0-\ufdef]{1,100}>|\\[[^\\[\\]\\s\ufdd0-\ufdef]{1,100}\\]")
"""What may be a special token of a template."""
_OTHER = {"<": "\ufdd0", "[": "\ufdd1", ">": "\ufdd2", "]": "\ufdd3"}
_BEGIN, _END, _THOUGHT, _THOUGHT_END = "\ufdd6", "\ufdd7", "\ufdd8", "\ufdd9"
_MARKS = re.compile("([\ufdd4-\ufdd9][\ufde0-\ufdef]*)")
_FORBIDDEN = re.compile("[\ufdd0-\ufdef]")
_DIGITS = {ord(digit): chr(0xFDE0 + i) for i, digit in enumerate("0123456789abcdef")}
_VALUES = {0xFDE0 + i: digit for i, digit in enumerate("0123456789abcdef")}
_THINKING = re.compile(r"<think>.*?</think>\s*", re.DOTALL)
_REASONING = ("reasoning_content", "reasoning", "thinking")


class UntraceableError(Exception):
    """The words of a conversation cannot be told from those of the template; the message says why."""


class Rendered(NamedTuple):
    """A conversation: its text; what is to be predicted, special tokens, and where turns begin, in characters."""

    text: str
    trained: list[tuple[int, int]]
    special: list[tuple[int, int, str]]
    turns: list[int]


class _Way(NamedTuple):
    """How messages are marked: which ends of words, within their blanks or around, and what besides their contents."""

    begin: bool = True
    end: bool = True
    inside: bool = False
    more: bool = True


_WAYS = (
    _Way(),
    _Way(inside=True),
    _Way(inside=True, more=False),
    _Way(inside=True, more=False, begin=False),
    _Way(inside=True, more=False, end=False),
    _Way(begin=False, end=False),
)


@dataclass(slots=True)
class _Found:
    """A marked rendering, taken apart."""

    text: str
    begin: dict[int, int] = field(default_factory=dict)
    end: dict[int, int] = field(default_factory=dict)
    thoughts: list[tuple[int, int]] = field(default_factory=list)
    generated: list[tuple[int, int]] = field(default_factory=list)
    special: list[tuple[int, int, str]] = field(default_factory=list)

    def special_from(self, place: int) -> Iterator[tuple[int, int, str]]:
        """The special tokens that begin at a place or behind it."""
        for i in range(bisect_left(self.special, (place,)), len(self.special)):
            yield self.special[i]


class Renderer:
    """Renders conversations by a template and says what is to be predicted.

    `train` are roles, or `assistant`, `last` (the last of the assistant's messages), `all` (everything). With `train_eot`, the
    token that ends a turn is predicted with it. `reasoning`: what was thought is to be predicted, or is there and `untrained`.
    """

    def __init__(
        self,
        template: Template,
        *,
        train: Train | Sequence[str] = "assistant",
        train_eot: bool = True,
        reasoning: Literal["keep", "untrained"] = "keep",
    ) -> None:
        self.template = template
        self._roles = (train,) if isinstance(train, str) else tuple(train)
        self._train_eot, self._untrained = train_eot, reasoning == "untrained"
        self.prompt = self._generation_prompt()
        self.end_of_turn = self._end_of_turn()

    def __call__(self, messages: Sequence[Mapping[str, Any]], tools: Any = None) -> Rendered:
        """Raises TemplateFailedError, InvalidError and UntraceableError."""
        plain = self.template.render(messages, tools)
        if _FORBIDDEN.search(plain):
            raise InvalidError("it has noncharacters of Unicode (U+FDD0 to U+FDEF)")
        found = self._traced(messages, tools, plain)
        trained = self._trained(messages, found)
        return Rendered(plain, trained, found.special, self._turns(found))

    def check(self) -> None:
        """Raise TemplateFailedError or UntraceableError for a template that fails for a plain conversation."""
        answered = [{"role": "user", "content": "a question"}, {"role": "assistant", "content": "an answer"}]
        messages = [*answered, *answered]
        made = self(messages)
        words = "".join(made.text[a:b] for a, b in made.trained)
        if self._roles in (("assistant",), ("last",)) and "an answer" not in words:
            raise UntraceableError("of a conversation of four messages, no answer would be predicted")

    def _traced(self, messages: Sequence[Mapping[str, Any]], tools: Any, plain: str) -> _Found:
        """The marked rendering that agrees with the plain one, by the first way that does: whatever was rendered before."""
        why = ""
        nothing: frozenset[str] = frozenset()
        for kept in dict.fromkeys((nothing, self.template.reads)):
            for way in _WAYS:
                if not way.begin and not way.end and not self._by_generation(messages):
                    continue
                other = [_marked(one, place, way, kept) for place, one in enumerate(messages)]
                try:
                    marked = self.template.render(other, _hidden(tools, kept), marking=True)
                except TemplateFailedError as error:
                    why = str(error)
                    continue
                found = _taken_apart(marked)
                if _shown(found.text) == plain:
                    return found
                why = why or _difference(_shown(found.text), plain)
        raise UntraceableError(
            f"the template looks at what messages say, so that their words cannot be followed through it: {why}; use a template "
            "with {% generation %}, or leave such conversations out"
        )

    def _by_generation(self, messages: Sequence[Mapping[str, Any]]) -> bool:
        """Whether nothing need be known of messages, since the template says what is generated."""
        return self.template.generates and self._roles == ("assistant",) and all(map(_plain, messages))

    def _wanted(self, messages: Sequence[Mapping[str, Any]]) -> list[int]:
        """The messages that are to be predicted."""
        answers = [i for i, one in enumerate(messages) if one.get("role") == "assistant"]
        if self._roles == ("last",):
            answers = answers[-1:]
        elif self._roles != ("assistant",):
            answers = [i for i, one in enumerate(messages) if one.get("role") in self._roles]
        return [i for i in answers if _plain(messages[i])]

    def _trained(self, messages: Sequence[Mapping[str, Any]], found: _Found) -> list[tuple[int, int]]:
        if self._roles == ("all",):
            return [(0, len(found.text))] if found.text else []
        spans = []
        if not found.begin and not found.end:
            ends = [*(a for a, _ in found.generated[1:]), len(found.text)]
            spans = [
                self._with_eot(a, b, after, found)
                for (a, b), after in zip(found.generated, ends, strict=False)
            ]
        for i in self._wanted(messages):
            if (span := self._span(messages, i, found)) is not None:
                spans.append(span)
        spans = _merged(spans)
        if not self._train_eot:
            spans = _without(spans, [(a, b) for a, b, token in found.special if token == self.end_of_turn])
        if self._untrained:
            text = _shown(found.text)
            thoughts = [m.span() for a, b in spans for m in _THINKING.finditer(text, a, b)]
            spans = _without(spans, sorted([*found.thoughts, *thoughts]))
        return [(a, b) for a, b in spans if a < b]

    def _span(self, messages: Sequence[Mapping[str, Any]], i: int, found: _Found) -> tuple[int, int] | None:
        """What is to be predicted of a message."""
        first = found.begin.get(i, found.end.get(i))
        last = found.end.get(i, found.begin.get(i))
        if first is None or last is None:
            return None
        count = len(messages)
        others = (found.begin.get(j, -1) for j in range(i + 1, count))
        after = next((place for place in others if place >= last), len(found.text))
        others = (found.end.get(j, count) for j in range(i - 1, -1, -1))
        before = next((place for place in others if place <= first), 0)
        if messages[i].get("role") == "assistant":
            at = bisect_right(found.generated, (first, len(found.text))) - 1
            if at >= 0 and last <= found.generated[at][1]:
                return self._with_eot(*found.generated[at], after, found)
            if self.template.generates:
                return None
            first = self._prompted(found, before, first)
        return self._with_eot(first, last, after, found)

    def _prompted(self, found: _Found, before: int, first: int) -> int:
        """Where an answer begins whose words begin at `first`: behind the generation prompt, as far as there is one."""
        prompt, text = self.prompt, found.text
        least = m.end() if (m := SPECIAL.search(prompt)) else len(prompt)
        for length in range(len(prompt), max(least, 1) - 1, -1):
            at = text.rfind(prompt[:length], before, first)
            if at >= 0:
                return at + length
        return first

    def _with_eot(self, first: int, last: int, after: int, found: _Found) -> tuple[int, int]:
        """A span with the token that ends its turn, if that follows."""
        if self.end_of_turn is None or not self._train_eot:
            return first, last
        ended = bisect_left(found.special, (last,)) - 1
        if ended >= 0:
            a, b, token = found.special[ended]
            if token == self.end_of_turn and a >= first and not found.text[b:last].strip():
                return first, last  # it is there already
        for _, b, token in found.special_from(last):
            if b > after:
                break
            if token == self.end_of_turn:
                return first, b
        return first, last

    def _turns(self, found: _Found) -> list[int]:
        """Where turns begin that follow others: behind the token that ends one, and blanks."""
        out = []
        for _, place, token in found.special:
            if token == self.end_of_turn:
                at = place
                while at < len(found.text) and found.text[at].isspace():
                    at += 1
                out.append(at)
        return [place for place in out if place < len(found.text)]

    def _probe(self, *roles: str, **more: Any) -> str | None:
        messages = [{"role": role, "content": f"word{i}"} for i, role in enumerate(roles)]
        try:
            return self.template.render(messages, **more)
        except TemplateFailedError:
            return None

    def _generation_prompt(self) -> str:
        """What a template puts before an answer that is to be generated."""
        for roles in (("user",), ("system", "user")):
            bare, prompted = self._probe(*roles), self._probe(*roles, add_generation_prompt=True)
            if bare is not None and prompted is not None and prompted.startswith(bare):
                return prompted[len(bare) :]
        return ""

    def _end_of_turn(self) -> str | None:
        """The special token behind the words of an answer."""
        for roles in (("user", "assistant"), ("system", "user", "assistant")):
            text = self._probe(*roles)
            word = f"word{len(roles) - 1}"
            if text is not None and word in text:
                at = text.rindex(word) + len(word)
                if (found := SPECIAL.search(text, at)) is not None and not text[at : found.start()].strip():
                    return found[0]
        return None


def _plain(message: Mapping[str, Any]) -> bool:
    """Whether a message does not say that it is not to be predicted."""
    return message.get("weight", 1) not in (0, False) and message.get("train", True) is not False


def _number(place: int) -> str:
    return format(place, "x").translate(_DIGITS)


def _marked(message: Mapping[str, Any], place: int, way: _Way, kept: frozenset[str]) -> dict[str, Any]:
    """A message with marks around its words, in which nothing spells a special token."""
    out: dict[str, Any] = {key: _hidden(value, kept) for key, value in message.items()}
    content = out.get("content")
    if isinstance(content, str):
        out["content"] = _around(content, place, way)
    elif isinstance(content, list):
        out["content"] = [
            {**part, "text": _around(part["text"], place, way)}
            if isinstance(part, dict) and isinstance(part.get("text"), str)
            else _around(part, place, way)
            if isinstance(part, str)
            else part
            for part in content
        ]
    if way.more:
        for name in _REASONING:
            if isinstance(out.get(name), str):
                out[name] = _around(out[name], place, way, _THOUGHT, _THOUGHT_END)
        if isinstance(out.get("tool_calls"), list):
            out["tool_calls"] = [_call(one, place, way) for one in out["tool_calls"]]
    return out


def _call(call: Any, place: int, way: _Way) -> Any:
    if not isinstance(call, dict):
        return call
    if isinstance(call.get("function"), dict):
        return {**call, "function": _call(call["function"], place, way)}
    return {
        key: _around(value, place, way) if key in ("name", "arguments") and isinstance(value, str) else value
        for key, value in call.items()
    }


def _around(text: str, place: int, way: _Way, begin: str = _BEGIN, end: str = _END) -> str:
    if not text:  # which a template may ask for
        return text
    number = _number(place)
    first, last = begin + number if way.begin else "", end + number if way.end else ""
    if not way.inside:
        return first + text + last
    core = text.strip()
    if not core:
        return first + last + text
    at = text.index(core)
    return text[:at] + first + core + last + text[at + len(core) :]


def _hidden(value: Any, kept: frozenset[str]) -> Any:
    """What nothing spells a special token in, but those that the template itself looks for, if they are `kept`."""
    if isinstance(value, str):
        return (
            _hidden_text(value, kept)
            if "<" in value or "[" in value or ">" in value or "]" in value
            else value
        )
    if isinstance(value, dict):
        return {_hidden(key, kept): _hidden(one, kept) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_hidden(one, kept) for one in value]
    return value


def _hidden_text(text: str, kept: frozenset[str]) -> str:
    hidden = text
    for own, sign in _OTHER.items():
        hidden = hidden.replace(own, sign)
    for token in kept:
        if token in text:
            hidden = hidden.replace(_hidden_text(token, frozenset()), token)
    return hidden


def _shown(text: str) -> str:
    """What was hidden, as it was."""
    for own, sign in _OTHER.items():
        text = text.replace(sign, own)
    return text


def _taken_apart(marked: str) -> _Found:
    """A marked rendering without its marks, and what they say."""
    parts = _MARKS.split(marked)
    found = _Found("".join(parts[::2]))
    at, opened, thought = 0, 0, 0
    for text, mark in zip(parts[::2], parts[1::2], strict=False):
        at += len(text)
        kind = mark[0]
        if kind == GENERATED[0]:
            opened = at
        elif kind == GENERATED[1]:
            found.generated.append((opened, at))
        else:
            place = int(mark[1:].translate(_VALUES), 16)
            if kind in (_BEGIN, _THOUGHT):
                found.begin[place] = min(found.begin.get(place, at), at)
            else:
                found.end[place] = max(found.end.get(place, at), at)
            if kind == _THOUGHT:
                thought = at
            elif kind == _THOUGHT_END:
                found.thoughts.append((thought, at))
    found.special = [(*m.span(), m[0]) for m in SPECIAL.finditer(found.text)]
    return found


def _merged(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Spans ascending, those that touch as one."""
    out: list[tuple[int, int]] = []
    for a, b in sorted(spans):
        if out and a <= out[-1][1]:
            out[-1] = (out[-1][0], max(out[-1][1], b))
        else:
            out.append((a, b))
    return out


def _without(spans: list[tuple[int, int]], others: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Spans without what is in others."""
    for low, high in others:
        parts = [((a, min(b, low)), (max(a, high), b)) for a, b in spans]
        spans = [one for pair in parts for one in pair if one[0] < one[1]]
    return spans


def _difference(marked: str, plain: str) -> str:
    at = next(
        (i for i, (a, b) in enumerate(zip(marked, plain, strict=False)) if a != b),
        min(len(marked), len(plain)),
    )
    return f"at character {at} it is {plain[at : at + 20]!r}, and {marked[at : at + 20]!r} where words are marked"
