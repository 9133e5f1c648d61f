"""Values of JSON that nobody asked for: where they end, and whether they are what RFC 8259 allows."""

import numpy as np

from pairloom.operators.kernels.jit import inner, load_u8, store_u8
from pairloom.pipeline.inputs.readers.kernels.json_strings import skip_string

__all__ = ["DEEPEST", "after_blanks", "skip_container", "skip_literal", "skip_number"]

DEEPEST = 256
"""`_json_line.MAX_DEPTH`: so many objects and arrays may be within each other, that of the line itself included."""


@inner
def after_blanks(p: int) -> int:
    """The first position that is not a space, a tab or a carriage return."""
    while True:
        c = load_u8(p)
        if c != 32 and c != 9 and c != 13:
            return p
        p += 1


@inner
def _digits(p: int) -> int:
    while 48 <= load_u8(p) <= 57:
        p += 1
    return p


@inner
def skip_number(p: int) -> int:
    """Twice the position after the number at `p`, plus one if it is an integer; 0 when it is not a number."""
    if load_u8(p) == 45:
        p += 1
    q = p + 1 if load_u8(p) == 48 else _digits(p)
    if q == p:
        return 0
    integer = 1
    if load_u8(q) == 46:
        integer = 0
        p = q + 1
        q = _digits(p)
        if q == p:
            return 0
    if load_u8(q) & 0xDF == 69:
        integer = 0
        p = q + 1
        if load_u8(p) == 43 or load_u8(p) == 45:
            p += 1
        q = _digits(p)
        if q == p:
            return 0
    return q * 2 + integer


@inner
def skip_literal(p: int) -> int:
    """The position after `true`, `false` or `null`, or 0."""
    a, b, c, d = load_u8(p), load_u8(p + 1), load_u8(p + 2), load_u8(p + 3)
    if (a == 116 and b == 114 and c == 117 and d == 101) or (a == 110 and b == 117 and c == 108 and d == 108):
        return p + 4
    if a == 102 and b == 97 and c == 108 and d == 115 and load_u8(p + 4) == 101:
        return p + 5
    return 0


@inner
def _scalar(p: int) -> int:
    """The position after the string, number or literal at `p`, or 0."""
    c = load_u8(p)
    if c == 0x22:
        return skip_string(p + 1) >> 1
    if c == 45 or 48 <= c <= 57:
        return skip_number(p) >> 1
    return skip_literal(p)


@inner
def skip_container(p: int, stack: int, outside: int) -> int:
    """The position after the object or array at `p`, which is within `outside` others, or 0.

    `stack` is the address of `DEEPEST` bytes.
    """
    depth = outside
    while True:
        # Here a value starts.
        c = load_u8(p)
        opened = c == 0x7B or c == 0x5B
        if opened:
            depth += 1
            if depth > DEEPEST:
                return 0
            store_u8(stack + depth - 1, np.uint8(c))
            p = after_blanks(p + 1)
        else:
            p = _scalar(p)
            if p == 0:
                return 0
            p = after_blanks(p)
        # Here a value has ended, or a container has just been opened.
        while True:
            inside = load_u8(stack + depth - 1)
            c = load_u8(p)
            if c == inside + 2:
                opened = False
                depth -= 1
                if depth == outside:
                    return p + 1
                p = after_blanks(p + 1)
                continue
            if not opened:
                if c != 0x2C:
                    return 0
                p = after_blanks(p + 1)
            break
        if inside == 0x7B:
            if load_u8(p) != 0x22:
                return 0
            p = skip_string(p + 1) >> 1
            if p == 0:
                return 0
            p = after_blanks(p)
            if load_u8(p) != 0x3A:
                return 0
            p = after_blanks(p + 1)
