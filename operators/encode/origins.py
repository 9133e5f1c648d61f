"""Which part of a text each byte that its tokens spell is from: the same byte, or where a normal form has made others of it.

    text       e ◌́ x      3 characters, 4 bytes
    spelled    é x        of which the first two bytes are from the characters 0 to 2, the third from 2 to 3

A normal form changes text between two boundaries, each before a character that begins anew. Bytes between them are those of the
text one by one where nothing was changed, and stand for all of it else.
"""

import itertools
import unicodedata
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators.errors import DataError
from pairloom.operators.text.arrays import text_of
from pairloom.operators.text.normalize import normalize

__all__ = ["Origins", "origins_of"]


class Origins(NamedTuple):
    """Of each byte that is spelled, where what it is from begins in its text, and where that ends; int64, one more than bytes."""

    begin: npt.NDArray[np.int64]
    end: npt.NDArray[np.int64]


def origins_of(
    texts: pa.LargeStringArray,
    spelled: npt.NDArray[np.uint8],
    first: npt.NDArray[np.int64],
    normalizer: str,
    walls: npt.NDArray[np.int64],
    unit: str,
) -> Origins:
    """The origins of all bytes, `first[i]` being the first of text `i`, in its characters or bytes (`unit`).

    Nothing is normalized over `walls`, ascending places in `spelled`. Raises DataError where tokens do not spell a text.
    """
    given = text_of(texts)
    whole = given.data[given.offsets[0] : given.offsets[-1]]
    if np.array_equal(whole, spelled) and np.array_equal(given.offsets - given.offsets[0], first):
        return _same(spelled, first, unit)
    begin, end = np.zeros((2, len(spelled) + 1), np.int64)
    for i, (low, high) in enumerate(itertools.pairwise(first.tolist())):
        raw = texts[i].as_py()
        if raw.encode() == spelled[low:high].tobytes():
            one = _same(spelled[low:high], np.array([0, high - low]), unit)
            begin[low:high], end[low:high] = one.begin[:-1], one.end[:-1]
        else:
            inside = walls[(walls > low) & (walls < high)] - low
            begin[low:high], end[low:high] = _one(
                raw, spelled[low:high].tobytes(), inside.tolist(), normalizer, i, unit
            )
    return Origins(begin, end)


def _same(spelled: npt.NDArray[np.uint8], first: npt.NDArray[np.int64], unit: str) -> Origins:
    """Of texts that are spelled as they are."""
    place = np.arange(len(spelled) + 1)
    owner = np.repeat(first[:-1], np.diff(first))
    if unit == "bytes":
        begin = np.append(place[:-1] - owner, 0)
        return Origins(begin, begin + 1)
    # How many characters have begun with each byte.
    begun = np.cumsum(spelled & 0xC0 != 0x80)
    before = np.concatenate([[0], begun])[owner]
    end = np.append(begun - before, 0)
    return Origins(end - 1, end)


def _one(
    raw: str, spelled: bytes, walls: list[int], normalizer: str, document: int, unit: str
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Of each byte of one text that a normal form has changed."""
    begin: list[int] = []
    end: list[int] = []
    at = 0  # in `raw`, in the unit
    left, written = raw, b""
    for low, high in itertools.pairwise([0, *walls, len(spelled)]):
        part = spelled[low:high]
        taken = _taken(left, part, normalizer)
        if taken is None:
            raise DataError(
                f"document {document}: its tokens do not spell its text, so that offsets in the text are not known; use a "
                "vocabulary that has a token for every byte"
            )
        for old, new in _chunks(left[:taken], normalizer):
            at = _append(begin, end, old, new, at, unit)
        left, written = left[taken:], written + part
    return np.array(begin, np.int64), np.array(end, np.int64)


def _taken(left: str, part: bytes, normalizer: str) -> int | None:
    """How many characters at the beginning of a text are what `part` spells; None where none are."""
    whole = part.decode("utf-8", "surrogateescape")
    if left.startswith(whole):  # an added token, or text without changes
        return len(whole)
    total = size = 0
    for old, new in _chunks(left, normalizer):
        if size >= len(part):
            break
        size += len(new.encode())
        total += len(old)
    return total if _formed([left[:total]], normalizer)[0].encode() == part else None


def _append(begin: list[int], end: list[int], old: str, new: str, at: int, unit: str) -> int:
    """Add the origins of the bytes of `new`, made of `old`, which begins at `at`; returns where that ends."""
    length = len(old.encode()) if unit == "bytes" else len(old)
    data = new.encode()
    if old != new:
        begin += [at] * len(data)
        end += [at + length] * len(data)
    elif unit == "bytes":
        begin += range(at, at + length)
        end += range(at + 1, at + length + 1)
    else:
        for place, character in enumerate(old, at):
            size = len(character.encode())
            begin += [place] * size
            end += [place + 1] * size
    return at + length


def _chunks(text: str, normalizer: str) -> list[tuple[str, str]]:
    """A text in the smallest parts that a normal form changes by themselves, with what it makes of each."""
    starts = [i for i, character in enumerate(text) if i == 0 or not unicodedata.combining(character)]
    parts = [text[a:b] for a, b in itertools.pairwise([*starts, len(text)])]
    while True:
        formed = _formed(parts, normalizer)
        # Letters that become one with the letter before them (Hangul, some vowel signs) are parts of its part.
        both = _formed([a + b for a, b in itertools.pairwise(parts)], normalizer)
        joined = [one != a + b for one, (a, b) in zip(both, itertools.pairwise(formed), strict=True)]
        if not any(joined):
            return list(zip(parts, formed, strict=True))
        merged = parts[:1]
        for part, to_last in zip(parts[1:], joined, strict=True):
            if to_last:
                merged[-1] += part
            else:
                merged.append(part)
        parts = merged


def _formed(texts: list[str], normalizer: str) -> list[str]:
    made: list[str] = normalize(pa.array(texts, pa.large_string()), normalizer).to_pylist()
    return made
