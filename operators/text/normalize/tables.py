"""What normalization looks at, at one Unicode version, shipped as data.

`unicode9.bin` is written by `infra/make_normal_forms.py`, which describes its layout. Its version is that of the tables in
`tokenizers`, and so in whatever loads a `tokenizer.json`: a later one would give other ids than the same file gives there.
"""

import zlib
from functools import lru_cache
from importlib.resources import files
from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from pairloom.operators.errors import CorruptionError

__all__ = ["MAY_CHANGE", "NORMAL_FORMS_VERSION", "NormalForm", "normal_form"]

NORMAL_FORMS_VERSION = "9.0"
MAY_CHANGE = 255
"""The mark of a character that is not in the form, or not everywhere; other marks are combining classes, 0 to 240."""

Number = TypeVar("Number", bound=np.generic)

_MAGIC = b"pairloom normals"
_CODE_POINTS = 0x110000
_HANGUL, _VOWELS, _TRAILS, _SYLLABLES = 0xAC00, (0x1161, 0x1176), (0x11A8, 0x11C3), 11172


class NormalForm(NamedTuple):
    """The tables of one form, for kernels; all are read-only.

    Of code point `p`, with `row = 64 * blocks[p // 64] + p % 64`: `marks[row]` (uint8) is 0 where nothing is done to it or before
    it, MAY_CHANGE, or the class of a mark that stays as long as classes ascend; `classes[row]` (uint8) is its combining class;
    `places[row]` (uint16) numbers its full decomposition, `pool[starts[n] : starts[n + 1]]` (uint32), 0 for none. `pairs`
    (uint64, ascending) are pairs of code points, first << 32 | second, that compose to `composed` (uint32); Hangul is neither in
    `pool` nor in `pairs`. Forms that do not compose have no pairs.
    """

    blocks: npt.NDArray[np.uint16]
    marks: npt.NDArray[np.uint8]
    classes: npt.NDArray[np.uint8]
    places: npt.NDArray[np.uint16]
    starts: npt.NDArray[np.int64]
    pool: npt.NDArray[np.uint32]
    pairs: npt.NDArray[np.uint64]
    composed: npt.NDArray[np.uint32]


class _Entry(NamedTuple):
    point: int
    combining: int
    again: bool
    canonical: tuple[int, ...]
    compatible: tuple[int, ...]


@lru_cache(maxsize=1)
def _entries() -> tuple[_Entry, ...]:
    raw = files("pairloom.operators.text.normalize").joinpath("unicode9.bin").read_bytes()
    version = raw[16:32].rstrip(b"\0").decode("ascii", "replace")
    if raw[:16] != _MAGIC or version != NORMAL_FORMS_VERSION:
        raise CorruptionError(
            f"unicode9.bin holds Unicode {version!r}, expected {NORMAL_FORMS_VERSION!r}: install pairloom again"
        )
    try:
        numbers = np.frombuffer(zlib.decompress(raw[32:]), "<u4").tolist()
    except zlib.error as error:
        raise CorruptionError(f"unicode9.bin is damaged ({error}): install pairloom again") from error
    found = []
    at = 1
    for _ in range(numbers[0]):
        point, combining, again, first, second = numbers[at : at + 5]
        at += 5 + first + second
        canonical, compatible = numbers[at - first - second : at - second], numbers[at - second : at]
        found.append(_Entry(point, combining, bool(again), tuple(canonical), tuple(compatible)))
    return tuple(found)


@lru_cache(maxsize=4)
def normal_form(form: str) -> NormalForm:
    """The tables of nfc, nfd, nfkc or nfkd, built once a process in some milliseconds; raises CorruptionError for damaged data."""
    entries, composes, compatible = _entries(), form in ("nfc", "nfkc"), form in ("nfkc", "nfkd")
    classes, marks = np.zeros(_CODE_POINTS, np.uint8), np.zeros(_CODE_POINTS, np.uint8)
    places = np.zeros(_CODE_POINTS, np.uint16)
    pool: list[int] = []
    starts = [0, 0]
    together = {entry.canonical: entry.point for entry in entries if entry.again}
    pairs: dict[int, int] = {}
    for entry in entries:
        full = entry.compatible if compatible and entry.compatible else entry.canonical
        classes[entry.point] = marks[entry.point] = entry.combining
        if full:
            places[entry.point] = len(starts) - 1
            pool += full
            starts.append(len(pool))
            if not composes or not entry.again or full != entry.canonical:
                marks[entry.point] = MAY_CHANGE
        if composes and entry.again:
            # The pair is all but the last, put together, and the last.
            head, last = entry.canonical[:-1], entry.canonical[-1]
            pairs[(head[0] if len(head) == 1 else together[head]) << 32 | last] = entry.point
    if composes:
        marks[[pair & 0xFFFFFFFF for pair in pairs]] = MAY_CHANGE
        for low, high in (_VOWELS, _TRAILS):
            marks[low:high] = MAY_CHANGE
    else:
        marks[_HANGUL : _HANGUL + _SYLLABLES] = MAY_CHANGE
    columns = np.stack([places, marks, classes], axis=1).reshape(-1, 192)
    distinct: dict[bytes, int] = {}
    numbers = [distinct.setdefault(block.tobytes(), len(distinct)) for block in columns]
    distinct_columns = np.frombuffer(b"".join(distinct), np.uint16).reshape(-1, 3).T
    keys = sorted(pairs)
    return NormalForm(
        blocks=_fixed(np.array(numbers), np.uint16),
        marks=_fixed(distinct_columns[1], np.uint8),
        classes=_fixed(distinct_columns[2], np.uint8),
        places=_fixed(distinct_columns[0], np.uint16),
        starts=_fixed(np.array(starts), np.int64),
        pool=_fixed(np.array(pool), np.uint32),
        pairs=_fixed(np.array(keys, np.uint64), np.uint64),
        composed=_fixed(np.array([pairs[key] for key in keys]), np.uint32),
    )


def _fixed(values: npt.NDArray[Any], kind: type[Number]) -> npt.NDArray[Number]:
    array = np.ascontiguousarray(values, kind)
    array.setflags(write=False)
    return array
