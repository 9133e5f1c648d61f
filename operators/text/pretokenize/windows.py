"""Where pieces start in a window of 64 bytes: the families of schemes as algebra on masks.

Each does for a window what its twin in `ends.py` does for one piece, without a branch a piece. `p` is the
window's address in the text, `at` where 64 bytes may be loaded from (`p`, or a copy near the end of the
buffer), `valid` the bytes before the document's end, `ended` whether that end is in the window. They return
the mask of the starts that are certain, whatever follows the window; above the first that is not, none. Bit 0
says that all are certain if the document ends in the window.
"""

import numpy as np

from pairloom.operators.kernels.jit import inner, trailing_zeros
from pairloom.operators.kernels.simd import bytes_between
from pairloom.operators.text.pretokenize.characters import DIGITS_RUN, contraction
from pairloom.operators.text.pretokenize.masks import (
    Mask,
    digit_starts,
    first_bytes,
    last_spaces,
    newlines_taken,
    tails,
    turning_starts,
    whole_symbols,
    wide,
)

__all__ = ["cased_starts", "isolated_starts", "prefixed_starts", "segmented_starts", "spaced_starts"]

_0 = np.uint64(0)
_1 = np.uint64(1)


@inner
def spaced_starts(
    p: int,
    at: int,
    stop: int,
    valid: Mask,
    ended: int,
    index: int,
    blocks: int,
    bits: int,
    short: int,
    option: int,
    digits: int,
) -> Mask:
    """GPT-2 and its like: words, numbers and symbols, each after an optional blank."""
    letter = (bytes_between(at, 97, 26) | bytes_between(at, 65, 26)) & valid
    digit = bytes_between(at, 48, 10) & valid
    blank = bytes_between(at, 32, 1) & valid
    space = blank | (bytes_between(at, 9, 5) & valid)
    high = bytes_between(at, 128, 128) & valid
    inner = _0
    if high != _0:
        letters, numbers, spaces, _, _, _, inner = wide(p, at, stop, valid, index, blocks, bits, high)
        letter |= letters
        digit |= numbers
        space |= spaces
    if option & 2 != 0:  # symbols are letters
        letter = valid & ~space & ~digit
        if digits == DIGITS_RUN:
            letter |= digit
            digit = _0
    if option & 4 != 0:  # spaces as well
        letter |= space
        space = _0
        blank = _0
    other = valid & ~(letter | digit | space)
    taken = blank << _1
    starts = (letter & ~(letter << _1)) | (other & ~(other << _1))
    if option & 1 != 0:
        starts = (starts | (digit & ~(digit << _1))) & ~taken
    else:
        starts = (starts & ~taken) | digit_starts(digit, inner, digits, valid & ~(valid >> _1), ended)
    starts |= space & ~(space << _1)
    starts |= last_spaces(space, _0, inner, valid & ~(valid >> _1))
    if short != 0:
        todo = bytes_between(at, 39, 1) & valid & ~((other | blank) << _1)
        while todo != _0:
            i = trailing_zeros(todo)
            todo &= todo - _1
            length = np.uint64(contraction(p + i, stop, short))
            if length != _0:
                after = (_1 << length) << np.uint64(i)
                starts = (starts & ~(after - (_1 << np.uint64(i) << _1))) | after
    return starts


@inner
def prefixed_starts(
    p: int,
    at: int,
    stop: int,
    valid: Mask,
    ended: int,
    index: int,
    blocks: int,
    bits: int,
    short: int,
    option: int,
    digits: int,
) -> Mask:
    """cl100k and its like: words after any one symbol but a letter, number or newline."""
    letter = (bytes_between(at, 97, 26) | bytes_between(at, 65, 26)) & valid
    digit = bytes_between(at, 48, 10) & valid
    blank = bytes_between(at, 32, 1) & valid
    newline = (bytes_between(at, 10, 1) | bytes_between(at, 13, 1)) & valid
    space = blank | (bytes_between(at, 9, 5) & valid)
    high = bytes_between(at, 128, 128) & valid
    top = valid & ~(valid >> _1)
    inner = _0
    if high != _0:
        letters, numbers, spaces, _, _, _, inner = wide(p, at, stop, valid, index, blocks, bits, high)
        letter |= letters
        digit |= numbers
        space |= spaces
    other = valid & ~(letter | digit | space)
    space &= ~(newline & ~(newline + ((other << _1) & newline)))  # symbols take the newlines after them
    symbol_starts = other & ~((other | blank) << _1)
    prefix = (space & ~newline) | whole_symbols(symbol_starts, inner)
    starts = symbol_starts | (letter & ~((letter | prefix) << _1)) | (space & ~(space << _1))
    starts |= last_spaces(space, newline, inner, top)
    if ((space & newline) << _1) & space & ~newline != _0:
        starts |= tails(space, newline, valid, 1 if ended != 0 and option == 0 else 0)
    if digit != _0:
        starts |= digit_starts(digit, inner, digits, top, ended)
    todo = bytes_between(at, 39, 1) & symbol_starts
    while todo != _0:
        i = trailing_zeros(todo)
        todo &= todo - _1
        length = np.uint64(contraction(p + i, stop, short))
        if length != _0:
            after = (_1 << length) << np.uint64(i)
            starts = (starts & ~(after - (_1 << np.uint64(i) << _1))) | after
    return starts


@inner
def cased_starts(
    p: int,
    at: int,
    stop: int,
    valid: Mask,
    ended: int,
    index: int,
    blocks: int,
    bits: int,
    short: int,
    _option: int,
    digits: int,
) -> Mask:
    """o200k: as cl100k, but words change at most from upper to lower case, and contractions belong to their word."""
    upper = bytes_between(at, 65, 26) & valid
    lower = bytes_between(at, 97, 26) & valid
    digit = bytes_between(at, 48, 10) & valid
    blank = bytes_between(at, 32, 1) & valid
    newline = (bytes_between(at, 10, 1) | bytes_between(at, 13, 1)) & valid
    slash = bytes_between(at, 47, 1) & valid
    space = blank | (bytes_between(at, 9, 5) & valid)
    high = bytes_between(at, 128, 128) & valid
    top = valid & ~(valid >> _1)
    inner = mark = _0
    if high != _0:
        _, numbers, spaces, uppers, lowers, mark, inner = wide(p, at, stop, valid, index, blocks, bits, high)
        upper |= uppers
        lower |= lowers
        digit |= numbers
        space |= spaces
    letter = upper | lower
    other = valid & ~(letter | digit | space)
    ending = newlines_taken(newline, slash, (other << _1) & newline)
    space &= ~ending
    other &= ~ending
    symbol_starts = other & ~((other | blank) << _1)
    single = whole_symbols(symbol_starts, inner)
    prefix = (space & ~newline) | single
    starts = symbol_starts | (letter & ~((letter | prefix) << _1))
    starts |= space & ~(space << _1)
    starts |= last_spaces(space, newline, inner, top)
    if ((space & newline) << _1) & space & ~newline != _0:
        starts |= tails(space, newline, valid, ended)
    if digit != _0:
        starts |= digit_starts(digit, inner, digits, top, ended)
    starts |= upper & ~lower & ((lower & ~upper) << _1)
    barriers = _0
    if short != 0:
        todo = bytes_between(at, 39, 1) & valid & (letter << _1)
        done = -1
        while todo != _0:
            i = trailing_zeros(todo)
            todo &= todo - _1
            if i == done:
                continue  # right after a contraction an apostrophe begins a word, it does not end one
            length = np.uint64(contraction(p + i, stop, short))
            if length != _0:
                after = (_1 << length) << np.uint64(i)
                starts = (starts & ~(after - (_1 << np.uint64(i)))) | after
                barriers |= after
                done = i + np.int64(length)
    turns = upper & ~lower & ((upper & lower) << _1)
    if turns != _0:
        starts |= turning_starts(upper, lower, turns, barriers, valid, ended)
    # Marks that follow two symbols, or a blank and one, are symbols themselves: leave them to `cased_end`.
    hazard = mark & (other << _1) & ~(single << _1)
    if hazard != _0:
        starts &= ((hazard & (_0 - hazard)) - _1) & ~_1
    return starts


@inner
def segmented_starts(
    p: int,
    at: int,
    stop: int,
    valid: Mask,
    ended: int,
    index: int,
    blocks: int,
    bits: int,
    _short: int,
    _option: int,
    digits: int,
) -> Mask:
    """DeepSeek-V3: digits and CJK are cut first, and nothing is taken across these cuts."""
    roman = (bytes_between(at, 97, 26) | bytes_between(at, 65, 26)) & valid
    digit = bytes_between(at, 48, 10) & valid
    blank = bytes_between(at, 32, 1) & valid
    newline = (bytes_between(at, 10, 1) | bytes_between(at, 13, 1)) & valid
    space = blank | (bytes_between(at, 9, 5) & valid)
    high = bytes_between(at, 128, 128) & valid
    top = valid & ~(valid >> _1)
    letter = roman
    symbols = bytes_between(at, 33, 94) & valid & ~(roman | digit)
    inner = cjk = _0
    if high != _0:
        letters, numbers, spaces, signs, cjk, _, inner = wide(p, at, stop, valid, index, blocks, bits, high)
        letter |= letters
        digit |= numbers
        space |= spaces
        symbols |= signs
    link = ~(cjk ^ (cjk << _1))  # bytes in the same segment as their neighbour below
    skipped = valid & ~(letter | digit | space | symbols)
    space &= ~(newline & ~(newline + ((symbols << _1) & link & newline)))
    symbol_starts = symbols & ~(((symbols | blank) << _1) & link)
    word_starts = letter & ~((letter << _1) & link)
    roman_starts = roman & ((symbol_starts & ~high) << _1)
    starts = symbol_starts | (word_starts & ~roman_starts & ~((((space & ~newline) | skipped) << _1) & link))
    starts |= ((roman + roman_starts) & ~roman) & letter
    starts |= skipped & ~((skipped << _1) & link)
    starts |= first_bytes(skipped & ((word_starts & link) >> _1), inner)
    starts |= space & ~(space << _1)
    starts |= last_spaces(space, newline | ((digit | cjk) >> _1), inner, top)
    if ((space & newline) << _1) & space & ~newline != _0:
        starts |= tails(space, newline, valid, ended)
    if digit != _0:
        starts |= digit_starts(digit, inner, digits, top, ended)
    return starts


@inner
def isolated_starts(
    _p: int,
    _at: int,
    _stop: int,
    _valid: Mask,
    _ended: int,
    _index: int,
    _blocks: int,
    _bits: int,
    _short: int,
    _option: int,
    _digits: int,
) -> Mask:
    """SuperBPE's second stage: no start is certain, since its pieces mostly reach beyond a window; `isolated_end` cuts."""
    return _0
