"""Reading a class of characters, `[…]`, as Oniguruma does: members, ranges, nested classes, brackets, intersections."""

import re

import numpy as np

from pairloom.operators.text.pretokenize.patterns.escapes import Reader, folded
from pairloom.operators.text.pretokenize.patterns.properties import Points, bracket

__all__ = ["read_class"]

_BRACKET = re.compile(r"\[:(\^?)([a-z]+):\]")
_DEEPEST = 50


def read_class(reader: Reader, *, ignore_case: bool = False, depth: int = 0) -> Points:
    r"""The set of the class that comes next; raises UntranslatedError.

    Without regard to case only a list of ASCII characters is read: of other classes Oniguruma may match several characters.

    >>> found = read_class(Reader(r"[a-f&&[^bc]]"))
    >>> "".join(chr(point) for point in found.nonzero()[0])
    'adef'
    """
    start = reader.position
    reader.next()
    negated = reader.take("^")
    found, term = np.ones(0x110000, bool), np.zeros(0x110000, bool)
    first, members, simple = reader.position, 0, not negated
    while not reader.take("]"):
        if depth > _DEEPEST:
            raise reader.untranslated(start)
        if reader.take("&&"):
            if not members or reader.peek() in {"&", "^", "-", "]"}:
                raise reader.untranslated(reader.position - 2)
            found &= term
            term, members, simple = np.zeros(0x110000, bool), 0, False
            continue
        plain = _member(reader, term, reader.position == first, depth)
        simple &= plain
        members += 1
    if not members:
        raise reader.untranslated(start)
    found &= term
    if ignore_case:
        if not simple or found[0x80:].any():
            raise reader.untranslated(start)
        found[list(folded(tuple(found.nonzero()[0].tolist())))] = True
    return ~found if negated else found


def _member(reader: Reader, term: Points, first: bool, depth: int) -> bool:
    """Add the next member to a set; whether it is a character or a range."""
    start = reader.position
    if reader.ended or (first and reader.peek() == "]"):
        raise reader.untranslated(start)
    if reader.peek() == "[":
        term |= _nested(reader, depth)
        _end_of_set(reader)
        return False
    ambiguous = not first or reader.pattern.startswith(("--", "-[", "-&&"), start)
    if reader.peek() == "-" and not reader.pattern.startswith("-]", start) and ambiguous:
        raise reader.untranslated(start)
    low = _character(reader)
    if not isinstance(low, int):
        term |= low
        _end_of_set(reader)
        return False
    high = low
    if reader.peek() == "-" and not reader.pattern.startswith("-]", reader.position):
        reader.next()
        if reader.ended or reader.peek() in "[&-":
            raise reader.untranslated(start)
        last = _character(reader)
        if not isinstance(last, int) or last < low:
            raise reader.untranslated(start)
        high = last
        _end_of_set(reader)
    term[low : high + 1] = True
    return True


def _character(reader: Reader) -> int | Points:
    return reader.escape(in_class=True) if reader.peek() == "\\" else ord(reader.next())


def _nested(reader: Reader, depth: int) -> Points:
    start = reader.position
    if not reader.pattern.startswith("[:", start):
        return read_class(reader, depth=depth + 1)
    found = _BRACKET.match(reader.pattern, start)
    points = bracket(found[2]) if found else None
    if found is None or points is None:
        raise reader.untranslated(start)
    reader.position = found.end()
    return ~points if found[1] else points


def _end_of_set(reader: Reader) -> None:
    """A hyphen after a set or a range is read in several ways, unless it is the last."""
    if reader.peek() == "-" and not reader.pattern.startswith("-]", reader.position):
        raise reader.untranslated(reader.position)
