"""The shapes in which conversations are published, as one: a list of {role, content, …}.

{"role": "user", "content": "hi"}             messages, as of OpenAI and Hugging Face
{"from": "human", "value": "hi"}              ShareGPT
{"instruction": …, "input": …, "output": …}   Alpaca
"""

from collections.abc import Mapping
from typing import Any

__all__ = ["InvalidError", "conversation", "without_nothing", "without_reasoning"]

_ROLES = {
    "human": "user",
    "user": "user",
    "prompter": "user",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "bard": "assistant",
    "bing": "assistant",
    "model": "assistant",
    "assistant": "assistant",
    "system": "system",
    "tool": "tool",
    "function": "tool",
    "observation": "tool",
    "function_response": "tool",
    "developer": "developer",
}
_REASONING = ("reasoning_content", "reasoning", "thinking")
_THINK = ("<think>", "</think>")


class InvalidError(Exception):
    """A record holds no conversation; the message says why."""


def conversation(value: Any) -> list[dict[str, Any]]:
    """The messages of a record's field; raises InvalidError.

    >>> conversation([{"from": "human", "value": "hi"}, {"from": "gpt", "value": "ho"}])
    [{'role': 'user', 'content': 'hi'}, {'role': 'assistant', 'content': 'ho'}]
    """
    if isinstance(value, Mapping) and "output" in value and "instruction" in value:
        return _alpaca(value)
    if not isinstance(value, list):
        raise InvalidError(f"no list of messages but {_kind(value)}")
    if not value:
        raise InvalidError("it has no messages")
    return [_message(one, place) for place, one in enumerate(value)]


def without_nothing(value: Any) -> Any:
    """What files with types say of a field that a record does not have, left out: keys whose value is null.

    >>> without_nothing({"role": "user", "tool_calls": None, "content": [{"type": "text", "text": "a", "url": None}]})
    {'role': 'user', 'content': [{'type': 'text', 'text': 'a'}]}
    """
    if isinstance(value, list):
        return [without_nothing(one) for one in value]
    if isinstance(value, dict):
        return {key: without_nothing(one) for key, one in value.items() if one is not None}
    return value


def without_reasoning(message: dict[str, Any]) -> dict[str, Any]:
    """An assistant's message without what it thought before it answered."""
    if message["role"] != "assistant":
        return message
    out = {key: value for key, value in message.items() if key not in _REASONING}
    content = out.get("content")
    if isinstance(content, str) and content.lstrip().startswith(_THINK[0]) and _THINK[1] in content:
        out["content"] = content.partition(_THINK[1])[2].lstrip()
    return out


def _message(one: Any, place: int) -> dict[str, Any]:
    if not isinstance(one, dict):
        raise InvalidError(f"message {place} is {_kind(one)}")
    if "role" not in one and "from" in one:
        return _sharegpt(one, place)
    role = one.get("role")
    if not isinstance(role, str) or not role:
        raise InvalidError(f"message {place} has no role (it has {', '.join(map(str, one)) or 'nothing'})")
    content = one.get("content")
    calls = one.get("tool_calls")
    if content is None and not calls and not any(one.get(name) for name in _REASONING):
        raise InvalidError(f"message {place} has no content")
    if content is not None and not isinstance(content, str | list):
        raise InvalidError(f"message {place}: its content is {_kind(content)}")
    return one if "content" in one else {**one, "content": None}


def _sharegpt(one: dict[str, Any], place: int) -> dict[str, Any]:
    said, text = one["from"], one.get("value")
    if said not in _ROLES:
        raise InvalidError(f"message {place} is from {said!r}, which is none of {', '.join(_ROLES)}")
    if not isinstance(text, str):
        raise InvalidError(f"message {place}: its value is {_kind(text)}")
    kept = {key: value for key, value in one.items() if key not in ("from", "value")}
    return {"role": _ROLES[said], "content": text, **kept}


def _alpaca(value: Mapping[str, Any]) -> list[dict[str, Any]]:
    fields = {name: value.get(name) or "" for name in ("system", "instruction", "input", "output")}
    if wrong := [name for name, text in fields.items() if not isinstance(text, str)]:
        raise InvalidError(f"{wrong[0]} is {_kind(fields[wrong[0]])}")
    asked = "\n".join(text for text in (fields["instruction"], fields["input"]) if text)
    if not asked or not fields["output"]:
        raise InvalidError("instruction or output is empty")
    system = [{"role": "system", "content": fields["system"]}] if fields["system"] else []
    return [*system, {"role": "user", "content": asked}, {"role": "assistant", "content": fields["output"]}]


def _kind(value: Any) -> str:
    names = {type(None): "null", str: "a text", dict: "an object", list: "a list", bool: "true or false"}
    return names.get(type(value), "a number")
