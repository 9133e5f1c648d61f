r"""Where the piece that begins at a position ends: the five families of schemes, one scalar function each.

A piece is what a scheme's pattern matches there, alternative by alternative in the pattern's order. No
pattern looks behind, so the start of a piece is all the context there is; it is why a scan may stop at any
piece's end and resume from it.
"""

import numpy as np

from pairloom.operators.kernels.jit import inner, load_u8, trailing_zeros
from pairloom.operators.kernels.simd import leading_zeros
from pairloom.operators.text.pretokenize.classes import (
    BLANK,
    CJK,
    DIGIT,
    LETTER,
    LOWER,
    MARK,
    NEWLINE,
    PUNCTUATION,
    SPACE,
    UPPER,
)
from pairloom.operators.text.pretokenize.kernels.characters import (
    DIGITS_TAKE_BLANK,
    WHOLE_TAIL,
    Rule,
    Tables,
    class_end,
    contraction,
    newline_end,
    space_end,
    symbol,
)
from pairloom.operators.text.pretokenize.kernels.masks import Window
from pairloom.operators.text.pretokenize.kernels.windows import isolated_masks

__all__ = ["cased_end", "isolated_end", "prefixed_end", "segmented_end", "spaced_end"]

_0 = np.uint64(0)
_1 = np.uint64(1)
_ALL = np.uint64(0xFFFFFFFFFFFFFFFF)


@inner
def spaced_end(p: int, stop: int, tables: Tables, rule: Rule) -> int:
    r"""GPT-2: `'s|'t|...| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`; digits take a blank where the rule says so."""
    if int(load_u8(p)) == 39:
        length = contraction(p, stop, rule.contractions)
        if length > 0:
            return p + length
    s = symbol(p, stop, tables)
    q = p + (s >> 8)
    if s & BLANK != 0 and q < stop:
        following = symbol(q, stop, tables)
        if following & SPACE == 0 and (following & DIGIT == 0 or rule.option & DIGITS_TAKE_BLANK != 0):
            s = following
            q += s >> 8
    if s & SPACE != 0:
        return space_end(p, stop, tables, 0, 0, 0)
    return class_end(q, stop, tables, LETTER | DIGIT | SPACE, s & (LETTER | DIGIT | SPACE))


@inner
def prefixed_end(p: int, stop: int, tables: Tables, rule: Rule) -> int:
    r"""cl100k: `'s|'t|...|[^\r\n\p{L}\p{N}]?\p{L}+| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`."""
    if int(load_u8(p)) == 39:
        length = contraction(p, stop, rule.contractions)
        if length > 0:
            return p + length
    s = symbol(p, stop, tables)
    q = p + (s >> 8)
    if s & LETTER != 0:
        return class_end(q, stop, tables, LETTER, LETTER)
    following = 0
    if q < stop:
        following = symbol(q, stop, tables)
        if following & LETTER != 0 and s & NEWLINE == 0:
            return class_end(q + (following >> 8), stop, tables, LETTER, LETTER)
    if s & SPACE != 0:
        if s & BLANK == 0 or q == stop or following & (LETTER | DIGIT | SPACE) != 0:
            return space_end(p, stop, tables, 1, rule.option & WHOLE_TAIL, 0)
        q += following >> 8
    q = class_end(q, stop, tables, LETTER | DIGIT | SPACE, 0)
    return newline_end(q, stop, 0)


@inner
def cased_word_end(p: int, stop: int, tables: Tables, rule: Rule) -> int:
    """The end of the cased word that begins at `p`, a letter or mark: upper* lower+ or, failing that, upper+ lower*."""
    # After the last symbol of the first half that could also be the second half's first.
    backed = p
    q = p
    cased = 0
    while q < stop:
        cased = symbol(q, stop, tables)
        if cased & UPPER == 0:
            break
        q += cased >> 8
        if cased & LOWER != 0:
            backed = q
        cased = 0
    if cased & LOWER != 0:
        q = class_end(q, stop, tables, LOWER, LOWER)
    elif backed > p:
        q = backed
    if q < stop and int(load_u8(q)) == 39:
        q += contraction(q, stop, rule.contractions)
    return q


@inner
def cased_end(p: int, stop: int, tables: Tables, rule: Rule) -> int:
    r"""o200k: `[^\r\n\p{L}\p{N}]?` before a cased word and its contraction, then as cl100k; `/` goes with newlines."""
    s = symbol(p, stop, tables)
    if s & LETTER != 0:
        # A mark may be the prefix of a word as well as its first letter; both readings end in the same place.
        return cased_word_end(p, stop, tables, rule)
    q = p + (s >> 8)
    following = 0
    if q < stop:
        following = symbol(q, stop, tables)
        if following & LETTER != 0 and s & NEWLINE == 0:
            return cased_word_end(q, stop, tables, rule)
    if s & SPACE != 0:
        if s & BLANK == 0 or q == stop or following & (LETTER | DIGIT | SPACE) != 0:
            return space_end(p, stop, tables, 1, 0, 0)
        q += following >> 8
    while q < stop:
        s = symbol(q, stop, tables)
        if s & (LETTER | DIGIT | SPACE) != 0 and s & MARK == 0:
            break
        q += s >> 8
    return newline_end(q, stop, 1)


@inner
def segmented_end(p: int, stop: int, tables: Tables, rule: Rule) -> int:
    r"""DeepSeek-V3 behind the digits: its third pattern, and what it skips, inside segments of either CJK or no CJK."""
    s = symbol(p, stop, tables)
    q = p + (s >> 8)
    cjk = s & CJK
    following = symbol(q, stop, tables) if q < stop else 0
    if following & CJK != cjk:
        # Another segment: like a digit, nothing that this piece could take.
        following = DIGIT
    if s & LETTER != 0:
        return class_end(q, stop, tables, LETTER | CJK, LETTER | cjk)
    if s & PUNCTUATION != 0:
        if following == (256 | LETTER) and s >> 8 == 1:
            # ASCII letters: one byte, class LETTER.
            while q < stop and symbol(q, stop, tables) == following:
                q += 1
            return q
    elif s & NEWLINE == 0 and following & LETTER != 0:
        return class_end(q, stop, tables, LETTER | CJK, LETTER | cjk)
    elif s & SPACE != 0:
        if s & BLANK == 0 or following & PUNCTUATION == 0:
            return space_end(p, stop, tables, 1, 0, DIGIT | CJK)
    else:
        # Skipped symbols are one piece, up to the one that a word after it takes as its prefix.
        while q < stop and following & 0xFF == cjk:
            after = q + (following >> 8)
            ahead = symbol(after, stop, tables) if after < stop else 0
            if ahead & (LETTER | CJK) == LETTER | cjk:
                break
            q = after
            following = ahead
        return q
    q = class_end(q, stop, tables, PUNCTUATION | CJK, PUNCTUATION | cjk)
    return newline_end(q, stop, 0) if cjk == 0 else q


@inner
def isolated_match(p: int, stop: int, tables: Tables) -> int:
    r"""The end of the match of ` ?[^\s\p{L}\p{N}]{2,}[\r\n/]*| +(?!\S)` at `p`; `p` itself if there is none."""
    s = symbol(p, stop, tables)
    q = p + (s >> 8)
    if s & BLANK != 0:
        if q == stop:
            return q
        s = symbol(q, stop, tables)
        if s & SPACE != 0:
            while q < stop and int(load_u8(q)) == 32:
                q += 1
            # A run of several leaves its last to what follows, unless that is white space as well.
            if q < stop and symbol(q, stop, tables) & SPACE == 0:
                q -= 1
            return q
        q += s >> 8
    if s & (LETTER | DIGIT | SPACE) != 0 or q == stop:
        return p
    s = symbol(q, stop, tables)
    if s & (LETTER | DIGIT | SPACE) != 0:
        return p
    q = class_end(q + (s >> 8), stop, tables, LETTER | DIGIT | SPACE, 0)
    return newline_end(q, stop, 1)


@inner
def isolated_end(p: int, stop: int, tables: Tables, rule: Rule) -> int:
    """SuperBPE's second stage: digits, symbols in a row and spaces at an end apart, everything between them together."""
    q = isolated_match(p, stop, tables)
    if q > p:
        return q
    # Most pieces reach beyond a window of 64 bytes: from a letter on, the next one is looked at as if a piece began there.
    while q + 64 <= stop:
        starts, letters = isolated_masks(Window(q, q, stop, _ALL, 0), tables, rule)
        starts &= ~_1
        letters &= ~_1
        if starts != _0:
            return q + trailing_zeros(starts)
        if letters == _0:
            break
        q += 63 - leading_zeros(letters)
    q += symbol(q, stop, tables) >> 8
    while True:
        q = class_end(q, stop, tables, LETTER, LETTER)
        if q >= stop:
            return q
        s = symbol(q, stop, tables)
        if s & DIGIT != 0 or isolated_match(q, stop, tables) > q:
            return q
        q += s >> 8
