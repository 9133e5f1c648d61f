"""Normalizers of the library, one character at a time, and the characters that depend on their neighbours."""

import json
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pairloom.operators.text.normalize.tables import MAY_CHANGE, normal_form

__all__ = ["WHITE_SPACE", "makers"]

# White_Space of Unicode, which is not what `str.split` takes for it.
_SPACES = "\t\n\x0b\x0c\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
WHITE_SPACE = re.compile(f"[{_SPACES}]+")

# What is in a grapheme cluster with its neighbours, besides marks, formats and what is not assigned: a line feed after a carriage
# return, parts of Hangul syllables, flags, skin tones, letters that follow or go before others.
_JOINING = (
    (0x0D, 0x0D),
    (0x0D4E, 0x0D4E),
    (0x0E33, 0x0E33),
    (0x0EB3, 0x0EB3),
    (0x1100, 0x11FF),
    (0xA960, 0xA97F),
    (0xD7B0, 0xD7FF),
    (0xFF9E, 0xFF9F),
    (0x11000, 0x11FFF),
    (0x1F1E6, 0x1F1FF),
    (0x1F3FB, 0x1F3FF),
)


def makers(
    steps: Sequence[Mapping[str, Any]], build: Callable[[Any], Any]
) -> list[Callable[[str], str | None]]:
    """For each normalizer, what makes of a text of one character or more what it becomes; None where that depends on others."""
    return [_maker(step, build(json.dumps(step).encode())) for step in steps]


def _maker(step: Mapping[str, Any], library: Any) -> Callable[[str], str | None]:
    kind = step["type"]
    if kind in ("NFC", "NFD", "NFKC", "NFKD"):
        alone = _unchanged(kind.lower())
    elif kind == "Precompiled":
        alone = _single
    else:
        alone = _any
    orders = kind in ("BertNormalizer", "StripAccents")

    def make(text: str) -> str | None:
        if not all(map(alone, text)):
            return None
        made: str = library.normalize_str(text)
        # Marks that stay may change places with others.
        return None if orders and any(map(_is_ordered, made)) else made

    return make


def _any(_: str) -> bool:
    return True


def _unchanged(form: str) -> Callable[[str], bool]:
    tables = normal_form(form)
    rows = tables.marks.reshape(-1, 64)
    assert MAY_CHANGE != 0

    def unchanged(char: str) -> bool:
        point = ord(char)
        return int(rows[tables.blocks[point >> 6], point & 63]) == 0

    return unchanged


def _single(char: str) -> bool:
    """Whether a character is a grapheme cluster whatever stands beside it, in any version of Unicode."""
    point = ord(char)
    if any(low <= point <= high for low, high in _JOINING):
        return False
    kind = unicodedata.category(char)
    return kind == "Cc" or kind[0] not in "MC"


def _is_ordered(char: str) -> bool:
    tables = normal_form("nfd")
    point = ord(char)
    return int(tables.classes.reshape(-1, 64)[tables.blocks[point >> 6], point & 63]) != 0
