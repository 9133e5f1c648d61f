r"""Marks in renderings of conversations: noncharacters of Unicode, which no text may have.

A mark is a sign and a kind, and for those of messages the number of the message, in digits that are noncharacters too:

    <|im_start|>user\nhi<|im_end|>    <|im_start|>user\n⟨0 hi 0⟩<|im_end|>

In words of messages, what a special token could begin or end with is another sign: so only those of the template can be found.
"""

import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from pairloom.operators.chat.environment import GENERATED, SIGN

__all__ = ["FORBIDDEN", "SPECIAL", "WAYS", "Found", "Way", "hidden", "marked", "shown", "taken_apart"]

SPECIAL = re.compile("<[^<>\\s\ufdd0-\ufdef]{1,100}>|\\[[^\\[\\]\\s\ufdd0-\ufdef]{1,100}\\]")
"""What may be a special token of a template."""
FORBIDDEN = re.compile("[\ufdd0-\ufdef]")
"""What no text may have."""
_OTHER = {"<": "\ufdd0", "[": "\ufdd1", ">": "\ufdd2", "]": "\ufdd3"}
_BEGIN, _END, _THOUGHT, _THOUGHT_END = "\ufdd7", "\ufdd8", "\ufdd9", "\ufdda"
_GENERATED, _GENERATED_END = (mark[1] for mark in GENERATED)
_DIGITS = {ord(digit): chr(0xFDE0 + i) for i, digit in enumerate("0123456789abcdef")}
_VALUES = {chr(0xFDE0 + i): i for i in range(16)}
_REASONING = ("reasoning_content", "reasoning", "thinking")


class Way(NamedTuple):
    """How messages are marked: which ends of words, within their blanks or around, and what besides their contents."""

    begin: bool = True
    end: bool = True
    inside: bool = False
    more: bool = True


WAYS = (
    Way(),
    Way(inside=True),
    Way(inside=True, more=False),
    Way(inside=True, more=False, begin=False),
    Way(inside=True, more=False, end=False),
    Way(begin=False, end=False),
)
"""From the one that says most to the one that says least."""


@dataclass(slots=True)
class Found:
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


def marked(message: Mapping[str, Any], place: int, way: Way, kept: frozenset[str]) -> dict[str, Any]:
    """A message with marks around its words, in which nothing spells a special token."""
    out: dict[str, Any] = {key: hidden(value, kept) for key, value in message.items()}
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


def _call(call: Any, place: int, way: Way) -> Any:
    if not isinstance(call, dict):
        return call
    if isinstance(call.get("function"), dict):
        return {**call, "function": _call(call["function"], place, way)}
    return {
        key: _around(value, place, way) if key in ("name", "arguments") and isinstance(value, str) else value
        for key, value in call.items()
    }


def _around(text: str, place: int, way: Way, begin: str = _BEGIN, end: str = _END) -> str:
    if not text:  # which a template may ask for
        return text
    number = format(place, "x").translate(_DIGITS)
    first = f"{SIGN}{begin}{number}" if way.begin else ""
    last = f"{SIGN}{end}{number}" if way.end else ""
    if not way.inside:
        return f"{first}{text}{last}"
    core = text.strip()
    if not core:
        return first + last + text
    at = text.index(core)
    return text[:at] + first + core + last + text[at + len(core) :]


def hidden(value: Any, kept: frozenset[str]) -> Any:
    """What nothing spells a special token in, but those that the template itself looks for, if they are `kept`."""
    if isinstance(value, str):
        return _hidden_text(value, kept)
    if isinstance(value, dict):
        return {hidden(key, kept): hidden(one, kept) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [hidden(one, kept) for one in value]
    return value


def _hidden_text(text: str, kept: frozenset[str]) -> str:
    out = text
    for own, sign in _OTHER.items():
        out = out.replace(own, sign)
    for token in kept:
        if token in text:
            out = out.replace(_hidden_text(token, frozenset()), token)
    return out


def shown(text: str) -> str:
    """What was hidden, as it was."""
    for own, sign in _OTHER.items():
        text = text.replace(sign, own)
    return text


def taken_apart(text: str) -> Found:
    """A marked rendering without its marks, and what they say; of marks that the template has cut, signs stay in the text."""
    first, *parts = text.split(SIGN)
    texts, at, opened, thought = [first], len(first), -1, -1
    begin: dict[int, int] = {}
    end: dict[int, int] = {}
    generated, thoughts = [], []
    for part in parts:
        kind = part[:1]
        if kind == _GENERATED:
            opened, rest = at, part[1:]
        elif kind == _GENERATED_END:
            generated.append((opened, at))
            rest = part[1:]
        else:
            place, length = _VALUES.get(part[1:2], -1), 2
            while part[length : length + 1] in _VALUES:
                place, length = 16 * place + _VALUES[part[length]], length + 1
            if place < 0:
                texts.append(SIGN)
                rest = part
            else:
                rest = part[length:]
                if kind in (_BEGIN, _THOUGHT):
                    begin[place] = min(begin.get(place, at), at)
                else:
                    end[place] = max(end.get(place, at), at)
                if kind == _THOUGHT:
                    thought = at
                elif kind == _THOUGHT_END:
                    thoughts.append((thought, at))
        texts.append(rest)
        at += len(rest)
    bare = "".join(texts)
    return Found(bare, begin, end, thoughts, generated, _special_tokens(bare))


def _special_tokens(text: str) -> list[tuple[int, int, str]]:
    """What `SPECIAL` finds, one after another: where each begins and ends, and the token."""
    out: list[tuple[int, int, str]] = []
    angle, square = text.find("<"), text.find("[")
    while angle >= 0 or square >= 0:
        at = angle if square < 0 or 0 <= angle < square else square
        found = SPECIAL.match(text, at)
        if found is None:
            at += 1
        else:
            first, at = at, found.end()
            out.append((first, at, text[first:at]))
        if 0 <= angle < at:
            angle = text.find("<", at)
        if 0 <= square < at:
            square = text.find("[", at)
    return out
