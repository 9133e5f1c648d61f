"""Reading `tekken.json`, the file of Mistral's byte-level BPE: ranks, the pattern by which text is cut, and special tokens.

The tokens of text have ids behind those of special tokens, of which there are as many as the file says, named or not; of its ranks
only the first count, as many as fit the size that it says.
"""

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pairloom.operators.errors import DataError
from pairloom.operators.models.bpe.model import ByteLevelBPE
from pairloom.operators.models.bpe.tiktoken_file import MOST_BYTES, recover_merges
from pairloom.operators.text.pretokenize import Pretokenizer
from pairloom.operators.text.pretokenize.schemes import patterns
from pairloom.operators.text.spelling import check_special_token
from pairloom.operators.vocabulary.tokens import TokenTable, check_ids

__all__ = ["read_tekken"]

# What files without names for special tokens mean by the first of them.
_UNNAMED = [
    "<unk>",
    "<s>",
    "</s>",
    "[INST]",
    "[/INST]",
    "[AVAILABLE_TOOLS]",
    "[/AVAILABLE_TOOLS]",
    "[TOOL_RESULTS]",
    "[/TOOL_RESULTS]",
    "[TOOL_CALLS]",
    "[IMG]",
    "<pad>",
    "[IMG_BREAK]",
    "[IMG_END]",
    "[PREFIX]",
    "[MIDDLE]",
    "[SUFFIX]",
    "[SYSTEM_PROMPT]",
    "[/SYSTEM_PROMPT]",
    "[TOOL_CONTENT]",
]
_SINGLE = Pretokenizer(scheme="superbpe", digits="single")


def read_tekken(data: bytes) -> dict[str, Any]:
    """The fields of the Vocabulary of a file; raises DataError, which names the key, for a damaged one."""
    try:
        document = json.loads(data)
        config, vocab = document["config"], document["vocab"]
        size, special = config["default_vocab_size"], config["default_num_special_tokens"]
        pattern, named = config["pattern"], document.get("special_tokens")
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise _damaged(f"{error} ({type(error).__name__})") from error
    if not isinstance(size, int) or not isinstance(special, int) or not 0 <= special < size:
        raise _damaged(
            f"config.default_vocab_size is {size!r}, and config.default_num_special_tokens {special!r}"
        )
    if not isinstance(vocab, list) or len(vocab) < size - special:
        raise _damaged(f"its size is {size} with {special} special tokens, and vocab has too few")
    check_ids(size, len(vocab))
    tokens = [_token(one, i) for i, one in enumerate(vocab[: size - special])]
    seen: dict[bytes, int] = {}
    for i, token in enumerate(tokens):
        if (other := seen.setdefault(token, i)) != i:
            raise _damaged(f"vocab[{other}] and vocab[{i}] are both {token!r}")
    if missing := [byte for byte in range(256) if bytes([byte]) not in seen]:
        raise _damaged(f"vocab has no token for the byte {missing[0]:#04x}")
    names = _names(named, special)
    merges = recover_merges(tokens)
    return {
        "tokens": TokenTable.of([*(name.encode() for name in names), *tokens]),
        "model": ByteLevelBPE(merges=merges + np.int32(special), ignore_merges=True, ties_share_rank=True),
        "special_tokens": tuple(names),
        "special_ids": tuple(range(special)),
        "pretokenizer": _cut(pattern),
    }


def _token(entry: Any, place: int) -> bytes:
    try:
        if entry["rank"] != place:
            raise _damaged(f"vocab[{place}] has the rank {entry['rank']!r}")
        token = base64.b64decode(entry["token_bytes"], validate=True)
    except (KeyError, TypeError, binascii.Error) as error:
        raise _damaged(f"vocab[{place}]: {error} ({type(error).__name__})") from error
    if not 0 < len(token) <= MOST_BYTES:
        raise _damaged(f"vocab[{place}] has {len(token)} bytes; from 1 to {MOST_BYTES} are read")
    return token


def _names(entries: Sequence[Mapping[str, Any]] | None, count: int) -> list[str]:
    names = [f"<SPECIAL_{i}>" for i in range(count)]
    if entries is None:
        names[: len(_UNNAMED)] = _UNNAMED[:count]
    for place, entry in enumerate(entries or ()):
        try:
            rank, text = entry["rank"], entry["token_str"]
        except (KeyError, TypeError) as error:
            raise _damaged(f"special_tokens[{place}]: {error} ({type(error).__name__})") from error
        if not isinstance(rank, int) or not 0 <= rank < count or not isinstance(text, str):
            raise _damaged(f"special_tokens[{place}] is {text!r} of the rank {rank!r}, and there are {count}")
        names[rank] = text
    if len(set(names)) < len(names):
        twice = next(name for i, name in enumerate(names) if name in names[:i])
        raise _damaged(f"two special tokens are {twice!r}")
    for name in names:
        check_special_token(name)
    return names


def _cut(pattern: Any) -> Pretokenizer:
    if not isinstance(pattern, str):
        raise _damaged(f"config.pattern is {pattern!r}")
    if (pattern,) == patterns(_SINGLE.scheme, _SINGLE.digits):
        return _SINGLE
    try:
        return Pretokenizer(pattern=pattern)
    except ValueError as error:
        raise _damaged(f"config.pattern: {error}") from error


def _damaged(why: str) -> DataError:
    return DataError(f"this tekken.json is damaged: {why}")
