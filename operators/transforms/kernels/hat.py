"""The kernel of HAT's words: where they begin among bytes of UTF-8."""

from typing import Any

import numpy as np
import numpy.typing as npt

from pairloom.operators.kernels.jit import inner, kernel, signed

__all__ = ["SPECIAL", "mark_words", "warm_up"]

SPECIAL = 256
"""What stands for a special token among bytes: it is a word of its own."""

# The numbers of Word_Break, as in unicode17.bin, and the bits above them.
OTHER, CR, LF, NEWLINE, EXTEND, FORMAT, ZWJ, WSEG, LETTER, HEBREW, NUMERIC, KATAKANA, JOINS = range(13)
MID_LETTER, MID_NUM, MID_BOTH, SINGLE, DOUBLE, REGIONAL = range(13, 19)
BREAK = 31
PICTURE, PUNCTUATION, LOWER, UPPER, WHITE = 32, 64, 128, 256, 512
# What a piece between two boundaries is.
NONE, SPACE, WHITESPACE, MARK, WORD = range(5)


@inner
def character(text: npt.NDArray[np.uint16], at: int, stop: int) -> tuple[int, int]:
    """The code point at a place and how many bytes it has; -1 and one byte where these are no UTF-8."""
    lead = signed(text[at])
    if lead < 0x80:
        return lead, 1
    size = 2 if lead < 0xE0 else 3 if lead < 0xF0 else 4
    if lead < 0xC2 or lead > 0xF4 or at + size > stop:
        return -1, 1
    point = lead & (0xFF >> (size + 1))
    for i in range(at + 1, at + size):
        byte = signed(text[i])
        if byte & 0x1C0 != 0x80:
            return -1, 1
        point = point << 6 | byte & 0x3F
    if (
        point > 0x10FFFF
        or 0xD800 <= point < 0xE000
        or (size == 3 and point < 0x800)
        or (size == 4 and point < 0x10000)
    ):
        return -1, 1
    return point, size


@inner
def ignored(kind: int) -> bool:
    """Whether characters of a kind belong to the one before (WB4)."""
    return kind in (EXTEND, FORMAT, ZWJ)


@inner
def following(text: npt.NDArray[np.uint16], at: int, stop: int, table: npt.NDArray[np.uint16]) -> int:
    """The kind of the first character from a place on that does not belong to the one before it."""
    while at < stop:
        point, size = character(text, at, stop)
        kind = signed(table[point]) & BREAK if point >= 0 else OTHER
        if not ignored(kind):
            return kind
        at += size
    return OTHER


@inner
def is_letter(kind: int) -> bool:
    """AHLetter."""
    return kind in (LETTER, HEBREW)


@inner
def between_letters(kind: int) -> bool:
    """MidLetter or MidNumLetQ."""
    return kind in (MID_LETTER, MID_BOTH, SINGLE)


@inner
def between_digits(kind: int) -> bool:
    """MidNum or MidNumLetQ."""
    return kind in (MID_NUM, MID_BOTH, SINGLE)


@inner
def joined(before: int, last: int, kind: int, following: int, regional: int) -> bool:
    """WB5 to WB16: whether no boundary is between `last`, behind `before`, and `kind`, which `following` follows."""
    if is_letter(last):
        if is_letter(kind) or kind in (NUMERIC, JOINS):
            return True
        if between_letters(kind) and is_letter(following):
            return True
        if last == HEBREW and (kind == SINGLE or (kind == DOUBLE and following == HEBREW)):
            return True
    if is_letter(kind):
        if between_letters(last) and is_letter(before):
            return True
        if kind == HEBREW and last == DOUBLE and before == HEBREW:
            return True
        return last in (NUMERIC, JOINS)
    if kind == NUMERIC:
        return last in (NUMERIC, JOINS) or (between_digits(last) and before == NUMERIC)
    if last == NUMERIC:
        return kind == JOINS or (between_digits(kind) and following == NUMERIC)
    if kind == KATAKANA:
        return last in (KATAKANA, JOINS)
    if kind == JOINS:
        return last in (KATAKANA, JOINS)
    return kind == REGIONAL and last == REGIONAL and regional % 2 == 1


@inner
def goes_on(last: int, piece: int) -> bool:
    """Whether a piece belongs to the word that one of the kind `last` ends: " a", " .", "a." and ".." are one."""
    if piece == MARK:
        return last in (SPACE, WORD, MARK)
    return piece == WORD and last == SPACE


@kernel
def mark_words(
    text: npt.NDArray[np.uint16],
    length: npt.NDArray[np.int64],
    table: npt.NDArray[np.uint16],
    most: int,
    begins: npt.NDArray[np.uint8],
    word: npt.NDArray[np.int32],
) -> None:
    """The number of the word that each byte of documents is in, from 0 on in each; `begins` is room, and begins as zeros.

    `text` has the bytes of documents, `length[d]` of each, and `SPECIAL`. A word of more than `most` bytes is cut at the
    last character that ends within, and after `most` bytes where none does.
    """
    stop = 0
    for d in range(len(length)):
        first, stop = stop, stop + length[d]
        piece_at, of_piece, last_piece = first, NONE, NONE
        before, last, raw, bits, regional = OTHER, OTHER, -1, 0, 0
        at = first
        while at < stop:
            if text[at] == SPECIAL:
                if piece_at < at:
                    begins[piece_at] = not goes_on(last_piece, of_piece)
                begins[at] = 1
                at += 1
                piece_at, of_piece, last_piece = at, NONE, NONE
                before, last, raw, bits, regional = OTHER, OTHER, -1, 0, 0
                continue
            if text[at] < 0x80 and raw == LETTER:  # most characters: a letter behind a letter
                value = signed(table[text[at]])
                if (
                    value & BREAK == LETTER
                    and bits & PUNCTUATION == 0
                    and (bits & LOWER == 0 or value & UPPER == 0)
                ):
                    before, last, bits, of_piece = last, LETTER, value, WORD
                    at += 1
                    continue
            point, size = character(text, at, stop)
            value = signed(table[point]) if point >= 0 else 0
            kind = value & BREAK
            if raw < 0:
                boundary = True
            elif raw == CR and kind == LF:
                boundary = False
            elif (
                raw in (CR, LF, NEWLINE)
                or kind in (CR, LF, NEWLINE)
                or bits & PUNCTUATION != 0
                or (bits & LOWER != 0 and value & UPPER != 0)
            ):
                boundary = True
            elif (raw == ZWJ and value & PICTURE != 0) or (raw == WSEG and kind == WSEG) or ignored(kind):
                boundary = False
            else:
                after = OTHER
                if between_letters(kind) or kind in (MID_NUM, DOUBLE):
                    after = following(text, at + size, stop, table)
                boundary = not joined(before, last, kind, after, regional)
            if boundary and piece_at < at:
                begins[piece_at] = not goes_on(last_piece, of_piece)
                last_piece = of_piece
            # What the piece is, as far as it goes.
            if boundary:
                piece_at = at
                if point == 32:
                    of_piece = SPACE
                elif value & WHITE != 0:
                    of_piece = WHITESPACE
                else:
                    of_piece = MARK if value & PUNCTUATION != 0 else WORD
            elif value & WHITE != 0 and of_piece in (SPACE, WHITESPACE):
                of_piece = WHITESPACE
            else:
                of_piece = WORD
            # What was last, for the next boundary.
            starts = raw < 0 or raw in (CR, LF, NEWLINE)
            if ignored(kind) and not starts:
                raw = kind
            else:
                regional = regional + 1 if kind == REGIONAL and last == REGIONAL else int(kind == REGIONAL)
                before, last, raw = last, OTHER if ignored(kind) else kind, kind
            bits = value
            at += size
        if piece_at < stop:
            begins[piece_at] = not goes_on(last_piece, of_piece)
        number_words(text, first, stop, most, begins, word)


@inner
def number_words(
    text: npt.NDArray[np.uint16],
    first: int,
    stop: int,
    most: int,
    begins: npt.NDArray[np.uint8],
    word: npt.NDArray[np.int32],
) -> None:
    """Cut the words of a document that are too long, and number them."""
    number, at = -1, first
    while at < stop:
        end = at + 1
        while end < stop and begins[end] == 0:
            end += 1
        while at < end:
            cut = min(end, at + most)
            if cut < end:
                while cut > at and signed(text[cut]) & 0x1C0 == 0x80:
                    cut -= 1
                if cut == at:
                    cut = at + most
            number += 1
            for i in range(at, cut):
                word[i] = number
            at = cut


def warm_up(batch: Any) -> None:
    """Number the words of a few bytes."""
    from pairloom.operators.transforms.hat import Hat

    Hat()(batch, 0, np.arange(97, 107).astype(np.uint16))
