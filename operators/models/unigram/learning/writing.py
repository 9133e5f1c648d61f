"""The `tokenizer.json` of pieces that were learned."""

import json
from collections.abc import Sequence
from typing import Any

from pairloom.operators.models.unigram.learning.pieces import Learned
from pairloom.operators.vocabulary import Vocabulary

__all__ = ["UNKNOWN_TOKEN", "blocked_by", "first_tokens", "unigram_vocabulary"]

UNKNOWN_TOKEN = "<unk>"  # noqa: S105
_MARK = "\u2581"
# The score of what no text is to be spelled by, though it stands among the pieces: the library has all of them in its trie.
_NEVER = -10_000.0


def first_tokens(specials: Sequence[str], byte_fallback: bool) -> list[str]:
    """What has the first ids: special tokens, with that of the unknown, and the names of bytes."""
    found = list(dict.fromkeys([*specials, UNKNOWN_TOKEN]))
    return found + ([f"<0x{byte:02X}>" for byte in range(256)] if byte_fallback else [])


def blocked_by(specials: Sequence[str]) -> tuple[bytes, ...]:
    """What no piece may be, as it would be spelled as one of the first tokens is."""
    return tuple(token.replace(_MARK, " ").encode() for token in first_tokens(specials, True))


def unigram_vocabulary(
    learned: Learned, specials: Sequence[str], *, byte_fallback: bool, prefix: bool, normalizer: str
) -> Vocabulary:
    """The vocabulary, as the `tokenizers` library reads it.

    Ids: special tokens (`<unk>` the last, if it is not one anyway), with `byte_fallback` the 256 bytes, pieces by their scores.
    With `prefix`, a text is encoded with a space before it, which decoding takes off.
    """
    first = first_tokens(specials, byte_fallback)
    added = len(dict.fromkeys([*specials, UNKNOWN_TOKEN]))
    pieces = [
        [token.decode().replace(" ", _MARK), score]
        for token, score in zip(learned.tokens, learned.scores.tolist(), strict=True)
    ]
    plain = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    document: dict[str, Any] = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [{"id": i, "content": token, **plain} for i, token in enumerate(first[:added])],
        "normalizer": _normalizer(prefix, normalizer),
        "pre_tokenizer": {
            "type": "Metaspace",
            "replacement": _MARK,
            "prepend_scheme": "never",
            "split": True,
        },
        "post_processor": None,
        "decoder": {
            "type": "Sequence",
            "decoders": [
                {"type": "Replace", "pattern": {"String": _MARK}, "content": " "},
                {"type": "ByteFallback"},
                {"type": "Fuse"},
                *([{"type": "Strip", "content": " ", "start": 1, "stop": 0}] if prefix else []),
            ],
        },
        "model": {
            "type": "Unigram",
            "unk_id": first.index(UNKNOWN_TOKEN),
            "vocab": [[token, _NEVER] for token in first] + pieces,
            "byte_fallback": byte_fallback,
        },
    }
    return Vocabulary.from_json(json.dumps(document, ensure_ascii=False, indent=1).encode())


def _normalizer(prefix: bool, normalizer: str) -> Any:
    steps: list[dict[str, Any]] = [] if normalizer == "none" else [{"type": normalizer.upper()}]
    if prefix:
        steps.append({"type": "Prepend", "prepend": _MARK})
        steps.append({"type": "Replace", "pattern": {"String": " "}, "content": _MARK})
    return {"type": "Sequence", "normalizers": steps} if steps else None
