"""Strings of JSON, sixty-four bytes at a time: where they end, whether they are UTF-8, and what they say.

A window's quotes, backslashes, control characters and bytes of other scripts are found at once, as masks (`simd.py`); what
is between two escapes is copied whole. Bytes of other scripts are checked as a window too, by masks of what may lead and what
must follow, and only where there are any. The idea of classifying a block of bytes by masks is that of simdjson (Langdale and
Lemire, "Parsing gigabytes of JSON per second", 2019).

Every loop ends at a control character, so `PADDING` newlines must follow the text; no window begins behind the first.
"""

from typing import Any

import numpy as np

from pairloom.operators.kernels.jit import (
    copy_bytes,
    inner,
    load_u8,
    store_u8,
    trailing_zeros,
)
from pairloom.operators.kernels.simd import bytes_between

__all__ = ["WINDOW", "decode_string", "skip_string"]

WINDOW = 64
"""So many bytes are read at once, and written: that much must be free behind what is decoded."""

_NONE, _ONE = np.uint64(0), np.uint64(1)
_TWO, _THREE = np.uint64(2), np.uint64(3)
_ALL = np.uint64(0xFFFFFFFFFFFFFFFF)
_BAD = 0
# What a letter behind a backslash stands for; \u is not among them.
_ESCAPED = np.zeros(256, np.uint8)
for _letter, _meant in zip(b'"\\/bfnrt', b'"\\/\b\f\n\r\t', strict=True):
    _ESCAPED[_letter] = _meant


@inner
def _from(n: int) -> Any:
    """A mask of the bits from `n`, of [0, 63], on."""
    return _ALL << np.uint64(n)


@inner
def _whole(p: int, until: Any) -> int:
    """How many bytes of the window at `p`, which begins with a whole character, are whole characters: 61 to 64.

    -1 where they are not UTF-8. `until` is a mask of the bytes that matter, from the first on.
    """
    leads = bytes_between(p, 0xC2, 0x33)
    leads_3 = bytes_between(p, 0xE0, 0x15)
    leads_4 = bytes_between(p, 0xF0, 0x05)
    follows = bytes_between(p, 0x80, 0x40)
    wrong = ((leads << _ONE) | (leads_3 << _TWO) | (leads_4 << _THREE)) ^ follows
    wrong |= bytes_between(p, 0x80, 0x80) & ~(leads | follows)
    # Overlong forms, surrogates, and what is above U+10FFFF, by the second byte.
    wrong |= (bytes_between(p, 0xE0, 1) << _ONE) & bytes_between(p, 0x80, 0x20)
    wrong |= (bytes_between(p, 0xED, 1) << _ONE) & bytes_between(p, 0xA0, 0x20)
    wrong |= (bytes_between(p, 0xF0, 1) << _ONE) & bytes_between(p, 0x80, 0x10)
    wrong |= (bytes_between(p, 0xF4, 1) << _ONE) & bytes_between(p, 0x90, 0x30)
    if wrong & until != _NONE:
        return -1
    if leads >> np.uint64(63) != _NONE:
        return 63
    if (leads_3 >> np.uint64(62)) & _ONE != _NONE:
        return 62
    if (leads_4 >> np.uint64(61)) & _ONE != _NONE:
        return 61
    return 64


@inner
def _hex4(p: int) -> int:
    """The value of four hexadecimal digits, or -1."""
    value = 0
    for k in range(4):
        c = load_u8(p + k)
        if 48 <= c <= 57:
            value = value * 16 + c - 48
        elif 65 <= (c & 0xDF) <= 70:
            value = value * 16 + (c & 0xDF) - 55
        else:
            return -1
    return value


@inner
def skip_string(p: int) -> int:
    """Twice the position after the quote that ends the string whose inside starts at `p`, plus one if it has escapes.

    0 when it is not a JSON string in UTF-8.
    """
    escaped = 0
    while True:
        slashes = bytes_between(p, 0x5C, 1)
        stops = slashes | bytes_between(p, 0x22, 1) | bytes_between(p, 0, 32)
        left = stops
        at, end = p, 0
        while left != _NONE:
            n = p + trailing_zeros(left)
            c = load_u8(n)
            if c == 0x22:
                end = n
                break
            if c != 0x5C:
                return _BAD
            escaped = 1
            e = load_u8(n + 1)
            if e == 0x75:
                if _hex4(n + 2) < 0:
                    return _BAD
                at = n + 6
            elif _ESCAPED[e] != 0:
                at = n + 2
            else:
                return _BAD
            if at - p >= WINDOW:
                break
            left &= _from(at - p)
        size = WINDOW
        if bytes_between(p, 0x80, 0x80) != _NONE:
            until = _ALL
            if end != 0:
                until = ~(_from(end - p) << _ONE)
            size = _whole(p, until)
            if size < 0:
                return _BAD
        if end != 0:
            return (end + 1) * 2 + escaped
        p = max(at, p + size)


@inner
def _put_utf8(code: int, to: int) -> int:
    """Write a code point and return the position after it."""
    if code < 0x80:
        store_u8(to, np.uint8(code))
        return to + 1
    if code < 0x800:
        store_u8(to, np.uint8(0xC0 | (code >> 6)))
        store_u8(to + 1, np.uint8(0x80 | (code & 0x3F)))
        return to + 2
    if code < 0x10000:
        store_u8(to, np.uint8(0xE0 | (code >> 12)))
        store_u8(to + 1, np.uint8(0x80 | ((code >> 6) & 0x3F)))
        store_u8(to + 2, np.uint8(0x80 | (code & 0x3F)))
        return to + 3
    store_u8(to, np.uint8(0xF0 | (code >> 18)))
    store_u8(to + 1, np.uint8(0x80 | ((code >> 12) & 0x3F)))
    store_u8(to + 2, np.uint8(0x80 | ((code >> 6) & 0x3F)))
    store_u8(to + 3, np.uint8(0x80 | (code & 0x3F)))
    return to + 4


@inner
def _code_point(p: int) -> int:
    """What the escape that begins with the backslash at `p` stands for, eight times, plus how many times six bytes it takes.

    -1 where it is not an escape, or half of a pair of surrogates.
    """
    code = _hex4(p + 2)
    if code < 0xD800 or code > 0xDFFF:
        return -1 if code < 0 else code * 8 + 1
    if code >= 0xDC00 or load_u8(p + 6) != 0x5C or load_u8(p + 7) != 0x75:
        return -1
    low = _hex4(p + 8)
    if low < 0xDC00 or low > 0xDFFF:
        return -1
    return (0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00)) * 8 + 2


@inner
def decode_string(p: int, to: int) -> tuple[int, int]:
    """Write what the string whose inside starts at `p` says; (the position after its quote, the one after what is written).

    (0, 0) when it is not a JSON string in UTF-8, and at a lone surrogate. Up to `WINDOW` bytes behind it are overwritten.
    """
    while True:
        slashes = bytes_between(p, 0x5C, 1)
        left = slashes | bytes_between(p, 0x22, 1) | bytes_between(p, 0, 32)
        copy_bytes(p, to, WINDOW)
        at, end = p, 0
        while left != _NONE:
            n = p + trailing_zeros(left)
            to += n - at
            c = load_u8(n)
            if c == 0x22:
                end = n
                break
            if c != 0x5C:
                return _BAD, _BAD
            e = load_u8(n + 1)
            if e == 0x75:
                code = _code_point(n)
                if code < 0:
                    return _BAD, _BAD
                to = _put_utf8(code >> 3, to)
                at = n + 6 * (code & 7)
            else:
                meant = _ESCAPED[e]
                if meant == 0:
                    return _BAD, _BAD
                store_u8(to, meant)
                to += 1
                at = n + 2
            if at - p >= WINDOW:
                break
            left &= _from(at - p)
            copy_bytes(at, to, WINDOW)
        size = WINDOW
        if bytes_between(p, 0x80, 0x80) != _NONE:
            until = _ALL
            if end != 0:
                until = ~(_from(end - p) << _ONE)
            size = _whole(p, until)
            if size < 0:
                return _BAD, _BAD
        if end != 0:
            return end + 1, to
        p, to = max(at, p + size), to + max(0, p + size - at)
