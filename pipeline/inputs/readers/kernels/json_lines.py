"""A compiled reader of JSON lines that is exact or says nothing.

It walks a line by the grammar of RFC 8259, checks every byte of it for UTF-8, and copies out the fields that are asked
for. It takes a line only when `_json_line.read_line` would accept it with the same result, and stops at any
other: errors, missing fields, escaped keys, NaN, lone surrogates. Those lines go to `read_line`, one by one, so that a
bad line costs its own time and no more.

(`pyarrow.json` was tried for this. It reads two objects on one line as two records, and version 26 ends the process
with a segmentation fault at a block whose lines are all `null`.)

Every loop ends at a newline, so the caller must put at least 16 of them behind the text (`lines.PADDING`).
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from pairloom.operators.kernels.jit import (
    address,
    inner,
    kernel,
    load_u8,
    load_u64,
    store_u8,
    store_u64,
    trailing_zeros,
)

__all__ = ["DONE", "EXPLAIN", "POSITION", "SEEN", "TAKEN", "TOO_LONG", "Names", "Taken", "scan_lines"]

# How `scan_lines` ends.
DONE, EXPLAIN, TOO_LONG = 0, 1, 2
# What `state` holds: the position in the data, records seen, records taken.
POSITION, SEEN, TAKEN = 0, 1, 2
_NOTHING, _STRING, _INTEGER, _NULL, _OTHER = 0, 1, 2, 3, 4
# `_json_line.MAX_DEPTH`, with the object of the line itself.
_DEPTH = 256

_HIGH = np.uint64(0x8080808080808080)
_ONES = np.uint64(0x0101010101010101)
_SPACES = np.uint64(0x2020202020202020)
_QUOTES = np.uint64(0x2222222222222222)
_SLASHES = np.uint64(0x5C5C5C5C5C5C5C5C)


@inner
def _blank(p: int) -> int:
    """The first position that is not a space, a tab or a carriage return."""
    while True:
        c = load_u8(p)
        if c != 32 and c != 9 and c != 13:
            return p
        p += 1


@inner
def _utf8(p: int) -> int:
    """The position after the multi-byte character at `p`, or 0 when the bytes are not UTF-8."""
    a = load_u8(p)
    b = load_u8(p + 1)
    if a < 0xC2 or a > 0xF4 or b & 0xC0 != 0x80:
        return 0
    if a < 0xE0:
        return p + 2
    if load_u8(p + 2) & 0xC0 != 0x80:
        return 0
    if a < 0xF0:
        if (a == 0xE0 and b < 0xA0) or (a == 0xED and b > 0x9F):
            return 0
        return p + 3
    if load_u8(p + 3) & 0xC0 != 0x80 or (a == 0xF0 and b < 0x90) or (a == 0xF4 and b > 0x8F):
        return 0
    return p + 4


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
def _first(stops: Any) -> int:
    """The index of the lowest byte with a bit set, as int64: a uint64 would make positions floats."""
    return np.int64(trailing_zeros(stops)) >> 3


@inner
def _string(p: int) -> int:
    """Twice the position after the quote that ends the string whose inside starts at `p`, plus one if it has escapes.

    0 when it is not a JSON string in UTF-8.
    """
    escaped = 0
    while True:
        w = load_u64(p)
        quote = w ^ _QUOTES
        slash = w ^ _SLASHES
        stops = w | ((w - _SPACES) & ~w) | ((quote - _ONES) & ~quote) | ((slash - _ONES) & ~slash)
        stops &= _HIGH
        if stops == np.uint64(0):
            p += 8
            continue
        p += _first(stops)
        c = load_u8(p)
        if c == 0x22:
            return (p + 1) * 2 + escaped
        if c == 0x5C:
            escaped = 1
            e = load_u8(p + 1)
            if e == 0x75:
                if _hex4(p + 2) < 0:
                    return 0
                p += 6
            elif (
                e == 0x22 or e == 0x5C or e == 0x2F or e == 98 or e == 102 or e == 110 or e == 114 or e == 116
            ):
                p += 2
            else:
                return 0
        elif c < 0x80:
            return 0
        else:
            while load_u8(p) >= 0x80:
                p = _utf8(p)
                if p == 0:
                    return 0


@inner
def _digits(p: int) -> int:
    while 48 <= load_u8(p) <= 57:
        p += 1
    return p


@inner
def _number(p: int) -> int:
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
def _literal(p: int) -> int:
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
        return _string(p + 1) >> 1
    if c == 45 or 48 <= c <= 57:
        return _number(p) >> 1
    return _literal(p)


@inner
def _container(p: int, stack: int) -> int:
    """The position after the object or array at `p`, or 0; `stack` is the address of `_DEPTH` bytes."""
    depth = 0
    while True:
        # Here a value starts.
        c = load_u8(p)
        opened = c == 0x7B or c == 0x5B
        if opened:
            depth += 1
            if depth >= _DEPTH:
                return 0
            store_u8(stack + depth, c)
            p = _blank(p + 1)
        else:
            p = _scalar(p)
            if p == 0:
                return 0
            p = _blank(p)
        # Here a value has ended, or a container has just been opened.
        while True:
            inside = load_u8(stack + depth)
            c = load_u8(p)
            if c == inside + 2:
                opened = False
                depth -= 1
                if depth == 0:
                    return p + 1
                p = _blank(p + 1)
                continue
            if not opened:
                if c != 0x2C:
                    return 0
                p = _blank(p + 1)
            break
        if inside == 0x7B:
            if load_u8(p) != 0x22:
                return 0
            p = _string(p + 1) >> 1
            if p == 0:
                return 0
            p = _blank(p)
            if load_u8(p) != 0x3A:
                return 0
            p = _blank(p + 1)


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
def _unescape(p: int, end: int, to: int) -> int:
    """Copy the inside of a checked string; the position after the copy, or 0 at a lone surrogate.

    Up to 8 bytes behind the copy are overwritten.
    """
    while p < end:
        w = load_u64(p)
        store_u64(to, w)
        slash = w ^ _SLASHES
        stops = (slash - _ONES) & ~slash & _HIGH
        step = 8 if stops == np.uint64(0) else _first(stops)
        step = min(step, end - p)
        p += step
        to += step
        if step == 8 or p >= end:
            continue
        e = load_u8(p + 1)
        if e != 0x75:
            c = np.uint8(e)
            if e == 98:
                c = np.uint8(8)
            elif e == 102:
                c = np.uint8(12)
            elif e == 110:
                c = np.uint8(10)
            elif e == 114:
                c = np.uint8(13)
            elif e == 116:
                c = np.uint8(9)
            store_u8(to, c)
            to += 1
            p += 2
            continue
        code = _hex4(p + 2)
        p += 6
        if 0xD800 <= code < 0xE000:
            if code >= 0xDC00 or p >= end or load_u8(p) != 0x5C or load_u8(p + 1) != 0x75:
                return 0
            low = _hex4(p + 2)
            if low < 0xDC00 or low > 0xDFFF:
                return 0
            code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00)
            p += 6
        to = _put_utf8(code, to)
    return to


@inner
def _same(p: int, q: int, length: int) -> bool:
    for k in range(length):
        if load_u8(p + k) != load_u8(q + k):
            return False
    return True


@inner
def _copy(p: int, end: int, to: int) -> int:
    """Copy bytes as they are; the position after the copy. Up to 7 bytes behind it are overwritten."""
    while p < end:
        store_u64(to, load_u64(p))
        step = min(8, end - p)
        p += step
        to += step
    return to


class Names(NamedTuple):
    """The fields to take: field `k` is named `bytes[ends[k]:ends[k + 1]]`: the text, the id if `ids` is 1, then others."""

    bytes: npt.NDArray[np.uint8]
    ends: npt.NDArray[np.int64]
    ids: int


class Taken(NamedTuple):
    """What was taken: of record `i`, field `k` is at `values[k] + offsets[k, i]`, up to the next offset; `rows[i]` is its number.

    `values` are addresses, each of as many bytes as there are in the data: buffers of their own, since the allocator gives
    back one of 32 MB and more, and every block would pay for its pages. `there[k, i]` is 0 where another field than text and
    id is missing or null. `offsets`, `there` and `rows` have an entry more than there are lines.
    """

    values: npt.NDArray[np.int64]
    offsets: npt.NDArray[np.int64]
    there: npt.NDArray[np.uint8]
    rows: npt.NDArray[np.int64]


@kernel
def scan_lines(
    data: npt.NDArray[np.uint8],
    stop: int,
    longest: int,
    names: Names,
    taken_to: Taken,
    state: npt.NDArray[np.int64],
    found: npt.NDArray[np.int64],
    stack: npt.NDArray[np.uint8],
) -> int:
    """Read the lines of `data[state[POSITION]:stop]`; at least 16 newlines follow in `data`.

    `state` is int64[3] and is moved on. A string is unescaped, any other value of another field than text and id is copied
    as it is written. `found` (a row of three for each field) and `stack` (512 bytes) are scratch.

    Returns DONE at `stop`; EXPLAIN at a line (which begins at the position) that is not taken; TOO_LONG at one of more than
    `longest` bytes.
    """
    name_ends, ids = names.ends, names.ids
    values, offsets, there, rows = taken_to.values, taken_to.offsets, taken_to.there, taken_to.rows
    base = address(data)
    scratch = address(stack)
    name_base = address(names.bytes)
    fields = len(name_ends) - 1
    text_size = name_ends[1]
    text_at, text_offsets = values[0], offsets[0]
    id_name, id_size = name_base + text_size, 0
    if ids == 1:
        id_size = name_ends[2] - text_size
    id_at, id_offsets = values[ids], offsets[ids]
    others = 1 + ids
    end = base + stop
    line = base + state[POSITION]
    seen, taken = state[SEEN], state[TAKEN]
    status = DONE
    while line < end:
        p = _blank(line)
        if load_u8(p) == 10:
            if p - line > longest:
                status = TOO_LONG
                break
            line = p + 1
            continue
        status = EXPLAIN
        if load_u8(p) != 0x7B:
            break
        p = _blank(p + 1)
        text_kind, text_from, text_to = _NOTHING, 0, 0
        id_kind, id_from, id_to = _NOTHING, 0, 0
        for k in range(others, fields):
            found[k, 0] = _NOTHING
        good = False
        while load_u8(p) == 0x22:
            key = p + 1
            r = _string(key)
            if r == 0 or r & 1 == 1:
                break
            size = (r >> 1) - 1 - key
            p = _blank(r >> 1)
            if load_u8(p) != 0x3A:
                break
            p = _blank(p + 1)
            first = p
            c = load_u8(p)
            if c == 0x22:
                kind = _STRING
                p = _string(p + 1) >> 1
            elif c == 0x7B or c == 0x5B:
                kind = _OTHER
                p = _container(p, scratch)
            elif c == 45 or 48 <= c <= 57:
                r = _number(p)
                kind = _INTEGER if r & 1 == 1 else _OTHER
                p = r >> 1
            else:
                kind = _NULL if c == 110 else _OTHER
                p = _literal(p)
            if p == 0:
                break
            if size == text_size and _same(key, name_base, size):
                text_kind, text_from, text_to = kind, first, p
            if id_size > 0 and size == id_size and _same(key, id_name, size):
                id_kind, id_from, id_to = kind, first, p
            for k in range(others, fields):
                begin = name_ends[k]
                if size == name_ends[k + 1] - begin and _same(key, name_base + begin, size):
                    found[k, 0], found[k, 1], found[k, 2] = kind, first, p
            p = _blank(p)
            c = load_u8(p)
            if c == 0x2C:
                p = _blank(p + 1)
            elif c == 0x7D:
                p = _blank(p + 1)
                good = load_u8(p) == 10
                break
            else:
                break
        if not good or text_kind != _STRING:
            break
        if p - line > longest:
            status = TOO_LONG
            break
        out = _unescape(text_from + 1, text_to - 1, text_at + text_offsets[taken])
        if out == 0:
            break
        if ids == 1:
            to = id_at + id_offsets[taken]
            if id_kind == _STRING:
                to = _unescape(id_from + 1, id_to - 1, to)
            elif id_kind == _INTEGER and not (load_u8(id_from) == 45 and load_u8(id_from + 1) == 48):
                to = _copy(id_from, id_to, to)
            else:
                break
            if to == 0:
                break
            id_offsets[taken + 1] = to - id_at
        whole = True
        for k in range(others, fields):
            kind, first, last = found[k, 0], found[k, 1], found[k, 2]
            to = values[k] + offsets[k, taken]
            there[k, taken] = kind != _NOTHING and kind != _NULL
            if kind == _STRING:
                to = _unescape(first + 1, last - 1, to)
                whole = whole and to != 0
            elif there[k, taken]:
                to = _copy(first, last, to)
            offsets[k, taken + 1] = to - values[k]
        if not whole:
            break
        text_offsets[taken + 1] = out - text_at
        rows[taken] = seen
        seen += 1
        taken += 1
        line = p + 1
        status = DONE
    state[POSITION] = line - base
    state[SEEN] = seen
    state[TAKEN] = taken
    return status
