"""Text into a normal form: what is in it already is copied, and the parts between are taken apart, sorted, put together.

A part goes from the last character to which nothing is done nor before it, up to the next such one: nothing outside of it can
change it, or be changed by it. It may be as long as a document, since any number of marks may follow a character.
"""

from typing import NamedTuple

import numpy as np

from pairloom.operators.kernels.jit import address, copy_bytes, inner, kernel, load_u8
from pairloom.operators.text.normalize.kernels.quick import character, quiet_end
from pairloom.operators.text.normalize.tables import MAY_CHANGE, NormalForm

__all__ = ["DONE", "LONGEST", "NEED_ROOM", "NEED_SCRATCH", "NOT_UTF8", "Scratch", "rewrite"]

DONE, NEED_ROOM, NEED_SCRATCH, NOT_UTF8 = range(4)
# Code points of the longest full decomposition, U+FDFA's.
LONGEST = 18
# Runs of marks up to this length are sorted in place.
_SHORT_RUN = 32

_S, _L, _V, _T = 0xAC00, 0x1100, 0x1161, 0x11A7
_VT, _TS, _SS = 588, 28, 11172


class Scratch(NamedTuple):
    """Room for the code points of a part and their classes, each twice: uint32[2 n] and uint8[2 n]."""

    points: np.ndarray
    classes: np.ndarray


@inner
def _row(form: NormalForm, point: int) -> int:
    return np.int64(form.blocks[point >> 6]) << 6 | point & 63


@inner
def _put(scratch: Scratch, at: int, point: int, combining: int) -> int:
    scratch.points[at] = point
    scratch.classes[at] = combining
    return at + 1


@inner
def _take_apart(p: int, stop: int, form: NormalForm, scratch: Scratch) -> int:
    """The full decomposition of UTF-8 at an address, into `scratch`: how many code points; -1 where there is no room."""
    used = 0
    most = scratch.points.size // 2 - LONGEST
    while p < stop:
        if used > most:
            return -1
        found = character(p, stop)
        point = found >> 3
        p += found & 7
        if point >= _S and point < _S + _SS:
            syllable = point - _S
            used = _put(scratch, used, _L + syllable // _VT, 0)
            used = _put(scratch, used, _V + syllable % _VT // _TS, 0)
            if syllable % _TS != 0:
                used = _put(scratch, used, _T + syllable % _TS, 0)
            continue
        row = _row(form, point)
        place = np.int64(form.places[row])
        if place == 0:
            used = _put(scratch, used, point, np.int64(form.classes[row]))
        for i in range(form.starts[place], form.starts[place + 1]):
            part = np.int64(form.pool[i])
            used = _put(scratch, used, part, np.int64(form.classes[_row(form, part)]))
    return used


@inner
def _sort_run(scratch: Scratch, low: int, high: int) -> None:
    """Sort `scratch[low:high]` by class, equal ones as they stand; long runs by counting, so that no run takes long."""
    points, classes = scratch.points, scratch.classes
    if high - low <= _SHORT_RUN:
        for i in range(low + 1, high):
            point, combining = points[i], classes[i]
            j = i
            while j > low and classes[j - 1] > combining:
                points[j], classes[j] = points[j - 1], classes[j - 1]
                j -= 1
            points[j], classes[j] = point, combining
        return
    half = points.size // 2
    at = np.zeros(257, np.int64)
    for i in range(low, high):
        at[np.int64(classes[i]) + 1] += 1
    for i in range(256):
        at[i + 1] += at[i]
    for i in range(low, high):
        combining = np.int64(classes[i])
        points[half + at[combining]], classes[half + at[combining]] = points[i], classes[i]
        at[combining] += 1
    for i in range(high - low):
        points[low + i], classes[low + i] = points[half + i], classes[half + i]


@inner
def _sort(scratch: Scratch, used: int) -> None:
    i = 0
    while i < used:
        if scratch.classes[i] == 0:
            i += 1
            continue
        low = i
        ascending = True
        while i < used and scratch.classes[i] != 0:
            if i > low and scratch.classes[i] < scratch.classes[i - 1]:
                ascending = False
            i += 1
        if not ascending:
            _sort_run(scratch, low, i)


@inner
def _pair(first: int, second: int, form: NormalForm) -> int:
    """What two code points compose to; -1 if they do not."""
    if first >= _L and first < _L + 19 and second >= _V and second < _V + 21:
        return _S + (first - _L) * _VT + (second - _V) * _TS
    if first >= _S and first < _S + _SS and (first - _S) % _TS == 0 and second > _T and second < _T + _TS:
        return first + second - _T
    wanted = np.uint64(first << 32 | second)
    low, high = 0, form.pairs.size
    while low < high:
        middle = (low + high) >> 1
        if form.pairs[middle] < wanted:
            low = middle + 1
        else:
            high = middle
    if low < form.pairs.size and form.pairs[low] == wanted:
        return np.int64(form.composed[low])
    return -1


@inner
def _put_together(scratch: Scratch, used: int, form: NormalForm) -> int:
    """Compose in place: each with the last starter before it, unless one of the same class or a higher one is between."""
    points, classes = scratch.points, scratch.classes
    starter = -1
    kept = 0
    last = 0  # class of what was kept after the starter, 0 for none
    for i in range(used):
        point, combining = np.int64(points[i]), np.int64(classes[i])
        if starter >= 0 and (kept == starter + 1 or (last != 0 and last < combining)):
            whole = _pair(np.int64(points[starter]), point, form)
            if whole >= 0:
                points[starter] = whole
                continue
        if combining == 0:
            starter = kept
        last = combining
        points[kept], classes[kept] = point, combining
        kept += 1
    return kept


@inner
def _write(scratch: Scratch, used: int, out: np.ndarray, at: int) -> int:
    """Write code points in UTF-8; where they end."""
    for i in range(used):
        point = np.int64(scratch.points[i])
        if point < 0x80:
            out[at] = point
            at += 1
            continue
        if point < 0x800:
            out[at] = 0xC0 | point >> 6
            at += 1
        else:
            if point < 0x10000:
                out[at] = 0xE0 | point >> 12
                at += 1
            else:
                out[at] = 0xF0 | point >> 18
                out[at + 1] = 0x80 | point >> 12 & 63
                at += 2
            out[at] = 0x80 | point >> 6 & 63
            at += 1
        out[at] = 0x80 | point & 63
        at += 1
    return at


@inner
def _part_end(p: int, stop: int, form: NormalForm) -> int:
    """The address of the first character from `p` on to which nothing is done nor before it; 0 where there is no character."""
    while p < stop:
        found = character(p, stop)
        if found == 0:
            return 0
        if form.marks[_row(form, found >> 3)] == 0:
            break
        p += found & 7
    return p


@kernel
def rewrite(
    data: np.ndarray,
    offsets: np.ndarray,
    form: NormalForm,
    scratch: Scratch,
    out: np.ndarray,
    ends: np.ndarray,
    first: int,
) -> tuple[int, int]:
    """Write documents in normal form to `out`, from document `first` on; a status, and the document at which that was.

    `ends` (int64, one more than documents) says where each begins in `out`, `ends[first]` included. NEED_ROOM and NEED_SCRATCH
    ask to be called again from that document on with more of it; NOT_UTF8 is the end.
    """
    base, target = address(data), address(out)
    blocks, marks = address(form.blocks), address(form.marks)
    for document in range(first, offsets.size - 1):
        p = base + offsets[document]
        stop = base + offsets[document + 1]
        at = ends[document]
        copied = boundary = p
        last = 0
        while p < stop:
            quiet = quiet_end(p, stop, blocks, marks)
            if quiet != p:
                p = quiet
                boundary = p - 1
                while load_u8(boundary) & 0xC0 == 0x80:
                    boundary -= 1
                last = 0
                continue
            found = character(p, stop)
            if found == 0:
                return NOT_UTF8, document
            mark = np.int64(form.marks[_row(form, found >> 3)])
            if mark != MAY_CHANGE and mark >= last:
                last = mark
                p += found & 7
                continue
            p = _part_end(p, stop, form)
            if p == 0:
                return NOT_UTF8, document
            used = _take_apart(boundary, p, form, scratch)
            if used < 0:
                return NEED_SCRATCH, document
            _sort(scratch, used)
            if form.pairs.size != 0:
                used = _put_together(scratch, used, form)
            if boundary - copied + 4 * used > out.size - at:
                return NEED_ROOM, document
            copy_bytes(copied, target + at, boundary - copied)
            at = _write(scratch, used, out, at + boundary - copied)
            copied = boundary = p
            last = 0
        if stop - copied > out.size - at:
            return NEED_ROOM, document
        copy_bytes(copied, target + at, stop - copied)
        ends[document + 1] = at + stop - copied
    return DONE, offsets.size - 1
