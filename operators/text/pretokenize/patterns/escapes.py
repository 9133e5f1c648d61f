"""Reading a pattern, an escape at a time."""

import re
import string

import numpy as np

from pairloom.operators.text.pretokenize.patterns.properties import Points, bracket, property_named

__all__ = ["Reader", "UntranslatedError", "folded", "word_characters"]

_CONTROLS = {"n": 0x0A, "t": 0x09, "r": 0x0D, "f": 0x0C, "v": 0x0B, "a": 0x07, "e": 0x1B}
_BRACKETS = {"s": "space", "d": "digit", "w": "word"}
_HEXADECIMAL = tuple(map(ord, string.hexdigits))
_CODE = re.compile(r"\\(?:x\{([0-9A-Fa-f]{1,6})\}|u([0-9A-Fa-f]{4})|x([0-7][0-9A-Fa-f]))")
_PROPERTY = re.compile(r"\\(?:p\{(\^?)([A-Za-z_]+)\}|P\{([A-Za-z_]+)\})")
# Letters outside ASCII that are the same as one in it, without regard to case.
_FOLDS = {"s": 0x017F, "k": 0x212A}


class UntranslatedError(Exception):
    """An element of a pattern is not translated; `position` is where it stands, `element` how it begins."""

    def __init__(self, position: int, element: str) -> None:
        super().__init__(position, element)
        self.position, self.element = position, element


class Reader:
    """A place in a pattern."""

    def __init__(self, pattern: str) -> None:
        self.pattern, self.position = pattern, 0

    @property
    def ended(self) -> bool:
        """Whether nothing is left."""
        return self.position >= len(self.pattern)

    def peek(self) -> str:
        """The next character, "" at the end."""
        return self.pattern[self.position : self.position + 1]

    def next(self) -> str:
        """The next character, and past it."""
        self.position += 1
        return self.pattern[self.position - 1]

    def take(self, text: str) -> bool:
        """Whether `text` comes next; past it, if so."""
        found = self.pattern.startswith(text, self.position)
        self.position += len(text) if found else 0
        return found

    def untranslated(self, position: int) -> UntranslatedError:
        """The error for the element at a position."""
        return UntranslatedError(position, self.pattern[position : position + 12])

    def escape(self, *, in_class: bool = False) -> int | Points:
        r"""What an escape of one character stands for.

        >>> Reader(r"\x{4e2d}").escape(), int(Reader(r"\s").escape().sum())
        (20013, 25)
        """
        start = self.position
        if found := _CODE.match(self.pattern, start):
            point = int(found[1] or found[2] or found[3], 16)
            if point > 0x10FFFF or 0xD800 <= point < 0xE000:
                raise self.untranslated(start)
            self.position = found.end()
            return point
        if found := _PROPERTY.match(self.pattern, start):
            points = property_named(found[2] or found[3])
            if points is None:
                raise self.untranslated(start)
            self.position = found.end()
            return ~points if found[1] or found[3] else points
        self.position += 1
        letter = self.next() if not self.ended else ""
        if letter in _CONTROLS:
            return _CONTROLS[letter]
        if letter and letter in string.punctuation + " ":
            return ord(letter)
        points = bracket(_BRACKETS.get(letter.lower(), ""))
        if letter in {"w", "W"} and not in_class:
            points = word_characters()
        if letter in {"h", "H"}:
            points = np.zeros(0x110000, bool)
            points[list(_HEXADECIMAL)] = True
        if points is None:
            raise self.untranslated(start)
        return ~points if letter.isupper() else points


def word_characters() -> Points:
    r"""What `\w` stands for outside of a class, and what `\b` looks at: Oniguruma adds six numbers of Latin-1 there.

    >>> "".join(map(chr, (word_characters() & ~Reader(r"\w").escape(in_class=True)).nonzero()[0])).encode("latin-1")
    b'\xb2\xb3\xb9\xbc\xbd\xbe'
    """
    points = bracket("word")
    assert points is not None
    points[[0xB2, 0xB3, 0xB9, 0xBC, 0xBD, 0xBE]] = True
    return points


def folded(points: tuple[int, ...]) -> tuple[int, ...]:
    r"""Code points of ASCII with all that are the same without regard to case.

    >>> [ascii(chr(point))[1:-1] for point in folded((ord("s"), ord("'")))]
    ["'", 'S', 's', '\\u017f']
    """
    letters = {chr(point).lower() for point in points} | {chr(point).upper() for point in points}
    return tuple(sorted({ord(letter) for letter in letters} | {_FOLDS[c] for c in letters if c in _FOLDS}))
