"""Running a translated pattern, over classes of characters instead of characters.

Code points that no set of the pattern tells apart are one class; there are at most 255. A text becomes a byte a character, its
class, and the `regex` library matches these bytes: it knows nothing of Unicode, so that no table but ours decides a cut.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import regex

from pairloom.operators.errors import DataError
from pairloom.operators.text.pretokenize.patterns.escapes import UntranslatedError
from pairloom.operators.text.pretokenize.patterns.properties import CODE_POINTS, Points
from pairloom.operators.text.pretokenize.patterns.syntax import parse

__all__ = ["Translated"]

_MOST_CLASSES = 255
# A document for which a pattern takes this long is refused. What is translated has no exponential cases, but some that are
# quadratic or cubic in a run of characters: `\\s+x` takes 0.2 s for 10,000 spaces.
_SECONDS = 120.0


class Translated:
    """A pattern that was translated: cuts a document at the matches. Raises UntranslatedError."""

    def __init__(self, pattern: str) -> None:
        parts = parse(pattern)
        self._pattern = pattern
        self._classes: npt.NDArray[Any] = _told_apart([part for part in parts if not isinstance(part, str)])
        if int(self._classes.max()) > _MOST_CLASSES - 1:
            raise UntranslatedError(0, pattern[:12])
        written = [part if isinstance(part, str) else self._spelled(part) for part in parts]
        self._classes = self._classes.astype(np.uint8)
        program = "".join(written).encode("ascii")
        self._program = regex.compile(program, regex.VERSION0)
        tiles = regex.compile(b"(" + program + b")|(?s:.)", regex.VERSION0)
        self._tiles = tiles if tiles.groups == 1 else None

    def _spelled(self, part: "Points | tuple[int, ...]") -> str:
        chosen = self._classes[list(part)] if isinstance(part, tuple) else self._classes[part]
        numbers = np.flatnonzero(np.bincount(chosen, minlength=1)).tolist() if len(chosen) else []
        if not numbers:
            return "(?!)"
        return "[" + "".join(rf"\x{number:02x}" for number in numbers) + "]"

    def cuts(self, text: str) -> npt.NDArray[np.int64]:
        """The starts and ends of all matches, in characters, ascending; one that is both stands there once or twice."""
        points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")
        data = self._classes[points].tobytes()
        try:
            found = self._tiled(data)
            return self._one_by_one(data) if found is None else found
        except TimeoutError as error:
            raise DataError(
                f"pattern {self._pattern!r} takes more than {_SECONDS:.0f} s for a document of {len(text):,} characters that "
                f"begins {text[:40]!r}: write it so that no run of characters can be matched in many ways"
            ) from error

    def _tiled(self, data: bytes) -> npt.NDArray[np.int64] | None:
        """The same from one call for all matches, a third of the time; None where some match is empty.

        Each item is a match, or nothing for a character at which none begins. An empty match is nothing too, but takes no
        character, so that there are more items then than the text has characters for.
        """
        if self._tiles is None:
            return None
        items = self._tiles.findall(data, timeout=_SECONDS)
        lengths = np.fromiter(map(len, items), np.int64, len(items))
        between = lengths == 0
        lengths[between] = 1
        ends = np.cumsum(lengths)
        if len(ends) and ends[-1] != len(data):
            return None
        # Characters between two matches are one piece.
        inside = between.copy()
        inside[:-1] &= between[1:]
        inside[-1:] = False
        return ends[~inside]

    def _one_by_one(self, data: bytes) -> npt.NDArray[np.int64]:
        found: list[int] = []
        position = 0
        while position <= len(data):
            position = self._some(data, position, found)
        return np.array(found, np.int64)

    def _some(self, data: bytes, position: int, found: list[int]) -> int:
        """Matches up to the first of nothing, after which Oniguruma goes on a character further; where to go on."""
        for match in self._program.finditer(data, pos=position, timeout=_SECONDS):
            low, high = match.span()
            found += (low, high)
            if low == high:
                return int(high) + 1
        return len(data) + 1


def _told_apart(sets: list[Any]) -> npt.NDArray[np.uint16]:
    """The class of each code point: as many as the sets tell apart, numbered from 0."""
    labels = np.zeros(CODE_POINTS, np.uint16)
    done: set[bytes | tuple[int, ...]] = set()
    for members in sets:
        key = members if isinstance(members, tuple) else np.packbits(members).tobytes()
        if key in done:
            continue
        done.add(key)
        inside = labels * np.uint16(2)
        if isinstance(members, tuple):
            inside[list(members)] += np.uint16(1)
        else:
            inside += members
        seen = np.bincount(inside, minlength=1) > 0
        labels = (np.cumsum(seen) - 1).astype(np.uint16)[inside]
        if int(labels.max()) >= _MOST_CLASSES:
            break
    return labels
