r"""Reading a pattern as Oniguruma reads it (its Ruby syntax, in UTF-8): the part of the syntax that is translated here.

Translated are characters, escapes of one character, `.`, classes with ranges, nested classes, intersections and brackets,
`\s \d \w \h \p{…}` and their opposites, `^ $ \A \z \Z \b \B`, groups `(…) (?:…) (?>…) (?=…) (?!…)`, looking behind by
characters, alternatives, `? * + {n} {n,} {n,m}`, the first three also lazy or possessive, and `(?i:…)` around ASCII. What is
repeated without a limit has one way to match, so that a text has not exponentially many. Everything else is left to
Oniguruma itself: `UntranslatedError` says where it stands. No element is taken to mean what it means in another dialect.
"""

import re
from typing import NamedTuple, TypeAlias

import numpy as np

from pairloom.operators.text.pretokenize.patterns.classes import read_class
from pairloom.operators.text.pretokenize.patterns.escapes import Reader, folded, word_characters
from pairloom.operators.text.pretokenize.patterns.properties import Points

__all__ = ["Part", "parse"]

# Text of the translation, or a set of code points that one character of it stands for.
Part: TypeAlias = "str | Points | tuple[int, ...]"

_ANY: tuple[Part, ...] = (np.ones(0x110000, bool),)
_NEWLINE: tuple[Part, ...] = ((0x0A,),)
_DEEPEST = 50
# A set takes some milliseconds to make, so that reading a longer pattern would take seconds.
_LONGEST = 2_000
_MOST_REPEATS = 1000

# What two ASCII letters after each other, without regard to case, one letter such as ß may stand for.
_LIGATURES = {"ss", "st", "ff", "fi", "fl"}

_GROUPS = {"(?:": "(?:", "(?>": "(?>", "(?=": "(?=", "(?!": "(?!"}
_ANCHORS = {
    "^": ("(?:(?<!", *_ANY, ")|(?<=", *_NEWLINE, ")(?=", *_ANY, "))"),
    "$": ("(?:(?=", *_NEWLINE, ")|(?!", *_ANY, ")(?<!", *_NEWLINE, "))"),
    r"\A": ("(?<!", *_ANY, ")"),
    r"\z": ("(?!", *_ANY, ")"),
    r"\Z": ("(?=(?:", *_NEWLINE, ")?(?!", *_ANY, "))"),
}


class _Fragment(NamedTuple):
    """A part of a pattern: its translation, whether it may match nothing, and whether all its matches go one way."""

    parts: tuple[Part, ...]
    empty: bool = False
    plain: bool = True
    repeatable: bool = True


def parse(pattern: str) -> tuple[Part, ...]:
    r"""The translation of a pattern; raises UntranslatedError.

    >>> [part if isinstance(part, str) else "set" for part in parse(r" ?\p{L}+")]
    ['set', '?', 'set', '+']
    """
    reader = _PatternReader(pattern)
    if len(pattern) > _LONGEST:
        raise reader.untranslated(_LONGEST)
    found = reader.alternatives(ignore_case=False, depth=0)
    if not reader.ended:
        raise reader.untranslated(reader.position)
    return found.parts


class _PatternReader(Reader):
    """`depth` groups are open, of which `folding` is the number of the one that began to disregard case."""

    depth, folding = 0, 0

    def alternatives(self, *, ignore_case: bool, depth: int) -> _Fragment:
        """Up to the end of the group, or of the pattern."""
        if depth > _DEEPEST:
            raise self.untranslated(self.position)
        branches = [self._branch(ignore_case, depth)]
        while self.take("|"):
            branches.append(self._branch(ignore_case, depth))
        if len(branches) == 1:
            return branches[0]
        parts: list[Part] = []
        for branch in branches:
            parts += ["|", *branch.parts]
        return _Fragment(tuple(parts[1:]), any(branch.empty for branch in branches), plain=False)

    def _branch(self, ignore_case: bool, depth: int) -> _Fragment:
        parts: list[Part] = []
        empty = plain = True
        while not self.ended and self.peek() not in "|)":
            found = self._repeated(self._item(ignore_case, depth))
            parts += found.parts
            empty &= found.empty
            plain &= found.plain
        return _Fragment(tuple(parts), empty, plain)

    def _item(self, ignore_case: bool, depth: int) -> _Fragment:
        start = self.position
        for anchor, translated in _ANCHORS.items():
            if self.take(anchor):
                return _Fragment(translated, empty=True, repeatable=False)
        if self.take(r"\b"):
            return _boundary("(?:", ("(?<=", ")(?!", ")|(?<!", ")(?=", "))"))
        if self.take(r"\B"):
            return _boundary("(?:", ("(?<=", ")(?=", ")|(?<!", ")(?!", "))"))
        if self.peek() == "(":
            return self._group(ignore_case, depth)
        if self.peek() == "[":
            return _Fragment((read_class(self, ignore_case=ignore_case),))
        if self.take("."):
            if ignore_case:
                raise self.untranslated(start)
            newline = np.ones(0x110000, bool)
            newline[0x0A] = False
            return _Fragment((newline,))
        if self.peek() in "?*+{":
            raise self.untranslated(start)
        found = self.escape() if self.peek() == "\\" else ord(self.next())
        if not ignore_case:
            return _Fragment(((found,) if isinstance(found, int) else found,))
        if not isinstance(found, int) or found > 0x7F or not self._stands_alone(chr(found)):
            raise self.untranslated(start)
        return _Fragment((folded((found,)),))

    def _stands_alone(self, letter: str) -> bool:
        """Whether a letter, without regard to case, is sure not to be half of a ligature."""
        if letter.lower() not in "sf":
            return True
        after = self.peek()
        if after == "|" or (after == ")" and self.folding == self.depth):
            return True
        plain = after.isascii() and (after.isalnum() or after in " '")
        return plain and letter.lower() + after.lower() not in _LIGATURES

    def _group(self, ignore_case: bool, depth: int) -> _Fragment:
        start = self.position
        if self.take("(?<=") or self.take("(?<!"):
            return self._behind(self.pattern[start : self.position], ignore_case, start)
        if self.take("(?i:"):
            outer, self.folding = self.folding, depth + 1
            inner = self._inside(start, ignore_case=True, depth=depth)
            self.folding = outer
            return inner._replace(parts=("(?:", *inner.parts, ")"))
        for opening, translated in _GROUPS.items():
            if self.take(opening):
                inner = self._inside(start, ignore_case=ignore_case, depth=depth)
                parts = (translated, *inner.parts, ")")
                if opening in {"(?=", "(?!"}:
                    return _Fragment(parts, empty=True, repeatable=False)
                return inner._replace(parts=parts)
        self.next()
        if self.peek() in "?*":
            raise self.untranslated(start)
        inner = self._inside(start, ignore_case=ignore_case, depth=depth)
        return inner._replace(parts=("(?:", *inner.parts, ")"))

    def _inside(self, start: int, *, ignore_case: bool, depth: int) -> _Fragment:
        self.depth = depth + 1
        inner = self.alternatives(ignore_case=ignore_case, depth=depth + 1)
        self.depth = depth
        if not self.take(")"):
            raise self.untranslated(start)
        return inner

    def _behind(self, opening: str, ignore_case: bool, start: int) -> _Fragment:
        """What looks behind, by characters alone."""
        parts: list[Part] = []
        while not self.ended and self.peek() != ")":
            if ignore_case or self.peek() in "(|^$" or self.pattern.startswith(_ZERO_WIDTH, self.position):
                raise self.untranslated(start)
            parts += self._item(ignore_case, 0).parts
        if not parts or not self.take(")"):
            raise self.untranslated(start)
        return _Fragment((opening, *parts, ")"), empty=True, repeatable=False)

    def _repeated(self, item: _Fragment) -> _Fragment:
        start = self.position
        mark = self._mark()
        if mark is None:
            return item
        if not item.repeatable or item.empty or (not item.plain and mark[0] != "?"):
            raise self.untranslated(start)
        if mark.startswith(("{1}", "{1,")) and self.take("+"):
            mark = "+"  # not possessive here, but a repetition of repetitions
        if self._mark() is not None:
            raise self.untranslated(start)
        return _Fragment((*item.parts, mark), empty=mark[0] in "?*" or mark[:2] == "{0", plain=False)

    def _mark(self) -> str | None:
        """The mark of repetition that comes next, as it is written in the translation."""
        if self.ended or self.peek() not in "?*+{":
            return None
        start = self.position
        if self.peek() != "{":
            mark = self.next()
            return mark + self.next() if not self.ended and self.peek() in "?+" else mark
        found = re.compile(r"\{([0-9]{1,4})(,?)([0-9]{0,4})\}").match(self.pattern, start)
        if found is None:
            raise self.untranslated(start)
        low = int(found[1])
        high = int(found[3] or (_MOST_REPEATS if found[2] else low))
        self.position = found.end()
        if not 0 < high <= _MOST_REPEATS or low > high:
            raise self.untranslated(start)
        return found[0]


_ZERO_WIDTH = (r"\A", r"\z", r"\Z", r"\b", r"\B")


def _boundary(opening: str, between: tuple[str, ...]) -> _Fragment:
    word = word_characters()
    parts: list[Part] = [opening]
    for text in between[:-1]:
        parts += [text, word]
    return _Fragment((*parts, between[-1]), empty=True, repeatable=False)
