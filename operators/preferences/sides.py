"""Records of preferences as people publish them, as one: a prompt, and what could follow it.

{"prompt": "The sky is", "chosen": " blue.", "rejected": " green."}             texts
{"chosen": "The sky is blue.", "rejected": "The sky is green."}                 the prompt is what both begin with
{"prompt": [{…user}], "chosen": [{…assistant}], "rejected": [{…assistant}]}     messages
{"prompt": "…", "chosen": [{…user}, {…assistant}], "rejected": [{…}, {…}]}      whole conversations
{"prompt": "…", "completions": ["…", "…"], "rewards": [0.5, 1]}                 several, as sampled
"""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

from pairloom.operators.chat import InvalidError, conversation
from pairloom.operators.chat.messages import without_nothing

__all__ = ["Form", "GroupError", "Messages", "Sides", "probabilities_of", "rewards_of", "sides_of"]

Form = Literal["auto", "text", "messages"]
Messages = list[dict[str, Any]]
_MOST = 3.4028234663852886e38  # of float32


class GroupError(Exception):
    """A record that gives no completions of one prompt; `reason` is what a dead letter has."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


class Sides(NamedTuple):
    """A prompt and its completions: all of them texts, or all of them messages."""

    prompt: str | Messages
    completions: Sequence[str | Messages]


def sides_of(
    prompt: Any,
    completions: Sequence[Any],
    names: Sequence[str],
    *,
    implicit: bool,
    form: Form = "auto",
    whole: bool = False,
    ends: str | None = None,
    distinct: bool = False,
) -> Sides:
    """The prompt and the completions of a record; raises GroupError.

    `names` are those of the completions, which may have to be `distinct`. Where the prompt is `implicit` it is what all begin with:
    messages, or characters, as far as the last `ends` if that is named. Otherwise texts follow it, or begin with it themselves
    (`whole`); messages begin with it unless they begin with an answer.

    >>> sides_of(None, ["The sky is blue.", "The sky is green."], ["chosen", "rejected"], implicit=True)
    Sides(prompt='The sky is', completions=[' blue.', ' green.'])
    """
    read = [_read(value, name, form) for value, name in zip(completions, names, strict=True)]
    if distinct and any(one in read[:place] for place, one in enumerate(read)):
        raise GroupError("sides_identical", f"{' and '.join(names)} are the same")
    kinds = {isinstance(one, str) for one in read}
    if len(kinds) > 1:
        which = [names[i] for i, one in enumerate(read) if isinstance(one, str)]
        raise GroupError("completions_invalid", f"{', '.join(which)} is a text, and the others have messages")
    if kinds == {True}:
        asked = None if implicit else _text(prompt, form)
        found = _of_texts(asked, [str(one) for one in read], names, whole, ends)
    else:
        found = _of_messages(prompt, implicit, [one for one in read if isinstance(one, list)], names)
    for one, name in zip(found.completions, names, strict=True):
        if not (one.strip() if isinstance(one, str) else any(map(_says, one))):
            raise GroupError("completion_empty", f"{name} says nothing behind the prompt")
    return found


def rewards_of(values: Any, count: int, name: str) -> list[float]:
    """The rewards of so many completions, numbers that float32 holds; raises GroupError.

    >>> rewards_of(["1", 0.5], 2, "rewards")
    [1.0, 0.5]
    """
    if not isinstance(values, list) or len(values) != count:
        many = len(values) if isinstance(values, list) else "no list"
        raise GroupError("reward_invalid", f"field {name!r} has {many} rewards of {count} completions")
    out = []
    for place, value in enumerate(values):
        try:
            number = math.nan if isinstance(value, bool | None) else float(value)
        except (TypeError, ValueError):
            number = math.nan
        if not math.isfinite(number) or abs(number) > _MOST:
            raise GroupError(
                "reward_invalid",
                f"reward {place} of field {name!r} is {str(value)[:40]}, which is no finite number",
            )
        out.append(number)
    return out


def probabilities_of(values: Any, count: int, name: str) -> list[list[float]]:
    """A list of probabilities for each of so many completions; raises GroupError."""
    if not isinstance(values, list) or len(values) != count:
        raise GroupError("probability_invalid", f"field {name!r} has no list for each of {count} completions")
    for place, one in enumerate(values):
        if not isinstance(one, list):
            raise GroupError("probability_invalid", f"what {name} has of completion {place} is no list")
        for at, value in enumerate(one):
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if not number or not 0 <= value <= 1:
                raise GroupError(
                    "probability_invalid",
                    f"value {at} of completion {place} of {name} is {str(value)[:40]}, which is no probability",
                )
    return [[float(value) for value in one] for one in values]


def _read(value: Any, name: str, form: Form) -> str | Messages:
    """A completion: a text, or messages, which some formats hold as JSON."""
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if value is None:
        raise GroupError("completion_missing", f"{name} is not there")
    if isinstance(value, str):
        found = None if form == "text" else _parsed(value)
        if found is None:
            if form == "messages":
                raise GroupError("completions_invalid", f"{name} is a text, and no list of messages")
            return value
        value = found
    elif form == "text":
        raise GroupError("completions_invalid", f"{name} is no text")
    value = without_nothing(value)
    if value == []:
        raise GroupError("completion_empty", f"{name} has no messages")
    try:
        return conversation([value] if isinstance(value, Mapping) and "role" in value else value)
    except InvalidError as error:
        raise GroupError("completions_invalid", f"{name}: {error}") from error


def _parsed(text: str) -> list[Any] | None:
    """A list of messages that is written as JSON; None for any other text."""
    if not text.lstrip().startswith("["):
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    named = isinstance(value, list) and all(
        isinstance(one, dict) and ({"role", "from"} & one.keys()) for one in value
    )
    return value if named else None


def _text(prompt: Any, form: Form) -> str:
    value = _read(prompt, "the prompt", form)
    if not isinstance(value, str):
        raise GroupError("completions_invalid", "the prompt has messages, and the completions are texts")
    return value


def _of_texts(
    prompt: str | None, texts: list[str], names: Sequence[str], whole: bool, ends: str | None
) -> Sides:
    if prompt is None and ends is not None:
        cut = [text.rfind(ends) + len(ends) for text in texts]
        for text, at, name in zip(texts, cut, names, strict=True):
            if at < len(ends):
                raise GroupError("prompt_not_shared", f"{name} has no {ends!r}, with which a prompt ends")
            if text[:at] != texts[0][: cut[0]]:
                raise GroupError("prompt_not_shared", f"{name} has another prompt than {names[0]}")
        return Sides(texts[0][: cut[0]], [text[at:] for text, at in zip(texts, cut, strict=True)])
    if prompt is None:
        prompt = _common(min(texts), max(texts))
        if prompt.endswith(" ") and all(len(text) > len(prompt) for text in texts):
            prompt = prompt[:-1]  # a blank is of the word behind it
        if not prompt.strip():
            raise GroupError("prompt_not_shared", f"{' and '.join(names[:2])} begin with nothing in common")
        return Sides(prompt, [text[len(prompt) :] for text in texts])
    if not whole:
        return Sides(prompt, texts)
    for text, name in zip(texts, names, strict=True):
        if not text.startswith(prompt):
            raise GroupError("prompt_not_shared", f"{name} does not begin with the prompt")
    return Sides(prompt, [text[len(prompt) :] for text in texts])


def _common(low: str, high: str) -> str:
    """What two texts begin with, and so all that are between them in their order."""
    pairs = zip(low, high, strict=False)
    return low[: next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(low), len(high)))]


def _of_messages(prompt: Any, implicit: bool, sides: list[Messages], names: Sequence[str]) -> Sides:
    """What is behind the prompt, which may be a text that a message of whole conversations says."""
    value = None if implicit else _read(prompt, "the prompt", "auto")
    answers = all(side[0].get("role") == "assistant" for side in sides)
    if isinstance(value, list):
        asked = value
    elif isinstance(value, str) and answers:
        asked = [{"role": "user", "content": value}]
    else:
        asked = _shared(sides)
        if not asked:
            raise GroupError("prompt_not_shared", f"{' and '.join(names[:2])} begin with other messages")
        if value is not None and not any(one.get("content") == value for one in asked):
            raise GroupError("prompt_not_shared", f"no message that {names[0]} begins with says the prompt")
    out = []
    for side, name in zip(sides, names, strict=True):
        rest = side
        if not (answers and not implicit):
            if side[: len(asked)] != asked:
                raise GroupError("prompt_not_shared", f"{name} does not begin with the prompt")
            rest = side[len(asked) :]
        if rest and rest[0].get("role") != "assistant":
            raise GroupError(
                "prompt_not_shared",
                f"{name} goes on with a message of {rest[0].get('role')!r} behind what it shares with the others",
            )
        out.append(rest)
    return Sides(asked, out)


def _shared(sides: list[Messages]) -> Messages:
    """The messages that all begin with."""
    count = 0
    for ones in zip(*sides, strict=False):
        if any(one != ones[0] for one in ones):
            break
        count += 1
    return sides[0][:count]


def _says(message: Mapping[str, Any]) -> bool:
    """Whether there is anything in a message."""
    content = message.get("content")
    text = content if isinstance(content, str) else json.dumps(content) if content else ""
    return bool(text.strip() or any(message.get(key) for key in ("tool_calls", "reasoning_content")))
