"""Limits on what merges make: whether a pair is past them, and the facts of the token that a merge makes."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pairloom.operators.kernels.jit import (
    inner,
    kernel,
    load_u8,
    load_u32,
    load_u64,
    signed,
    store_u8,
    store_u32,
    store_u64,
)

__all__ = ["ANOTHER", "ENDS", "HOLDS", "STARTS", "Rule", "adopt", "mark_rejected", "rejected", "used_up"]

# Bits of a token's flags: it begins inside a word, ends inside one, contains a forbidden string.
STARTS, ENDS, HOLDS = 1, 2, 4
# The number of scripts that have no cap; 0 is none, and those that have one are in between.
ANOTHER = 255


class Rule(NamedTuple):
    """The limits, and the addresses of what `TokenFacts` knows of each token.

    `most_words` is 0 where there are no limits; `reach` are the bytes kept of each end of a token, `strings` the number of
    forbidden strings, of which the first `whole` are whole tokens and the others may be in none. `scripts` has that of each code
    point, and is 0 where none has a cap; `script` has that of each token, `room` how many more there may be of each.
    """

    most_words: int
    reach: int
    strings: int
    whole: int
    words: int
    sizes: int
    flags: int
    heads: int
    tails: int
    forbidden: int
    bounds: int
    script: int
    room: int
    scripts: int


@inner
def _words(rule: Rule, left: int, right: int) -> int:
    words, flags = rule.words, rule.flags
    together = signed(load_u32(words + 4 * left)) + signed(load_u32(words + 4 * right))
    if signed(load_u8(flags + left)) & ENDS and signed(load_u8(flags + right)) & STARTS:
        together -= 1
    return together


@inner
def _holds_forbidden(rule: Rule, left: int, right: int) -> bool:
    _, reach, strings, whole, _, sizes, flags, heads, tails, forbidden, bounds, _, _, _ = rule
    if (signed(load_u8(flags + left)) | signed(load_u8(flags + right))) & HOLDS:
        return True
    left_size, right_size = signed(load_u32(sizes + 4 * left)), signed(load_u32(sizes + 4 * right))
    tail, head = tails + reach * (left + 1), heads + reach * right
    for k in range(whole, strings):
        string = forbidden + signed(load_u32(bounds + 4 * k))
        length = signed(load_u32(bounds + 4 * k + 4)) - signed(load_u32(bounds + 4 * k))
        for before in range(max(1, length - right_size), min(length - 1, left_size) + 1):
            i = 0
            while i < before and load_u8(tail - before + i) == load_u8(string + i):
                i += 1
            while before <= i < length and load_u8(head + i - before) == load_u8(string + i):
                i += 1
            if i == length:
                return True
    return False


@inner
def _is_blocked(rule: Rule, left: int, right: int) -> bool:
    _, reach, _, whole, _, sizes, _, heads, tails, forbidden, bounds, _, _, _ = rule
    left_size, right_size = signed(load_u32(sizes + 4 * left)), signed(load_u32(sizes + 4 * right))
    tail, head = tails + reach * (left + 1) - left_size, heads + reach * right - left_size
    for k in range(whole):
        string = forbidden + signed(load_u32(bounds + 4 * k))
        length = signed(load_u32(bounds + 4 * k + 4)) - signed(load_u32(bounds + 4 * k))
        if left_size + right_size == length:
            i = 0
            while i < left_size and load_u8(tail + i) == load_u8(string + i):
                i += 1
            while left_size <= i < length and load_u8(head + i) == load_u8(string + i):
                i += 1
            if i == length:
                return True
    return False


@inner
def _at_seam(rule: Rule, left: int, right: int) -> int:
    """The script of the character that begins in the left token and ends in the right one; 0 if there is none."""
    reach, room = rule.reach, signed(load_u32(rule.sizes + 4 * right))
    tail, head = rule.tails + reach * (left + 1), rule.heads + reach * right
    for before in range(1, min(3, signed(load_u32(rule.sizes + 4 * left))) + 1):
        byte = signed(load_u8(tail - before))
        if byte < 0x80:
            return 0
        if byte >= 0xC0:
            length = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            if length <= before or length - before > room or byte >= 0xF8:
                return 0
            point = byte & (0x7F >> length)
            for i in range(1, length):
                next_byte = signed(load_u8(tail - before + i if i < before else head + i - before))
                if next_byte & 0xC0 != 0x80:
                    return 0
                point = point << 6 | (next_byte & 0x3F)
            least = 0x80 if length == 2 else 0x800 if length == 3 else 0x10000
            return signed(load_u8(rule.scripts + point)) if least <= point < 0x110000 else 0
    return 0


@inner
def _script(rule: Rule, left: int, right: int) -> int:
    found = signed(load_u8(rule.script + left))
    if found == 0:
        found = _at_seam(rule, left, right)
    if found == 0:
        found = signed(load_u8(rule.script + right))
    return found


@inner
def used_up(rule: Rule, left: int, right: int) -> bool:
    """Whether a pair makes a token of a script of which there are as many as there may be."""
    return rule.scripts != 0 and signed(load_u64(rule.room + 8 * _script(rule, left, right))) <= 0


@inner
def rejected(rule: Rule, left: int, right: int) -> bool:
    """Whether a pair makes a token that is past the limits; `rule` is `TokenFacts.rule`, or `NO_LIMITS`."""
    if rule.most_words == 0:
        return False
    if _words(rule, left, right) > rule.most_words or _holds_forbidden(rule, left, right):
        return True
    return _is_blocked(rule, left, right) or used_up(rule, left, right)


@inner
def adopt(rule: Rule, left: int, right: int, product: int) -> None:
    """Write the facts of the token that a merge makes."""
    _, reach, _, _, words, sizes, flags, heads, tails, _, _, _, _, _ = rule
    if rule.most_words == 0:
        return
    left_flags, right_flags = signed(load_u8(flags + left)), signed(load_u8(flags + right))
    left_size, right_size = signed(load_u32(sizes + 4 * left)), signed(load_u32(sizes + 4 * right))
    if rule.scripts != 0:
        script = _script(rule, left, right)
        store_u8(rule.script + product, np.uint8(script))
        store_u64(rule.room + 8 * script, np.uint64(signed(load_u64(rule.room + 8 * script)) - 1))
    together = _words(rule, left, right)
    holds = np.uint8(HOLDS if _holds_forbidden(rule, left, right) else 0)
    store_u32(words + 4 * product, np.uint32(together))
    store_u32(sizes + 4 * product, np.uint32(left_size + right_size))
    store_u8(flags + product, np.uint8((left_flags & STARTS) | (right_flags & ENDS)) | holds)
    for i in range(reach):
        here = heads + reach * product + i
        if i < left_size:
            store_u8(here, load_u8(heads + reach * left + i))
        elif i - left_size < right_size:
            store_u8(here, load_u8(heads + reach * right + i - left_size))
        # From the end backwards.
        here = tails + reach * (product + 1) - 1 - i
        if i < right_size:
            store_u8(here, load_u8(tails + reach * (right + 1) - 1 - i))
        elif i - right_size < left_size:
            store_u8(here, load_u8(tails + reach * (left + 1) - 1 - (i - right_size)))


@kernel
def mark_rejected(rule: Rule, pairs: npt.NDArray[np.int32], marks: npt.NDArray[np.bool_]) -> None:
    """Which of `pairs` (int32[n, 2], ids) make a token that is past the limits; `marks` is bool[n]."""
    for i in range(len(pairs)):
        marks[i] = rejected(rule, signed(pairs[i, 0]), signed(pairs[i, 1]))
