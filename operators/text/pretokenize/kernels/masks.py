"""Algebra on masks that families share: bit `i` of a uint64 speaks of byte `i` of a window of 64 bytes.

All bytes of a symbol carry its class, so that a bit and its neighbour below differ only where symbols meet;
`inner` marks the bytes of a symbol after its first. A window begins at a piece's start, and patterns do not
look behind, so the bit below bit 0 counts as nothing. What lies above the window is not known: no function
here sets a bit that depends on it.
"""

from typing import NamedTuple, TypeAlias

import numpy as np

from pairloom.operators.kernels.jit import inner, load_u8, load_u16, load_u64, trailing_zeros
from pairloom.operators.kernels.simd import bits_chosen, bytes_between, leading_zeros, population
from pairloom.operators.text.pretokenize.kernels.characters import DIGITS_LEFT, DIGITS_SINGLE, Tables, symbol

__all__ = [
    "Mask",
    "Masks",
    "Window",
    "classify",
    "digit_starts",
    "first_bytes",
    "last_spaces",
    "newlines_taken",
    "tails",
    "turning_starts",
    "whole_symbols",
    "wide",
]

Mask: TypeAlias = np.uint64

_0 = np.uint64(0)
_1 = np.uint64(1)
_2 = np.uint64(2)
_3 = np.uint64(3)


class Window(NamedTuple):
    """A window of 64 bytes.

    `p` is its address in the text, `at` where 64 bytes may be loaded from (`p`, or a copy near the end of the buffer), `stop`
    the document's end, `valid` the bytes before it, `ended` whether it is in the window.
    """

    p: int
    at: int
    stop: int
    valid: Mask
    ended: int


class Masks(NamedTuple):
    """The classes of a window's bytes.

    `fifth`, `sixth` and `seventh` are the upper bits of the class byte, of symbols beyond ASCII only; `high` are the bytes of
    these, `inner` the bytes after a symbol's first, `top` the last valid byte.
    """

    letter: Mask
    digit: Mask
    blank: Mask
    newline: Mask
    space: Mask
    fifth: Mask
    sixth: Mask
    seventh: Mask
    high: Mask
    inner: Mask
    top: Mask


@inner
def wide(window: Window, tables: Tables, todo: Mask) -> tuple[Mask, Mask, Mask, Mask, Mask, Mask, Mask]:
    """Classify the symbols that begin with a byte of 128 or more, whose mask is `todo`.

    Returns the masks of LETTER, DIGIT, SPACE, the three upper bits of the class byte, and the inner bytes.
    All symbols of the window that differ in their last byte only are looked up together; those that a
    window's end cuts, the longest and what is not UTF-8 one by one.
    """
    p, at, stop, valid = window.p, window.at, window.stop, window.valid
    bits = tables.bits
    letter = digit = space = fifth = sixth = seventh = inner = _0
    trailing = bytes_between(at, 128, 64) & valid
    while todo != _0:
        i = trailing_zeros(todo)
        lead = int(load_u8(p + i))
        first = todo & bytes_between(at, lead, 1) & (trailing >> _1)
        length = _2
        block = lead & 31
        if lead >= 0xE0:
            length = _3
            first &= trailing >> _2
            if lead < 0xF0:
                # Where the second byte decides, as for ideographs, the third is not looked at.
                words = bits + 8 * (lead & 15)
                plain = first & (bits_chosen(at, load_u64(words)) >> _1)
                if plain != _0:
                    c = load_u64(bits + 128)
                    found = plain | plain << _1 | plain << _2
                    letter |= found & (_0 - (c & _1))
                    fifth |= found & (_0 - (c >> np.uint64(5) & _1))
                    sixth |= found & (_0 - (c >> np.uint64(6) & _1))
                    inner |= found & ~plain
                    todo &= ~found
                    first &= ~plain
                    if todo & (_1 << np.uint64(i)) == _0:
                        continue
                if first & (_1 << np.uint64(i)) != _0:
                    second = int(load_u8(p + i + 1))
                    first &= bytes_between(at, second, 1) >> _1
                    block = (lead & 15) << 6 | second & 63
                    if block < 0x800 >> 6 or (block >= 0xD800 >> 6 and block < 0xE000 >> 6):
                        first = _0
        if lead < 0xC2 or lead >= 0xF0 or first & (_1 << np.uint64(i)) == _0:
            s = symbol(p + i, stop, tables)
            c = np.uint64(s)
            found = ((_1 << np.uint64(s >> 8)) - _1) << np.uint64(i)
            letter |= found & (_0 - (c & _1))
            digit |= found & (_0 - (c >> _1 & _1))
            space |= found & (_0 - (c >> _2 & _1))
            fifth |= found & (_0 - (c >> np.uint64(5) & _1))
            sixth |= found & (_0 - (c >> np.uint64(6) & _1))
            seventh |= found & (_0 - (c >> np.uint64(7) & _1))
            inner |= found & ~(_1 << np.uint64(i))
            todo &= ~found
            continue
        last = first << (length - _1)
        found = first | first << _1 | last
        words = bits + 192 + (int(load_u16(tables.block_of + 2 * block)) << 6)
        letter |= spread(last & bits_chosen(at, load_u64(words)), length)
        digit |= spread(last & bits_chosen(at, load_u64(words + 8)), length)
        space |= spread(last & bits_chosen(at, load_u64(words + 16)), length)
        fifth |= spread(last & bits_chosen(at, load_u64(words + 40)), length)
        sixth |= spread(last & bits_chosen(at, load_u64(words + 48)), length)
        seventh |= spread(last & bits_chosen(at, load_u64(words + 56)), length)
        inner |= found & ~first
        todo &= ~found
    return letter, digit, space, fifth, sixth, seventh, inner


@inner
def classify(window: Window, tables: Tables) -> Masks:
    """The classes of all bytes of a window: of ASCII by comparison, of the others by table."""
    at, valid = window.at, window.valid
    letter = (bytes_between(at, 97, 26) | bytes_between(at, 65, 26)) & valid
    digit = bytes_between(at, 48, 10) & valid
    blank = bytes_between(at, 32, 1) & valid
    newline = (bytes_between(at, 10, 1) | bytes_between(at, 13, 1)) & valid
    space = blank | (bytes_between(at, 9, 5) & valid)
    high = bytes_between(at, 128, 128) & valid
    fifth = sixth = seventh = inner = _0
    if high != _0:
        letters, numbers, spaces, fifth, sixth, seventh, inner = wide(window, tables, high)
        letter |= letters
        digit |= numbers
        space |= spaces
    top = valid & ~(valid >> _1)
    return Masks(letter, digit, blank, newline, space, fifth, sixth, seventh, high, inner, top)


@inner
def spread(last: Mask, length: Mask) -> Mask:
    """All bytes of symbols of two or three bytes whose last byte is in `last`."""
    return last | last >> _1 | last >> (length - _1)


@inner
def first_bytes(last: Mask, inner: Mask) -> Mask:
    """The first byte of each symbol whose last byte is in `last`."""
    if inner != _0:
        last = (last & ~inner) | ((last & inner) >> _1)
        last = (last & ~inner) | ((last & inner) >> _1)
        last = (last & ~inner) | ((last & inner) >> _1)
    return last


@inner
def whole_symbols(first: Mask, inner: Mask) -> Mask:
    """All bytes of each symbol whose first byte is in `first`."""
    if inner != _0:
        first |= (first << _1) & inner
        first |= (first << _1) & inner
        first |= (first << _1) & inner
    return first


@inner
def last_spaces(space: Mask, newline: Mask, inner: Mask, top: Mask) -> Mask:
    r"""The first byte of each run's last space: `\s+(?!\S)`, where a run neither ends in `newline` nor at `top`.

    `top` is the last valid byte of the window.
    """
    return first_bytes(space & ~((space >> _1) | top) & ~newline, inner)


@inner
def tails(space: Mask, newline: Mask, valid: Mask, at_end: int) -> Mask:
    r"""The first byte after a run's last newline, where more spaces follow: what `\s*[\r\n]+` leaves.

    `at_end` says what to answer for a run that fills the window to its last byte.
    """
    plain = space & ~newline
    todo = plain & ((newline & space) << _1)
    found = _0
    while todo != _0:
        bit = todo & (_0 - todo)
        todo ^= bit
        # Carries ripple to the byte after the run of plain spaces.
        beyond = ((plain + bit) ^ plain) & ~plain & valid
        if (beyond & ~newline) != _0 or (beyond == _0 and at_end != 0):
            found |= bit
    return found


@inner
def digit_starts(digit: Mask, inner: Mask, rule: int, top: Mask, ended: int) -> Mask:
    """The first byte of each group of digits; groups from the right only in runs whose end is in sight."""
    first = digit & ~(digit << _1)
    symbols = digit & ~inner
    if rule == DIGITS_SINGLE:
        return symbols
    fourth = digit & (digit << _1) & (digit << _2) & (digit << _3)
    if fourth == _0:
        # No run has more than three bytes.
        return first
    if rule == DIGITS_LEFT and (digit & inner) == _0:
        found = first
        step = first
        while step != _0:
            step = (step << _3) & fourth
            found |= step
        return found
    found = first
    while first != _0:
        bit = first & (_0 - first)
        first ^= bit
        run = digit & ~(digit + bit) & ~(bit - _1)
        chars = symbols & run
        if rule == DIGITS_LEFT:
            k = 0
        elif (run & top) != _0 and ended == 0:
            continue
        else:
            k = (3 - population(chars) % 3) % 3
        while chars != _0:
            low = chars & (_0 - chars)
            chars ^= low
            if k == 0:
                found |= low
            k = (k + 1) % 3
    return found


@inner
def newlines_taken(newline: Mask, slash: Mask, after_symbol: Mask) -> Mask:
    r"""What `[\r\n/]*` adds to symbols; `after_symbol` are the newlines that follow a symbol directly."""
    if slash & (newline << _1) == _0:
        return newline & ~(newline + after_symbol)
    both = newline | slash
    taken = _0
    while after_symbol != _0:
        bit = after_symbol & (_0 - after_symbol)
        run = both & ~(both + bit) & ~(bit - _1)
        taken |= run
        after_symbol &= ~run
    return taken


@inner
def turning_starts(upper: Mask, lower: Mask, turns: Mask, barriers: Mask, valid: Mask, ended: int) -> Mask:
    """Of `turns`, capitals after a caseless letter, those at which a cased word begins.

    A word begins there if it was in lower case before the caseless letters (and these do not begin a word of
    their own, being in `barriers`), or if its capitals end it: then it backs off to its last caseless letter.
    """
    capital = upper & ~lower
    found = _0
    while turns != _0:
        bit = turns & (_0 - turns)
        turns ^= bit
        run = bit - _1
        gap = run & ~(upper & lower)
        before = _0
        if gap != _0:
            before = _1 << np.uint64(63 - leading_zeros(gap))
            run &= ~((before << _1) - _1)
        if before & lower != _0 and barriers & run == _0:
            found |= bit
            continue
        beyond = ((capital + bit) ^ capital) & ~capital & valid
        if (beyond == _0 and ended != 0) or (beyond != _0 and beyond & (upper | lower) == _0):
            found |= bit
    return found
