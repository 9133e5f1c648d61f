"""Whether text is in a normal form already, as nearly all text is: at most a look at each character."""

import numpy as np

from pairloom.operators.kernels.jit import address, inner, kernel, load_u8, load_u16, load_u64, trailing_zeros
from pairloom.operators.text.normalize.tables import MAY_CHANGE, NormalForm

__all__ = ["character", "find_first", "quiet_end"]

_HIGH_BITS = np.uint64(0x8080808080808080)


@inner
def _plain_end(p: int, stop: int) -> int:
    """The end of the run of ASCII at the address `p`."""
    while p + 8 <= stop:
        high = load_u64(p) & _HIGH_BITS
        if high != np.uint64(0):
            return p + (trailing_zeros(high) >> 3)
        p += 8
    while p < stop and load_u8(p) < 0x80:
        p += 1
    return p


@inner
def character(p: int, stop: int) -> int:
    """The character of UTF-8 at the address `p` < `stop`: its code point << 3 | its length in bytes; 0 if there is none."""
    lead = int(load_u8(p))
    if lead < 0x80:
        return lead << 3 | 1
    if lead < 0xC2 or lead > 0xF4 or p + 1 >= stop:
        return 0
    second = int(load_u8(p + 1))
    if second & 0xC0 != 0x80:
        return 0
    if lead < 0xE0:
        return ((lead & 31) << 6 | second & 63) << 3 | 2
    if p + 2 >= stop:
        return 0
    third = int(load_u8(p + 2))
    if third & 0xC0 != 0x80:
        return 0
    if lead < 0xF0:
        point = (lead & 15) << 12 | (second & 63) << 6 | third & 63
        if point < 0x800 or (point >= 0xD800 and point < 0xE000):
            return 0
        return point << 3 | 3
    if p + 3 >= stop:
        return 0
    fourth = int(load_u8(p + 3))
    point = (lead & 7) << 18 | (second & 63) << 12 | (third & 63) << 6 | fourth & 63
    if fourth & 0xC0 != 0x80 or point < 0x10000 or point >= 0x110000:
        return 0
    return point << 3 | 4


@inner
def _mark(block: int, low: int, blocks: int, marks: int) -> int:
    return int(load_u8(marks + (int(load_u16(blocks + (block << 1))) << 6 | low)))


@inner
def quiet_end(p: int, stop: int, blocks: int, marks: int) -> int:
    """The end of the run of characters whose mark is 0, at the address `p`; `blocks` and `marks` are addresses of a form's.

    Characters of two and of three bytes have loops of their own, so that the next place need not wait for a length.
    """
    while p < stop:
        begin = p
        lead = int(load_u8(p))
        if lead < 0x80:
            p = _plain_end(p, stop)
        elif lead < 0xE0:
            while p + 2 <= stop:
                lead, second = int(load_u8(p)), int(load_u8(p + 1)) ^ 0x80
                if (
                    lead < 0xC2
                    or lead >= 0xE0
                    or second >= 0x40
                    or _mark(lead & 31, second, blocks, marks) != 0
                ):
                    break
                p += 2
        elif lead < 0xF0:
            while p + 3 <= stop:
                lead, second, third = int(load_u8(p)), int(load_u8(p + 1)) ^ 0x80, int(load_u8(p + 2)) ^ 0x80
                block = (lead & 15) << 6 | second
                if lead >> 4 != 0xE or second | third >= 0x40 or block < 0x20 or block >> 5 == 0xD800 >> 11:
                    break
                if _mark(block, third, blocks, marks) != 0:
                    break
                p += 3
        else:
            found = character(p, stop)
            if found != 0 and _mark(found >> 9, found >> 3 & 63, blocks, marks) == 0:
                p += 4
        if p == begin:
            break
    return p


@kernel
def find_first(data: np.ndarray, offsets: np.ndarray, form: NormalForm) -> int:
    """The first document that may not be in the form, or is not UTF-8; -1 for none.

    Document `i` is `data[offsets[i]:offsets[i + 1]]`. It is in the form if no character may change and the classes of the marks
    after each character ascend.
    """
    base, blocks, marks = address(data), address(form.blocks), address(form.marks)
    for document in range(offsets.size - 1):
        begin = base + offsets[document]
        stop = base + offsets[document + 1]
        last = 0
        p = quiet_end(begin, stop, blocks, marks)
        while p < stop:
            found = character(p, stop)
            mark = _mark(found >> 9, found >> 3 & 63, blocks, marks)
            if found == 0 or mark == MAY_CHANGE or (mark != 0 and mark < last):
                return document
            last = mark
            p += found & 7
            if mark == 0:
                p = quiet_end(p, stop, blocks, marks)
    return -1
