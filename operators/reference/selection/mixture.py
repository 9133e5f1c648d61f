"""Mixing: one document, one hash, one fraction."""

import math
from fractions import Fraction

__all__ = ["copies", "partition"]


def copies(hashed: int, epochs: Fraction) -> int:
    """How often the document with a hash (of 64 bits) is taken.

    >>> copies(0, Fraction(5, 2)), copies(2**63, Fraction(5, 2))
    (3, 2)
    """
    return math.floor(epochs) + (Fraction(hashed, 2**64) < epochs % 1)


def partition(base: Fraction, width: Fraction, length: int, size: int, parts: int, place: int) -> int:
    """The partition of what stands at token `place` of a source of `length` tokens, in a pass that begins at `base`."""
    return min(parts - 1, math.floor((base + width * Fraction(place, length)) / size))
