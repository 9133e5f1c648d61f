"""Conversations that a source's records bring: which template renders them, and what of them is to be predicted."""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pairloom.operators.chat import Chat
    from pairloom.pipeline.recipe.corpus import CorpusSource

__all__ = ["CHAT_KEYS", "chat_of", "with_template"]

CHAT_KEYS = (
    "template",
    "tools",
    "train",
    "train_eot",
    "reasoning",
    "keep_untrained",
    "turns",
    "compared",
    "template_variables",
    "template_date",
)
"""The keys of a source that say something of its messages."""
_CONFIG = "tokenizer_config.json"
_FILE = "chat_template.jinja"
_TOKENS = ("bos_token", "eos_token", "pad_token", "unk_token", "sep_token", "cls_token")


def with_template(value: Any) -> Any:
    """A source whose template is a file, with what that holds: so a run stays what it was, whatever becomes of the file.

    Raises ValueError for a file that cannot be read, or holds no template.
    """
    if not isinstance(value, Mapping) or not isinstance(value.get("template"), str):
        return value
    given = value["template"]
    if "{" in given or not _is_path(given):
        return value
    source, variables = _read(Path(given).expanduser())
    said = value.get("template_variables") or {}
    if not isinstance(said, Mapping):
        return value
    return {**value, "template": source, "template_variables": {**variables, **said}}


def chat_of(source: "CorpusSource") -> "Chat | None":
    """The operator that a source's keys name, if it brings messages; raises ValueError for a template that cannot be used."""
    if (source.messages is None and source.preferences is None) or source.template is None:
        return None
    from pairloom.operators.chat import TEMPLATES, Chat

    named = TEMPLATES.get(source.template)
    variables = {**(named.variables if named is not None else {}), **source.template_variables}
    roles = source.messages if isinstance(source.messages, Mapping) else {}
    return Chat(
        messages=source.messages if isinstance(source.messages, str) else None,
        said=tuple(
            (role, (names,) if isinstance(names, str) else tuple(names)) for role, names in roles.items()
        ),
        tools=source.tools,
        template=named.source if named is not None else source.template,
        variables=tuple(sorted(variables.items())),
        train=("assistant",) if source.preferences is not None else source.train,
        train_eot=source.train_eot,
        reasoning=source.reasoning,
        keep_untrained=source.keep_untrained,
        turns=source.turns,
        day=None if source.template_date is None else source.template_date.isoformat(),
    )


def _is_path(given: str) -> bool:
    """Whether a template is no name; raises ValueError for one that is nothing at all."""
    from pairloom.operators.chat import TEMPLATES

    if given in TEMPLATES:
        return False
    if Path(given).expanduser().exists():
        return True
    import difflib

    near = difflib.get_close_matches(given, TEMPLATES, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise ValueError(
        f"template {given!r} is no file, and none of {', '.join(TEMPLATES)}{hint} A template may also be written out, in Jinja"
    )


@cache
def _read(path: Path) -> tuple[str, dict[str, Any]]:
    """The template of a file, of a tokenizer_config.json, or of a folder that has such; and the special tokens that it names."""
    if path.is_dir():
        config = path / _CONFIG
        if (path / _FILE).exists():
            return (path / _FILE).read_text(encoding="utf-8"), _tokens(
                _config(config)
            ) if config.exists() else {}
        path = config
    if path.suffix != ".json":
        return path.read_text(encoding="utf-8"), {}
    document = _config(path)
    found = document.get("chat_template")
    if isinstance(found, list):
        found = {one.get("name"): one.get("template") for one in found if isinstance(one, dict)}.get(
            "default"
        )
    if not isinstance(found, str):
        raise ValueError(f"template: {path} has no chat_template")
    return found, _tokens(document)


def _config(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"template: {path} cannot be read: {error}") from error
    if not isinstance(document, dict):
        raise ValueError(f"template: {path} is no tokenizer_config.json")
    return document


def _tokens(document: Mapping[str, Any]) -> dict[str, Any]:
    """The special tokens by the names that templates know them by."""
    found = {name: document.get(name) for name in _TOKENS}
    texts = {name: one.get("content") if isinstance(one, dict) else one for name, one in found.items()}
    return {name: text for name, text in texts.items() if isinstance(text, str)}
