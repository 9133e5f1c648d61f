"""Vocabularies that are files of other names, or several beside each other, as one file that is read.

Of a folder is read the first there is: `tokenizer.json`, the `.model` of SentencePiece, `tekken.json`, `vocab.json` with
`merges.txt` (byte-level BPE as GPT-2 has it), `vocab.txt` (WordPiece as BERT has it). What these do not say is in
`tokenizer_config.json`, `special_tokens_map.json` and `added_tokens.json` beside them.
"""

import json
from collections.abc import Callable, Collection, Mapping
from typing import Any

from pairloom.operators.errors import DataError, RecipeError

__all__ = ["FILES", "stands_alone", "vocabulary_file"]

FILES = ("tokenizer.json", "*.model", "tekken.json", "vocab.json and merges.txt", "vocab.txt")
"""What is looked for in a folder, in this order."""

Read = Callable[[str], bytes]
_ROLES = ("unk_token", "bos_token", "eos_token", "sep_token", "pad_token", "cls_token", "mask_token")


def vocabulary_file(names: Collection[str], read: Read, wanted: str | None = None) -> bytes:
    """The bytes of a vocabulary in a folder that has these names, of the file `wanted` or of the first that there is.

    Raises RecipeError where there is none, or several, DataError, which names the file, for a damaged one.
    """
    if wanted is None:
        wanted = _first(names)
    try:
        return _made(names, read, wanted)
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise DataError(
            f"{wanted}, or a file beside it, is damaged: {error} ({type(error).__name__})"
        ) from error


def _made(names: Collection[str], read: Read, wanted: str) -> bytes:
    if wanted in ("vocab.json", "merges.txt") and {"vocab.json", "merges.txt"} <= set(names):
        return _dumped(_byte_level(names, read))
    if wanted.endswith(".txt") and "vocab" in wanted:
        return _dumped(_bert(names, read, wanted))
    return read(wanted)


def stands_alone(name: str) -> bool:
    """Whether a file of this name is read without those beside it."""
    return not name.endswith(".txt") and name != "vocab.json"


def _first(names: Collection[str]) -> str:
    if "tokenizer.json" in names:
        return "tokenizer.json"
    models = sorted(name for name in names if name.endswith(".model"))
    if len(models) > 1:
        raise RecipeError(f"it has several models ({', '.join(models)}): name the one that is meant")
    for name in (*models, "tekken.json"):
        if name in names:
            return name
    if {"vocab.json", "merges.txt"} <= set(names):
        return "merges.txt"
    if "vocab.txt" in names:
        return "vocab.txt"
    raise RecipeError(f"it has none of {', '.join(FILES)}")


def _dumped(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, ensure_ascii=False).encode()


def _bert(names: Collection[str], read: Read, name: str) -> dict[str, Any]:
    config = _config(names, read)
    words: dict[str, int] = {}
    for i, line in enumerate(_text(read, name).removesuffix("\n").split("\n")):
        words[line.rstrip("\r")] = i
    unknown = _content(config.get("unk_token", "[UNK]"))
    if unknown not in words:
        raise DataError(f"{name}: the token for what is unknown, {unknown!r}, is on no line of it")
    roles = {"sep_token": "[SEP]", "pad_token": "[PAD]", "cls_token": "[CLS]", "mask_token": "[MASK]"}
    lower = config.get("do_lower_case", True)
    return {
        "version": "1.0",
        "added_tokens": _added(config, words, roles | {"unk_token": unknown}),
        "normalizer": {
            "type": "BertNormalizer",
            "clean_text": True,
            "handle_chinese_chars": config.get("tokenize_chinese_chars", True),
            "strip_accents": config.get("strip_accents"),
            "lowercase": lower,
        },
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
        "model": {
            "type": "WordPiece",
            "unk_token": unknown,
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100,
            "vocab": words,
        },
    }


def _byte_level(names: Collection[str], read: Read) -> dict[str, Any]:
    config = _config(names, read)
    words = _json(read, "vocab.json")
    if wrong := next((word for word, i in words.items() if type(i) is not int or i < 0), None):
        raise DataError(f"vocab.json: the id of {wrong!r} is {words[wrong]!r}, not a number from 0 on")
    if next((word for word in words if word.endswith("</w>")), None) is not None:
        raise RecipeError(
            "vocab.json has tokens that end in </w>, as of CLIP, and of these no model here knows: make a tokenizer.json"
        )
    merges = []
    lines = _text(read, "merges.txt").replace("\r\n", "\n").split("\n")
    for number, line in enumerate(lines, 1):
        if not line or (number == 1 and line.startswith("#version")):
            continue
        parts = line.split(" ")
        if len(parts) != 2:
            raise DataError(
                f"merges.txt: line {number}, {line[:80]!r}, is not two tokens with a space between them"
            )
        for part in (*parts, "".join(parts)):
            if part not in words:
                raise DataError(
                    f"merges.txt: line {number}, {line[:80]!r}: {part!r} is no token of vocab.json"
                )
        merges.append(parts)
    return {
        "version": "1.0",
        "added_tokens": _added(config, words, {}),
        "normalizer": None,
        "pre_tokenizer": {
            "type": "ByteLevel",
            "add_prefix_space": bool(config.get("add_prefix_space")),
            "trim_offsets": True,
            "use_regex": True,
        },
        "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
        "model": {"type": "BPE", "vocab": words, "merges": merges},
    }


def _config(names: Collection[str], read: Read) -> dict[str, Any]:
    """What the files beside a vocabulary say, as one."""
    found: dict[str, Any] = {}
    for name in ("special_tokens_map.json", "tokenizer_config.json"):
        if name in names:
            found |= _json(read, name)
    if "added_tokens.json" in names:
        found["added_tokens.json"] = _json(read, "added_tokens.json")
    return found


def _added(
    config: Mapping[str, Any], words: Mapping[str, int], roles: Mapping[str, str]
) -> list[dict[str, Any]]:
    """The added tokens: those that the files list with their ids, and those that have a role and an id in the vocabulary."""
    found: dict[int, dict[str, Any]] = {}
    special = {_content(config[role]) for role in _ROLES if config.get(role)}
    special |= {_content(one) for one in config.get("additional_special_tokens") or ()}
    for content in (special or set(roles.values())) | set(roles.values()):
        if content in words:
            found[words[content]] = _entry(words[content], content)
    for content, i in (config.get("added_tokens.json") or {}).items():
        found[i] = _entry(i, content) | {"special": content in special}
    for i, one in (config.get("added_tokens_decoder") or {}).items():
        flags = {
            name: one[name]
            for name in ("single_word", "lstrip", "rstrip", "normalized", "special")
            if name in one
        }
        found[int(i)] = _entry(int(i), one["content"]) | flags
    return [found[i] for i in sorted(found)]


def _entry(number: int, content: str) -> dict[str, Any]:
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    return {"id": number, "content": content, **flags}


def _content(token: Any) -> str:
    return str(token["content"]) if isinstance(token, dict) else str(token)


def _text(read: Read, name: str) -> str:
    try:
        return read(name).decode()
    except UnicodeDecodeError as error:
        raise DataError(f"{name}: byte {error.start} is not UTF-8") from error


def _json(read: Read, name: str) -> dict[str, Any]:
    try:
        found = json.loads(read(name))
    except (ValueError, RecursionError) as error:
        raise DataError(f"{name}: not JSON: {error}") from error
    if not isinstance(found, dict):
        raise DataError(f"{name}: it is a {type(found).__name__}, not an object")
    return found
