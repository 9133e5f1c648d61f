"""One character at a time: its class and length, and the runs that every scheme shares; scalar code.

Text is bytes. Where they are UTF-8, a symbol is a character; a byte that begins no valid sequence inside the
document (Unicode 16, table 3-7: no overlong forms, no surrogates, nothing past U+10FFFF) is a symbol of its
own, of class "other". So any bytes at all are cut into pieces that tile them.

Pointers are int64 addresses; `stop` is the document's end and no function reads at or past it.
"""

from typing import NamedTuple

from pairloom.operators.kernels.jit import inner, load_u8, load_u16
from pairloom.operators.text.pretokenize.classes import DIGIT, NEWLINE, SPACE

__all__ = [
    "DIGITS_LEFT",
    "DIGITS_RIGHT",
    "DIGITS_RUN",
    "DIGITS_SINGLE",
    "DIGITS_TAKE_BLANK",
    "EXACT",
    "FOLDED",
    "SPACES_JOIN",
    "SYMBOLS_JOIN",
    "WHOLE_TAIL",
    "Rule",
    "Tables",
    "class_end",
    "contraction",
    "digits_end",
    "newline_end",
    "space_end",
    "symbol",
]

# How a scheme groups digits: any number a piece, one, three from the left, three from the right.
DIGITS_RUN, DIGITS_SINGLE, DIGITS_LEFT, DIGITS_RIGHT = range(4)
# How it recognises 's 't 're 've 'm 'll 'd: not at all (0), as written, or in any case, U+017F for s
# included.
EXACT, FOLDED = 1, 2
# What else tells the schemes of a family apart, a bit each. Of the spaced ones: a blank belongs to the digits after it; what
# is neither a space nor a digit is a letter; spaces are letters as well. Of the prefixed ones: white space that ends a
# document is one piece, newlines or not.
DIGITS_TAKE_BLANK, SYMBOLS_JOIN, SPACES_JOIN, WHOLE_TAIL = 1, 2, 4, 8


class Tables(NamedTuple):
    """The addresses of a `Classes`' arrays."""

    block_of: int
    blocks: int
    bits: int


class Rule(NamedTuple):
    """What tells the schemes of a family apart: how contractions and digits are cut, and the bits of `option`."""

    contractions: int
    option: int
    digits: int


@inner
def symbol(p: int, stop: int, tables: Tables) -> int:
    """The symbol at `p` < `stop`: its length in bytes << 8 | its class byte."""
    lead = int(load_u8(p))
    if lead < 0x80:
        return 256 | int(load_u8(tables.blocks + lead))
    if lead < 0xC2 or lead > 0xF4 or p + 1 >= stop:
        return 256
    second = int(load_u8(p + 1))
    if second & 0xC0 != 0x80:
        return 256
    if lead < 0xE0:
        row = int(load_u16(tables.block_of + 2 * (lead & 31)))
        return 512 | int(load_u8(tables.blocks + (row << 6) + (second & 63)))
    if p + 2 >= stop:
        return 256
    third = int(load_u8(p + 2))
    if third & 0xC0 != 0x80:
        return 256
    if lead < 0xF0:
        block = (lead & 15) << 6 | second & 63
        if block < 0x800 >> 6 or (block >= 0xD800 >> 6 and block < 0xE000 >> 6):
            return 256
        row = int(load_u16(tables.block_of + 2 * block))
        return 768 | int(load_u8(tables.blocks + (row << 6) + (third & 63)))
    if p + 3 >= stop:
        return 256
    fourth = int(load_u8(p + 3))
    block = (lead & 7) << 12 | (second & 63) << 6 | third & 63
    if fourth & 0xC0 != 0x80 or block < 0x10000 >> 6 or block >= 0x110000 >> 6:
        return 256
    row = int(load_u16(tables.block_of + 2 * block))
    return 1024 | int(load_u8(tables.blocks + (row << 6) + (fourth & 63)))


@inner
def class_end(p: int, stop: int, tables: Tables, mask: int, value: int) -> int:
    """The end of the run of symbols at `p` whose class byte & `mask` equals `value`; `p` itself if there is none."""
    while p < stop:
        byte = int(load_u8(p))
        # Apart, so that the next position need not wait for the class.
        if byte < 0x80:
            if int(load_u8(tables.blocks + byte)) & mask != value:
                break
            p += 1
            continue
        s = symbol(p, stop, tables)
        if s & mask != value:
            break
        p += s >> 8
    return p


@inner
def newline_end(p: int, stop: int, slash: int) -> int:
    r"""The end of the run of `\r`, `\n` and, if `slash`, `/` at `p`."""
    while p < stop:
        byte = int(load_u8(p))
        if byte != 10 and byte != 13 and (byte != 47 or slash == 0):
            break
        p += 1
    return p


@inner
def contraction(p: int, stop: int, rule: int) -> int:
    """How many bytes the contraction at `p` has, where an apostrophe stands; 0 if there is none."""
    if rule == 0 or p + 1 >= stop:
        return 0
    fold = 0x20 if rule == FOLDED else 0
    first = int(load_u8(p + 1)) | fold
    # s t m d
    if first == 115 or first == 116 or first == 109 or first == 100:
        return 2
    if p + 2 >= stop:
        return 0
    second = int(load_u8(p + 2)) | fold
    # ll
    if first == 108 and second == 108:
        return 3
    # ve re
    if second == 101 and (first == 118 or first == 114):
        return 3
    # U+017F, a long s
    if rule == FOLDED and int(load_u8(p + 1)) == 0xC5 and int(load_u8(p + 2)) == 0xBF:
        return 3
    return 0


@inner
def digits_end(p: int, stop: int, tables: Tables, count: int) -> int:
    """The position after at most `count` digits from `p`."""
    while count > 0 and p < stop:
        s = symbol(p, stop, tables)
        if s & DIGIT == 0:
            break
        p += s >> 8
        count -= 1
    return p


@inner
def space_end(p: int, stop: int, tables: Tables, newlines: int, whole_tail: int, edges: int) -> int:
    r"""The end of the piece that begins with white space at `p`.

    The piece goes through the last newline of the run (`\s*[\r\n]+`, if `newlines`); else to the run's end if
    nothing follows or a symbol with a bit of `edges`; else it leaves the last symbol of the run to what
    follows (`\s+(?!\S)`), unless it is the only one. With `whole_tail` a run that ends the document is one
    piece, newlines or not (`\s++$`).
    """
    last = p
    after_newline = p
    following = 0
    q = p
    while q + 1 < stop and load_u8(q) == 32 and load_u8(q + 1) == 32:
        q += 1
        last = q
    while q < stop:
        s = symbol(q, stop, tables)
        if s & SPACE == 0:
            following = s
            break
        last = q
        q += s >> 8
        if s & NEWLINE != 0:
            after_newline = q
    if newlines != 0 and after_newline > p and (q < stop or whole_tail == 0):
        return after_newline
    if q == stop or last == p or following & edges != 0:
        return q
    return last
