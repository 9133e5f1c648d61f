"""Where pieces start in a window of 64 bytes: the families of schemes as algebra on masks.

Each does for a window what its counterpart in `ends.py` does for one piece, without a branch a piece. They return
the mask of the starts that are certain, whatever follows the window; above the first that is not, none. Bit 0
says that all are certain if the document ends in the window.
"""

import numpy as np

from pairloom.operators.kernels.jit import inner, trailing_zeros
from pairloom.operators.kernels.simd import bytes_between
from pairloom.operators.text.pretokenize.kernels.characters import (
    DIGITS_RUN,
    DIGITS_TAKE_BLANK,
    SPACES_JOIN,
    SYMBOLS_JOIN,
    WHOLE_TAIL,
    Rule,
    Tables,
    contraction,
)
from pairloom.operators.text.pretokenize.kernels.masks import (
    Mask,
    Window,
    classify,
    digit_starts,
    first_bytes,
    last_spaces,
    newlines_taken,
    tails,
    turning_starts,
    whole_symbols,
)

__all__ = [
    "cased_starts",
    "isolated_masks",
    "isolated_starts",
    "prefixed_starts",
    "segmented_starts",
    "spaced_starts",
]

_0 = np.uint64(0)
_1 = np.uint64(1)


@inner
def spaced_starts(window: Window, tables: Tables, rule: Rule) -> Mask:
    """GPT-2 and its like: words, numbers and symbols, each after an optional blank."""
    valid, option = window.valid, rule.option
    found = classify(window, tables)
    letter, digit, blank, space = found.letter, found.digit, found.blank, found.space
    if option & SYMBOLS_JOIN != 0:
        letter = valid & ~space & ~digit
        if rule.digits == DIGITS_RUN:
            letter |= digit
            digit = _0
    if option & SPACES_JOIN != 0:
        letter |= space
        space = _0
        blank = _0
    other = valid & ~(letter | digit | space)
    taken = blank << _1
    starts = (letter & ~(letter << _1)) | (other & ~(other << _1))
    if option & DIGITS_TAKE_BLANK != 0:
        starts = (starts | (digit & ~(digit << _1))) & ~taken
    else:
        starts = (starts & ~taken) | digit_starts(digit, found.inner, rule.digits, found.top, window.ended)
    starts |= space & ~(space << _1)
    starts |= last_spaces(space, _0, found.inner, found.top)
    if rule.contractions != 0:
        apostrophes = bytes_between(window.at, 39, 1) & valid & ~((other | blank) << _1)
        if apostrophes != _0:
            starts = _contracted(starts, apostrophes, window, rule)
    return starts


@inner
def _contracted(starts: Mask, todo: Mask, window: Window, rule: Rule) -> Mask:
    """The starts where contractions, each of which begins with one of the apostrophes `todo`, are pieces of their own."""
    while todo != _0:
        i = trailing_zeros(todo)
        todo &= todo - _1
        length = np.uint64(contraction(window.p + i, window.stop, rule.contractions))
        if length != _0:
            after = (_1 << length) << np.uint64(i)
            starts = (starts & ~(after - (_1 << np.uint64(i) << _1))) | after
    return starts


@inner
def prefixed_starts(window: Window, tables: Tables, rule: Rule) -> Mask:
    """cl100k and its like: words after any one symbol but a letter, number or newline."""
    valid = window.valid
    found = classify(window, tables)
    letter, digit, space, newline = found.letter, found.digit, found.space, found.newline
    other = valid & ~(letter | digit | space)
    # Symbols take the newlines after them.
    space &= ~(newline & ~(newline + ((other << _1) & newline)))
    symbol_starts = other & ~((other | found.blank) << _1)
    prefix = (space & ~newline) | whole_symbols(symbol_starts, found.inner)
    starts = symbol_starts | (letter & ~((letter | prefix) << _1)) | (space & ~(space << _1))
    starts |= last_spaces(space, newline, found.inner, found.top)
    if ((space & newline) << _1) & space & ~newline != _0:
        at_end = 1 if window.ended != 0 and rule.option & WHOLE_TAIL == 0 else 0
        starts |= tails(space, newline, valid, at_end)
    if digit != _0:
        starts |= digit_starts(digit, found.inner, rule.digits, found.top, window.ended)
    apostrophes = bytes_between(window.at, 39, 1) & symbol_starts
    return starts if apostrophes == _0 else _contracted(starts, apostrophes, window, rule)


@inner
def cased_starts(window: Window, tables: Tables, rule: Rule) -> Mask:
    """o200k: as cl100k, but words change at most from upper to lower case, and contractions belong to their word."""
    at, valid, ended = window.at, window.valid, window.ended
    found = classify(window, tables)
    digit, space, newline = found.digit, found.space, found.newline
    upper = (bytes_between(at, 65, 26) & valid) | found.fifth
    lower = (bytes_between(at, 97, 26) & valid) | found.sixth
    slash = bytes_between(at, 47, 1) & valid
    letter = upper | lower
    other = valid & ~(letter | digit | space)
    ending = newlines_taken(newline, slash, (other << _1) & newline)
    space &= ~ending
    other &= ~ending
    symbol_starts = other & ~((other | found.blank) << _1)
    single = whole_symbols(symbol_starts, found.inner)
    prefix = (space & ~newline) | single
    starts = symbol_starts | (letter & ~((letter | prefix) << _1))
    starts |= space & ~(space << _1)
    starts |= last_spaces(space, newline, found.inner, found.top)
    if ((space & newline) << _1) & space & ~newline != _0:
        starts |= tails(space, newline, valid, ended)
    if digit != _0:
        starts |= digit_starts(digit, found.inner, rule.digits, found.top, ended)
    starts |= upper & ~lower & ((lower & ~upper) << _1)
    barriers = _0
    if rule.contractions != 0:
        todo = bytes_between(at, 39, 1) & valid & (letter << _1)
        done = -1
        while todo != _0:
            i = trailing_zeros(todo)
            todo &= todo - _1
            # Right after a contraction an apostrophe begins a word, it does not end one.
            if i == done:
                continue
            length = np.uint64(contraction(window.p + i, window.stop, rule.contractions))
            if length != _0:
                after = (_1 << length) << np.uint64(i)
                starts = (starts & ~(after - (_1 << np.uint64(i)))) | after
                barriers |= after
                done = i + np.int64(length)
    turns = upper & ~lower & ((upper & lower) << _1)
    if turns != _0:
        starts |= turning_starts(upper, lower, turns, barriers, valid, ended)
    # Marks that follow two symbols, or a blank and one, are symbols themselves: leave them to `cased_end`.
    hazard = found.seventh & (other << _1) & ~(single << _1)
    if hazard != _0:
        starts &= ((hazard & (_0 - hazard)) - _1) & ~_1
    return starts


@inner
def segmented_starts(window: Window, tables: Tables, rule: Rule) -> Mask:
    """DeepSeek-V3: digits and CJK are cut first, and nothing is taken across these cuts."""
    at, valid, ended = window.at, window.valid, window.ended
    found = classify(window, tables)
    letter, digit, space, newline, cjk = found.letter, found.digit, found.space, found.newline, found.sixth
    roman = letter & ~found.high
    symbols = (bytes_between(at, 33, 94) & valid & ~(roman | (digit & ~found.high))) | found.fifth
    # Bytes in the same segment as their neighbour below.
    link = ~(cjk ^ (cjk << _1))
    skipped = valid & ~(letter | digit | space | symbols)
    space &= ~(newline & ~(newline + ((symbols << _1) & link & newline)))
    symbol_starts = symbols & ~(((symbols | found.blank) << _1) & link)
    word_starts = letter & ~((letter << _1) & link)
    roman_starts = roman & ((symbol_starts & ~found.high) << _1)
    starts = symbol_starts | (word_starts & ~roman_starts & ~((((space & ~newline) | skipped) << _1) & link))
    starts |= ((roman + roman_starts) & ~roman) & letter
    starts |= skipped & ~((skipped << _1) & link)
    starts |= first_bytes(skipped & ((word_starts & link) >> _1), found.inner)
    starts |= space & ~(space << _1)
    starts |= last_spaces(space, newline | ((digit | cjk) >> _1), found.inner, found.top)
    if ((space & newline) << _1) & space & ~newline != _0:
        starts |= tails(space, newline, valid, ended)
    if digit != _0:
        starts |= digit_starts(digit, found.inner, rule.digits, found.top, ended)
    return starts


@inner
def isolated_starts(window: Window, tables: Tables, rule: Rule) -> Mask:
    """SuperBPE's second stage: digits, symbols in a row and spaces at an end apart, and what is between them."""
    return isolated_masks(window, tables, rule)[0]


@inner
def isolated_masks(window: Window, tables: Tables, rule: Rule) -> tuple[Mask, Mask]:
    """The starts that are certain, and the first bytes of letters: no match holds one, so that a scan may go on from any."""
    at, valid, ended = window.at, window.valid, window.ended
    found = classify(window, tables)
    letter, digit, blank, space, inner = found.letter, found.digit, found.blank, found.space, found.inner
    other = valid & ~(letter | digit | space)
    starts = _1
    letters = letter & ~inner
    if digit != _0:
        starts |= digit_starts(digit, inner, rule.digits, found.top, ended) | (digit << _1) & ~digit
    # ` +(?!\S)`: all blanks where a space or nothing follows, else all but the last.
    first = blank & ~(blank << _1)
    no_space = valid & ~space
    ends_here = space & ~blank
    if ended != 0:
        ends_here |= ~valid
        first_at_end = first & (_1 << np.uint64(63))
        starts |= first_at_end
    starts |= first & ((blank | ends_here) >> _1)
    starts |= (blank + first) & ~blank & ends_here
    starts |= blank & (blank << _1) & (no_space >> _1)
    # ` ?[^\s\p{L}\p{N}]{2,}[\r\n/]*`: a symbol that another one follows.
    single = whole_symbols(other & ~(other << _1), inner)
    second = (single << _1) & other & ~single
    if second != _0:
        begun = first_bytes(second >> _1, inner)
        starts |= (begun >> _1) & blank
        starts |= begun & ~(blank << _1)
        after = (other + second) & ~other
        follows = after & found.newline
        if follows != _0:
            slash = bytes_between(at, 47, 1) & valid
            ending = newlines_taken(found.newline, slash, follows)
            after = (after & ~follows) | ((ending << _1) & ~ending)
            # Slashes after newlines may be symbols that a later match begins with: leave them to `isolated_end`.
            hazard = ending & slash
            if hazard != _0:
                below = (hazard & (_0 - hazard)) - _1
                starts = (starts | after) & below & ~_1
                return starts, letters & below
        starts |= after
    return starts, letters
