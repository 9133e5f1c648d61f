"""Normalizing as the `tokenizers` library does: character by character where that is all, by the library where it is not."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from pairloom.operators.text.arrays import Text
from pairloom.operators.text.front.characters import WHITE_SPACE, makers
from pairloom.operators.text.front.kernels import rewrite as k
from pairloom.operators.text.front.reading import MARKER, Front

__all__ = ["Normal", "Table", "by_table"]

_POINTS = 0x110000
_ASKED = 4096


class Table:
    """What becomes of each code point, asked for when it is first met.

    `becomes` gives the text that a character becomes, None for one that depends on others. `seen` is told of each character
    that normalized text may have.
    """

    def __init__(
        self, becomes: Callable[[str], str | None], seen: Callable[[str], None] = lambda _: None
    ) -> None:
        self._becomes, self._seen = becomes, seen
        self.states = np.zeros(_POINTS, np.int32)
        self.pool = np.zeros(1 << 12, np.uint8)
        self._used = 0
        self._known: dict[str, int] = {}
        for point in range(128):
            self._learn(point)

    def learn(self, text: Text) -> None:
        """Ask for the characters of a text that are not known."""
        found = np.empty(_ASKED, np.int64)
        while count := k.unknown_points(text.data, text.offsets, self.states, found):
            for point in found[:count].tolist():
                self._learn(point)
            if count < _ASKED:
                return

    def _learn(self, point: int) -> None:
        char = chr(point)
        made = self._becomes(char)
        if made is None or len(spelled := made.encode()) > k.LONGEST:
            self.states[point] = k.HARD
            return
        for one in made:
            self._seen(one)
        if made == char:
            self.states[point] = k.KEEP
            return
        if made not in self._known:
            while self._used + len(spelled) > len(self.pool):
                self.pool = np.concatenate([self.pool, np.zeros_like(self.pool)])
            self.pool[self._used : self._used + len(spelled)] = np.frombuffer(spelled, np.uint8)
            self._known[made] = k.REPLACED + (self._used << 6 | len(spelled))
            self._used += len(spelled)
        self.states[point] = self._known[made]


def by_table(text: Text, does: npt.NDArray[np.int16], table: Table) -> tuple[Text, npt.NDArray[np.int64]]:
    """Normalized segments, and which of them have characters that depend on others, and are empty; see `rewrite` for `does`."""
    table.learn(text)
    out = np.empty(text.bytes + (text.bytes >> 4) + 4 * len(does) + 256, np.uint8)
    ends = np.zeros(len(does) + 1, np.int64)
    first = 0
    while (
        first := k.rewrite(text.data, text.offsets, does, table.states, table.pool, out, ends, first)
    ) < len(does):
        larger = np.empty(2 * len(out), np.uint8)
        larger[: ends[first]] = out[: ends[first]]
        out = larger
    return Text(data=out[: ends[-1]], offsets=ends), np.flatnonzero(does == -2)


class Normal:
    """Normalizes segments of text for one encoder, by a table of its own; `library` is the library's normalizer, or None.

    `build` makes a normalizer of the library from JSON.
    """

    def __init__(
        self,
        front: Front,
        library: Any,
        build: Callable[[Any], Any],
        seen: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.front, self.seen = front, seen
        self._library = library
        self._makers = makers(front.steps, build)
        self._table = Table(self._becomes, seen)
        self._met: set[str] = set()
        bare = front.parted or front.words
        bits = k.JOIN_RUNS if front.runs or bare else 0
        for side, bit in (("l", k.STRIP_LEFT), ("r", k.STRIP_RIGHT)):
            bits |= bit if side in front.strip or bare else 0
        bits |= k.PREPEND if front.prepend else 0
        self._later = bits | (k.PREFIX if front.prefix == "always" else 0)
        self._first = bits | (k.PREFIX if front.prefix in ("always", "first") else 0)

    @property
    def table(self) -> Table | None:
        """What becomes of characters; None where the library normalizes all text."""
        return self._table if self.front.whole is None else None

    def does(self, begins: npt.NDArray[np.bool_], left_out: npt.NDArray[np.bool_]) -> npt.NDArray[np.int16]:
        """What is done to segments, for `rewrite`; see `normalize`."""
        does = np.where(begins, self._first, self._later).astype(np.int16)
        does[left_out] = -1
        return does

    def normalize(self, text: Text, begins: npt.NDArray[np.bool_], left_out: npt.NDArray[np.bool_]) -> Text:
        """Normalized segments; `begins` says which begin a document, and those `left_out` are empty."""
        does = self.does(begins, left_out)
        if self.table is None:
            does[~left_out] = -1
            hard = np.flatnonzero(~left_out)
            made = Text(data=np.zeros(0, np.uint8), offsets=np.zeros(len(does) + 1, np.int64))
        else:
            made, hard = by_table(text, does, self.table)
        if not len(hard):
            return made
        texts = [
            self.normalize_text(
                text.data[text.offsets[i] : text.offsets[i + 1]].tobytes().decode(), bool(begins[i])
            )
            for i in hard.tolist()
        ]
        for char in set().union(*texts) - self._met:
            self._met.add(char)
            self.seen(char)
        return _put_in(made, hard, [one.encode() for one in texts])

    def normalize_text(self, text: str, begins: bool) -> str:
        """One segment, by the library: what `normalize` makes of each."""
        front = self.front
        if self._library is not None:
            text = self._library.normalize_str(text)
        if front.parted:
            text = " ".join(WHITE_SPACE.split(text)).strip(" ")
        if not front.marker:
            return text
        if front.words:
            words = [word for word in WHITE_SPACE.split(text) if word]
            return "".join(word if word[0] == MARKER else MARKER + word for word in words).replace(
                MARKER, " "
            )
        text = text.replace(MARKER, " ")
        wanted = front.prefix == "always" or (front.prefix == "first" and begins)
        return " " + text if wanted and text and text[0] != " " else text

    def _becomes(self, char: str) -> str | None:
        for make in self._makers:
            if (made := make(char)) is None:
                return None
            char = made
        return self.settled(char)

    def settled(self, char: str) -> str | None:
        """What is made of what the normalizers have made of a character; None where that depends on others."""
        front = self.front
        if front.marker and MARKER in char:
            return None if front.runs or front.strip or front.words else char.replace(MARKER, " ")
        if front.parted or front.words:
            return WHITE_SPACE.sub(" ", char)
        if front.strip and WHITE_SPACE.search(char.replace(" ", "")):
            return None
        return char


def _put_in(text: Text, places: npt.NDArray[np.int64], made: Sequence[bytes]) -> Text:
    """The segments with others in the places of some that are empty."""
    parts, last = [], int(text.offsets[0])
    lengths = np.diff(text.offsets)
    for place, one in zip(places.tolist(), made, strict=True):
        end = int(text.offsets[place])
        parts += [text.data[last:end], np.frombuffer(one, np.uint8)]
        lengths[place] = len(one)
        last = end
    parts.append(text.data[last : int(text.offsets[-1])])
    return Text(
        data=np.concatenate(parts), offsets=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    )
