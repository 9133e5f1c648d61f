"""Where normalized text is from: each byte of it from one character of the text, as the `tokenizers` library has it.

    text        Ｔｈé  cats
    normalized  the cats       the first three bytes from the characters 0, 1 and 2, the space from 4, the others from 5 to 8

What becomes of a character by itself is from it. Where characters depend on others, they and one character more on each side are
a window, that the library normalizes by itself; it says of each character it makes which one that is from. A space that several
were is from the last of them, what is put before a text from the first character that is left of it.
"""

import json
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from pairloom.operators.text.arrays import Text
from pairloom.operators.text.front.kernels import located as k
from pairloom.operators.text.front.normal import Normal, Table

__all__ = ["Aligned", "LocatedText", "Locating", "Windows", "found_windows", "located_by_table"]

_ROOM = 1024
# What is remembered of windows: about so many of them, and bytes of them and of what they become.
_MOST, _BYTES = 1 << 17, 4 << 20


class Aligned(NamedTuple):
    """What the library makes of a text, and of each character of it where what it is from begins and ends in the text."""

    text: str
    places: Sequence[tuple[int, int]]


class LocatedText(NamedTuple):
    """Normalized segments, for each byte where in the data of the text its character begins, and the segments that are missing."""

    text: Text
    places: npt.NDArray[np.int64]
    missing: npt.NDArray[np.int64]


class Windows:
    """What becomes of windows, asked for once; each has a number, and -1 is what has to be normalized with all around it.

    `align` is the library's, for several texts. `settle` gives what a character becomes after it, None where that depends on
    others, and `seen` is told of it. With `shifts`, the library loses its place where nothing becomes of what a text begins with.
    """

    def __init__(
        self,
        align: Callable[[Sequence[str]], list[Aligned]],
        settle: Callable[[str], str | None],
        seen: Callable[[str], None] = lambda _: None,
        *,
        shifts: bool,
    ) -> None:
        self._align, self._settle, self._seen, self._shifts = align, settle, seen, shifts
        self._clear()

    def _clear(self) -> None:
        self._known: dict[tuple[bool, bytes], int] = {}
        self._count = self._used = self._bytes = 0
        self.made, self.rises = np.zeros(1 << 12, np.uint8), np.zeros(1 << 12, np.int32)
        self.edges = np.zeros(1 << 8, np.int64)

    def numbers(self, windows: Sequence[bytes], begins: Sequence[bool]) -> npt.NDArray[np.int64]:
        """The numbers of windows, of which some are what a segment begins with: they hold until the next are asked for."""
        if len(self._known) > _MOST or max(self._used, self._bytes) > _BYTES:
            self._clear()
        keys = list(zip(begins if self._shifts else [False] * len(windows), windows, strict=True))
        known = self._known
        found = [known.get(key) for key in keys]
        if None in found:
            self._ask(list(dict.fromkeys(key for key, one in zip(keys, found, strict=True) if one is None)))
            found = [self._known[key] for key in keys]
        return np.array(found, np.int64)

    def _ask(self, keys: list[tuple[bool, bytes]]) -> None:
        texts = [data.decode("utf-8", "replace") for _, data in keys]
        before = {text: f"{text}a" for (begins, _), text in zip(keys, texts, strict=True) if begins}
        found = self._align([*texts, *before.values()])
        behind = dict(zip(before, found[len(texts) :], strict=True))
        self._bytes += sum(len(data) for _, data in keys)
        for key, text, one in zip(keys, texts, found, strict=False):
            lost = text.encode() != key[1] or (key[0] and _is_shifted(one, behind[text], text))
            row = None if lost else self._row(one, text)
            self._known[key] = -1 if row is None else self._add(*row)

    def _add(self, made: bytes, rises: list[int]) -> int:
        used = self._used + len(made)
        while used > len(self.made) or self._count + 2 > len(self.edges):
            self.made, self.rises, self.edges = (
                _doubled(self.made),
                _doubled(self.rises),
                _doubled(self.edges),
            )
        self.made[self._used : used] = np.frombuffer(made, np.uint8)
        self.rises[self._used : used] = rises
        self._used, self._count = used, self._count + 1
        self.edges[self._count] = used
        return self._count - 1

    def _row(self, one: Aligned, text: str) -> tuple[bytes, list[int]] | None:
        first = np.cumsum([0, *(len(char.encode()) for char in text)]).tolist()
        made, rises = bytearray(), []
        for char, (begin, end) in zip(one.text, one.places, strict=True):
            settled = self._settle(char)
            if settled is None or end != begin + 1:
                return None
            made += settled.encode()
            rises += [first[begin]] * len(settled.encode())
            for part in settled:
                self._seen(part)
        return bytes(made), rises


class Locating:
    """Says of each byte of normalized segments where it is from, as `normal` makes them by its table and by windows.

    `build` makes of normalizers (JSON) what aligns texts.
    """

    def __init__(
        self, normal: Normal, build: Callable[[bytes], Callable[[Sequence[str]], list[Aligned]]]
    ) -> None:
        self._normal = normal
        steps = normal.front.steps
        self._windows = Windows(
            build(json.dumps({"type": "Sequence", "normalizers": steps}).encode()),
            normal.settled,
            normal.seen,
            shifts=any(step["type"] == "Precompiled" for step in steps),
        )

    def locate(
        self, text: Text, begins: npt.NDArray[np.bool_], left_out: npt.NDArray[np.bool_]
    ) -> LocatedText:
        """As `Normal.normalize`; what cannot be said of is missing, as all is that the library normalizes as a whole."""
        does = self._normal.does(begins, left_out)
        if (table := self._normal.table) is None:
            does[:] = -1
            missing = np.flatnonzero(~left_out & (np.diff(text.offsets) > 0))
            return LocatedText(_empty(len(does)), np.zeros(0, np.int64), missing)
        if self._normal.front.words:
            does[does >= 0] |= k.AHEAD
        table.learn(text)
        windows = found_windows(text, does, table)
        low = int(text.offsets[0])
        raw = text.data[low : int(text.offsets[-1])].tobytes()
        spelled = [
            raw[a:b] for a, b in zip((windows[1] - low).tolist(), (windows[2] - low).tolist(), strict=True)
        ]
        numbers = self._windows.numbers(spelled, (windows[1] == text.offsets[windows[0]]).tolist())
        missing = np.unique(windows[0][numbers < 0])
        does[missing] = -1
        there = does[windows[0]] >= 0
        chosen = np.ascontiguousarray(np.concatenate([windows, numbers[None]])[:, there])
        rows = self._windows
        made = located_by_table(text, does, table, chosen, (rows.made, rows.rises, rows.edges))
        return LocatedText(*made, missing)


def found_windows(text: Text, does: npt.NDArray[np.int16], table: Table) -> npt.NDArray[np.int64]:
    """Of each window of the segments the segment, the first byte and the end, int64[3, n]; see `find_windows`."""
    room = _ROOM
    while True:
        found = np.empty((3, room), np.int64)
        if (count := k.find_windows(text.data, np.array(text.offsets), does, table.states, found)) <= room:
            return found[:, :count]
        room = count


def located_by_table(
    text: Text,
    does: npt.NDArray[np.int16],
    table: Table,
    windows: npt.NDArray[np.int64],
    rows: tuple[npt.NDArray[np.uint8], npt.NDArray[np.int32], npt.NDArray[np.int64]],
) -> tuple[Text, npt.NDArray[np.int64]]:
    """Normalized segments and where each byte is from; `rows` are what windows become, see `rewrite_located`."""
    size = text.bytes + (text.bytes >> 4) + 4 * len(does) + 256
    out, places = np.empty(size, np.uint8), np.empty(size, np.int64)
    ends = np.zeros(len(does) + 1, np.int64)
    first = 0
    offsets = np.array(text.offsets)
    while True:
        window = int(np.searchsorted(windows[0], first))
        first = k.rewrite_located(
            text.data,
            offsets,
            does,
            table.states,
            table.pool,
            windows,
            *rows,
            out,
            places,
            ends,
            first,
            window,
        )
        if first == len(does):
            used = int(ends[-1])
            return Text(data=out[:used], offsets=ends), places[:used]
        out, places = _doubled(out), _doubled(places)


def _empty(segments: int) -> Text:
    return Text(data=np.zeros(0, np.uint8), offsets=np.zeros(segments + 1, np.int64))


def _doubled(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return np.concatenate([array, np.zeros_like(array)])


def _is_shifted(alone: Aligned, before: Aligned, text: str) -> bool:
    """Whether the library, behind a text, is at another place; `before` is the text with a letter behind it."""
    return before.text != alone.text + "a" or before.places[-1] != (len(text), len(text) + 1)
