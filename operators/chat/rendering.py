"""What each character of a rendered conversation is: whose words, a special token of the template, to be predicted or not.

A conversation is rendered twice, as it is and marked; without its marks the second text must be the first. Marks are
noncharacters of Unicode, which no text may have:

- what a special token could begin or end with is another sign in somebody's words, so that only the template's own remain
- each message's words begin and end with marks that say which message's they are, unless the template looks at them; then
  fewer are tried, and a conversation for which none fits is refused
- `{% generation %}` marks what it holds
"""

import itertools
import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Literal, NamedTuple

from pairloom.operators.chat.environment import Template, TemplateFailedError
from pairloom.operators.chat.marks import (
    FORBIDDEN,
    SPECIAL,
    WAYS,
    Found,
    Way,
    hidden,
    marked,
    shown,
    taken_apart,
)
from pairloom.operators.chat.messages import InvalidError

__all__ = ["Rendered", "Renderer", "Train", "UntraceableError"]

Train = Literal["assistant", "all", "last"]

_NOTHING: frozenset[str] = frozenset()
_THINKING = re.compile(r"<think>.*?</think>\s*", re.DOTALL)


class UntraceableError(Exception):
    """The words of a conversation cannot be told from those of the template; the message says why."""


class Rendered(NamedTuple):
    """A conversation: its text; what is to be predicted, special tokens, and where turns begin, in characters."""

    text: str
    trained: list[tuple[int, int]]
    special: list[tuple[int, int, str]]
    turns: list[int]


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
        self._kept = tuple(dict.fromkeys((_NOTHING, template.reads)))
        self._trims = self._trimmed()

    def __call__(self, messages: Sequence[Mapping[str, Any]], tools: Any = None) -> Rendered:
        """Raises TemplateFailedError, InvalidError and UntraceableError."""
        plain = self.template.render(messages, tools)
        if not plain.isascii() and FORBIDDEN.search(plain):
            raise InvalidError("it has noncharacters of Unicode (U+FDD0 to U+FDEF)")
        found, trained = self._traced(messages, tools, plain)
        return Rendered(plain, trained, found.special, self._turns(found))

    def check(self) -> None:
        """Raise TemplateFailedError or UntraceableError for a template that fails for a plain conversation."""
        answered = [{"role": "user", "content": "a question"}, {"role": "assistant", "content": "an answer"}]
        messages = [*answered, *answered]
        made = self(messages)
        words = "".join(made.text[a:b] for a, b in made.trained)
        if self._roles in (("assistant",), ("last",)) and "an answer" not in words:
            raise UntraceableError("of a conversation of four messages, no answer would be predicted")

    def _traced(
        self, messages: Sequence[Mapping[str, Any]], tools: Any, plain: str
    ) -> tuple[Found, list[tuple[int, int]]]:
        """The marked rendering that agrees with the plain one, by the first way that does and says what is to be predicted."""
        why = ""
        for kept, way in itertools.product(self._kept, WAYS):
            if not way.begin and not way.end and not self._by_generation(messages):
                continue
            if way == WAYS[0] and self._trims and any(self._loses_blanks(one) for one in messages):
                continue
            try:
                found = self._marked(messages, tools, way, kept)
                if (text := shown(found.text)) == plain:
                    return found, self._trained(messages, found)
            except (TemplateFailedError, UntraceableError) as error:
                why = str(error)
                continue
            why = why or _difference(text, plain)
        raise UntraceableError(
            f"the template looks at what messages say, so that their words cannot be followed through it: {why}; use a template "
            "with {% generation %}, or leave such conversations out"
        )

    def _marked(
        self, messages: Sequence[Mapping[str, Any]], tools: Any, way: Way, kept: frozenset[str]
    ) -> Found:
        others = [marked(one, place, way, kept) for place, one in enumerate(messages)]
        return taken_apart(
            self.template.render(others, None if tools is None else hidden(tools, kept), marking=True)
        )

    def _loses_blanks(self, message: Mapping[str, Any]) -> bool:
        content = message.get("content")
        return (
            message.get("role") in self._trims
            and isinstance(content, str)
            and (content[:1].isspace() or content[-1:].isspace())
            and not content.isspace()
        )

    def _trimmed(self) -> frozenset[str]:
        """The roles around whose words blanks are left out: then marks around them cannot agree."""
        tried: dict[str, bool] = {}
        for roles in (("user", "assistant"), ("system", "user", "assistant")):
            if self._probe(*roles) is None:
                continue
            for blank, whose in enumerate(roles):
                messages = [
                    {"role": role, "content": f" word{i} " if i == blank else f"word{i}"}
                    for i, role in enumerate(roles)
                ]
                try:
                    found = self._marked(messages, None, WAYS[0], _NOTHING)
                    agrees = shown(found.text) == self.template.render(messages)
                except TemplateFailedError:
                    agrees = True
                tried[whose] = tried.get(whose, True) and not agrees
        return frozenset(role for role, trimmed in tried.items() if trimmed)

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

    def _trained(self, messages: Sequence[Mapping[str, Any]], found: Found) -> list[tuple[int, int]]:
        if self._roles == ("all",):
            return [(0, len(found.text))] if found.text else []
        spans = []
        if not found.begin and not found.end:
            ends = [*(a for a, _ in found.generated[1:]), len(found.text)]
            spans = [
                self._with_eot(a, b, partial(int, after), found)
                for (a, b), after in zip(found.generated, ends, strict=False)
            ]
        for i in self._wanted(messages):
            if (span := self._span(messages, i, found)) is not None:
                spans.append(span)
        spans = _merged(spans)
        if not self._train_eot:
            spans = _without(spans, [(a, b) for a, b, token in found.special if token == self.end_of_turn])
        if self._untrained:
            text = shown(found.text)
            thoughts = [m.span() for a, b in spans for m in _THINKING.finditer(text, a, b)]
            spans = _without(spans, sorted([*found.thoughts, *thoughts]))
        return [(a, b) for a, b in spans if a < b]

    def _span(self, messages: Sequence[Mapping[str, Any]], i: int, found: Found) -> tuple[int, int] | None:
        """What is to be predicted of a message; raises UntraceableError where its words begin or end nobody knows where."""
        first = found.begin.get(i, found.end.get(i))
        last = found.end.get(i, found.begin.get(i))
        if first is None or last is None:
            return None

        def after(words: int = last) -> int:
            others = (found.begin.get(j, -1) for j in range(i + 1, len(messages)))
            return next((place for place in others if place >= words), len(found.text))

        prompted = None
        if messages[i].get("role") == "assistant":
            at = bisect_right(found.generated, (first, len(found.text))) - 1
            if at >= 0 and last <= found.generated[at][1]:
                return self._with_eot(*found.generated[at], after, found)
            if self.template.generates:
                return None
            others = (found.end.get(j, len(messages)) for j in range(i - 1, -1, -1))
            before = next((place for place in others if place <= first), 0)
            prompted = self._prompted(found, before, first)
        if prompted is None and i not in found.begin:
            raise UntraceableError(f"where message {i} begins cannot be told")
        if i not in found.end:
            last = self._ended(found, last, after())
            if last is None:
                raise UntraceableError(f"where message {i} ends cannot be told")
        return self._with_eot(first if prompted is None else prompted, last, after, found)

    def _ended(self, found: Found, first: int, after: int) -> int | None:
        """Where the token stands that ends a turn whose words begin at `first`."""
        for place, _, token in found.special_from(first):
            if token == self.end_of_turn and place <= after:
                return place
        return None

    def _prompted(self, found: Found, before: int, first: int) -> int | None:
        """Where an answer begins whose words begin at `first`: behind the generation prompt, as far as there is one; or None."""
        prompt, text = self.prompt, found.text
        least = m.end() if (m := SPECIAL.search(prompt)) else len(prompt)
        for length in range(len(prompt), max(least, 1) - 1, -1):
            at = text.rfind(prompt[:length], before, first)
            if at >= 0:
                return at + length
        return None

    def _with_eot(self, first: int, last: int, after: Callable[[], int], found: Found) -> tuple[int, int]:
        """A span with the token that ends its turn, if that follows before other words."""
        if self.end_of_turn is None or not self._train_eot:
            return first, last
        ended = bisect_left(found.special, (last,)) - 1
        if ended >= 0:
            a, b, token = found.special[ended]
            if token == self.end_of_turn and a >= first and not found.text[b:last].strip():
                return first, last  # it is there already
        place = after()
        for _, b, token in found.special_from(last):
            if b > place:
                break
            if token == self.end_of_turn:
                return first, b
        return first, last

    def _turns(self, found: Found) -> list[int]:
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
