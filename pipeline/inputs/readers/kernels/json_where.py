"""Whether a condition holds of a record, where that is plain from the bytes of its fields.

What is not plain is left to `shaping/records.py`: a number so close to the one that it is compared with that rounding decides,
a text that may be a number, anything that is an error. So this says the same as that, or nothing.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pairloom.operators.kernels.jit import inner, load_u8
from pairloom.pipeline.inputs.shaping.kinds import (
    ARRAY,
    BLOCKED,
    BOOLEAN,
    INTEGER,
    NOTHING,
    NULL,
    NUMBER,
    STRING,
)

__all__ = [
    "BOTH", "DEEPEST", "EITHER", "EQUAL", "IS_NULL", "IS_TRUE", "LESS", "LESS_EQUAL", "MORE", "MORE_EQUAL", "NEITHER", "NO", "NOT",
    "SAME", "UNSURE", "YES", "Asked", "joined", "tested",
]  # fmt: skip

# What is said of a record: both is the least of two, either the greatest.
NO, NEITHER, YES, UNSURE = 0, 1, 2, 3
# What a test does: it compares a number with another, a text with another, or looks at what there is.
EQUAL, LESS, LESS_EQUAL, MORE, MORE_EQUAL, SAME, IS_TRUE, IS_NULL = 0, 1, 2, 3, 4, 5, 6, 7
NOT, BOTH, EITHER = 8, 9, 10
DEEPEST = 24
"""So many answers may wait for others."""

_DIGITS = 10**17  # before another digit, so that they stay below 2^63
_WHOLE = 1 << 53
_EXACT, _FARTHEST = 22, 60
_CLOSE = 2.0**-49
_POWERS = np.array([float(f"1e{n}") for n in range(_FARTHEST + 1)])


class Asked(NamedTuple):
    """A condition as tests and what joins them, one after another, each behind what it joins; no tests keep every record.

    Test `i` is `ops[i]` of field `fields[i]`, with `numbers[i]` or the text `texts[ends[i]:ends[i + 1]]`.
    """

    ops: npt.NDArray[np.int64]
    fields: npt.NDArray[np.int64]
    numbers: npt.NDArray[np.float64]
    texts: npt.NDArray[np.uint8]
    ends: npt.NDArray[np.int64]


@inner
def _decimal(p: int, end: int) -> tuple[float, bool, bool]:
    """The number from `p` up to `end`, whether it is the float that is nearest, and whether it is at least about that."""
    negative = load_u8(p) == 45
    if negative:
        p += 1
    whole, power = np.int64(0), 0
    point, exact = False, True
    while p < end:
        c = load_u8(p)
        if c == 46:
            point = True
        elif c < 48 or c > 57:
            break
        elif whole < _DIGITS:
            whole = whole * 10 + (np.int64(c) - 48)
            power -= point
        else:
            exact = False
            power += not point
        p += 1
    if p < end:  # an e, perhaps a sign, and digits
        p += 1
        c = load_u8(p)
        if c == 43 or c == 45:
            p += 1
        size = 0
        while p < end and size <= 1000:
            size = size * 10 + (np.int64(load_u8(p)) - 48)
            p += 1
        power += -size if c == 45 else size
    if power < -_FARTHEST or power > _FARTHEST:
        return 0.0, False, False
    value = float(whole)
    value = value * _POWERS[power] if power >= 0 else value / _POWERS[-power]
    exact = exact and whole <= _WHOLE and -_EXACT <= power <= _EXACT
    return (-value if negative else value), exact, True


@inner
def _compared(op: int, p: int, end: int, other: float) -> int:
    """How the number from `p` up to `end` compares."""
    value, exact, about = _decimal(p, end)
    if not about or (not exact and abs(value - other) <= _CLOSE * max(abs(value), abs(other))):
        return UNSURE
    if op == EQUAL:
        good = value == other
    elif op == LESS:
        good = value < other
    elif op == LESS_EQUAL:
        good = value <= other
    elif op == MORE:
        good = value > other
    else:
        good = value >= other
    return YES if good else NO


@inner
def tested(op: int, kind: int, p: int, end: int, number: float, text: int, size: int) -> int:
    """What a test says of a field that is `kind` and written from `p` up to `end`; its text is `size` bytes at an address."""
    if kind in (INTEGER, NUMBER) and op <= MORE_EQUAL:
        return _compared(op, p, end, number)
    if kind in (ARRAY, BLOCKED):
        return UNSURE
    if op == IS_NULL:
        return YES if kind in (NULL, NOTHING) else NO
    if kind in (NULL, NOTHING):
        return NEITHER
    if op == IS_TRUE:
        if kind != BOOLEAN:
            return UNSURE
        return YES if load_u8(p) == 0x74 else NO
    if op != SAME or kind not in (STRING, INTEGER):
        return UNSURE
    if end - p != size:
        return NO
    for i in range(size):
        if load_u8(p + i) != load_u8(text + i):
            return NO
    return YES


@inner
def joined(op: int, answers: int) -> int:
    """The answers that wait, two bits each and the last one lowest, once the last, or the last two, have become one."""
    last, other = answers & 3, (answers >> 2) & 3
    if op == NOT:
        return answers + 2 - 2 * last
    return ((answers >> 4) << 2) | (min(last, other) if op == BOTH else max(last, other))
