"""Decoding as the decoders of the `tokenizers` library do: what a token stands for, by where it is and what is beside it.

A decoder that goes through the tokens one by one makes of each a text for the first place of a list and one for the others.
With ByteFallback, tokens of bytes one after another are their text, or U+FFFD each where they are none. So all that is to be done
to ids is to choose for each its text.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators.encode.decode import check_known, decode_lists
from pairloom.operators.encode.kernels.runs import spoil_runs
from pairloom.operators.vocabulary.tokens import TokenTable

__all__ = ["NO_BYTE", "NO_TOKEN", "Surfaces", "UnknownDecoderError", "read_surfaces"]

NO_BYTE, NO_TOKEN = 256, 257
_BYTE = re.compile(r"<0x([0-9A-Fa-f]{2})>")
_CLEANUP = (
    *((f" {mark}", mark) for mark in ".?!,"),
    (" ' ", "'"),
    (" n't", "n't"),
    (" 'm", "'m"),
    (" do not", " don't"),
    *((f" '{end}", f"'{end}") for end in ("s", "ve", "re")),
)


class UnknownDecoderError(Exception):
    """A decoder that is not known here; the message says why, as "its decoder …"."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Surfaces:
    """What ids stand for. `table` has a text for each id where it is not first, for each where it is, and U+FFFD.

    `kinds` (uint16, by id) is a byte, `NO_BYTE`, or `NO_TOKEN` for an id without a token, which stands for nothing.
    With `passes_empty`, what has no text is not first.
    """

    table: TokenTable
    kinds: npt.NDArray[np.uint16]
    passes_empty: bool

    def decode(self, values: npt.NDArray[np.uint32], offsets: npt.NDArray[np.int64]) -> pa.LargeBinaryArray:
        """The text of each list of ids, in UTF-8; raises DataError for an id outside the vocabulary."""
        count = len(self.kinds)
        check_known(values, count)
        places = values.astype(np.uint32)
        spoiled = np.zeros(len(values), np.bool_)
        spoil_runs(values, offsets, self.kinds, True, spoiled)
        places[spoiled] = 2 * count
        there = self.kinds[values] != NO_TOKEN
        if self.passes_empty:
            there &= self.table.lengths[places] > 0
        candidates = np.append(np.flatnonzero(there), len(values))
        firsts = candidates[np.searchsorted(candidates[:-1], offsets[:-1])]
        firsts = firsts[firsts < offsets[1:]]
        places[firsts[~spoiled[firsts]]] += np.uint32(count)
        return decode_lists(self.table, places, offsets)


def read_surfaces(decoder: Mapping[str, Any] | None, tokens: Sequence[str | None]) -> Surfaces:
    r"""What tokens, by id, stand for by a decoder (a JSON value); raises UnknownDecoderError for one that is not known.

    >>> found = read_surfaces({"type": "WordPiece", "prefix": "##", "cleanup": True}, ["a", "##b", "."])
    >>> found.decode(np.array([0, 1, 2, 0], np.uint32), np.array([0, 4])).to_pylist()
    [b'ab. a']
    """
    first = [token or "" for token in tokens]
    later = list(first)
    steps = _flat(decoder) if decoder is not None else [{"type": "Join"}]
    falls_back = strips = False
    while steps and steps[0]["type"] not in ("ByteFallback", "Fuse"):
        made = _step(steps.pop(0))
        first, later = [made(one, True) for one in first], [made(one, False) for one in later]
    if steps and steps[0]["type"] == "ByteFallback":
        falls_back = bool(steps.pop(0))
    if steps and steps[0]["type"] == "Fuse":
        steps.pop(0)
        if steps and steps[0]["type"] == "Strip":
            strips = _strips(steps.pop(0))
    if steps:
        raise UnknownDecoderError(f"its decoder has {steps[0]['type']} after what joins tokens")
    kinds = np.full(len(tokens), NO_BYTE, np.uint16)
    kinds[[i for i, token in enumerate(tokens) if token is None]] = NO_TOKEN
    if falls_back:
        of_later = _read_bytes(later, kinds.copy())
        if not np.array_equal(_read_bytes(first, kinds), of_later):
            raise UnknownDecoderError("its decoder makes of some tokens bytes only in some places")
    texts = [
        [_text(one, kind) for one, kind in zip(side, kinds.tolist(), strict=True)] for side in (later, first)
    ]
    if strips:
        if first != later:
            raise UnknownDecoderError("its decoder has Strip, and does otherwise to the first token")
        texts[1] = [text.removeprefix(b" ") for text in texts[1]]
    return Surfaces(
        table=TokenTable.of([*texts[0], *texts[1], "\ufffd".encode()]), kinds=kinds, passes_empty=strips
    )


def _text(made: str, kind: int) -> bytes:
    return b"" if kind == NO_TOKEN else bytes([kind]) if kind < NO_BYTE else made.encode()


def _flat(step: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    if step["type"] == "Sequence":
        return [inner for one in step["decoders"] for inner in _flat(one)]
    return [step]


def _step(step: Mapping[str, Any]) -> Callable[[str, bool], str]:
    """What a decoder makes of a token, told whether it is the first."""
    kind = step["type"]
    if kind == "Join":
        return lambda token, first: token if first else f" {token}"
    if kind == "Replace" and "String" in step["pattern"] and step["pattern"]["String"]:
        old, new = step["pattern"]["String"], step["content"]
        return lambda token, _: token.replace(old, new)
    if kind == "Metaspace":
        mark, leaves = step["replacement"], step["prepend_scheme"] != "never"
        return lambda token, first: token.replace(mark, "" if first and leaves else " ")
    if kind == "WordPiece":
        return _word_piece(step["prefix"], step["cleanup"])
    raise UnknownDecoderError(f"its decoder has {kind}")


def _word_piece(prefix: str, cleanup: bool) -> Callable[[str, bool], str]:
    def made(token: str, first: bool) -> str:
        if not first:
            token = token.removeprefix(prefix) if token.startswith(prefix) else f" {token}"
        for old, new in _CLEANUP if cleanup else ():
            token = token.replace(old, new)
        return token

    return made


def _strips(step: Mapping[str, Any]) -> bool:
    if (step["content"], step["start"], step["stop"]) != (" ", 1, 0):
        raise UnknownDecoderError("its decoder has a Strip of anything else than a space at the beginning")
    return True


def _read_bytes(tokens: Sequence[str], kinds: npt.NDArray[np.uint16]) -> npt.NDArray[np.uint16]:
    """Write which tokens are bytes; what the library may read as one besides is not known here."""
    for i, token in enumerate(tokens):
        if kinds[i] != NO_BYTE or not (token.startswith("<0x") and token.endswith(">")):
            continue
        if (found := _BYTE.fullmatch(token)) is not None:
            kinds[i] = int(found[1], 16)
        elif len(token.encode()) == 6:
            raise UnknownDecoderError(f"its token {token!r} is nearly that of a byte")
    return kinds
