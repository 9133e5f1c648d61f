"""Kernels of n-gram masking: an index of a lexicon, the fewest units that a row is made of, and rows with some masked."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from pairloom.operators.kernels.hashing import mix64
from pairloom.operators.kernels.jit import inner, kernel, signed
from pairloom.operators.layouts.kernels.draws import Rows, draw, share

__all__ = [
    "Explicit",
    "Lexicon",
    "index_ngrams",
    "mask_explicitly",
    "mask_tokens",
    "segment_units",
    "warm_up",
]

CHOICE = np.uint64(0x2FFD72DBD01ADFB7)


class Lexicon(NamedTuple):
    """N-grams of up to `longest` tokens: number `i` is ids[offsets[i]:offsets[i + 1]].

    `table` leads from hashes to numbers: an entry is a number, with 31 bits of the hash above it, or -1. `marks` has a bit
    for some bits of each hash: small enough for a near cache, it tells of most n-grams that the lexicon has not.
    """

    offsets: npt.NDArray[np.int64]
    ids: npt.NDArray[np.uint32]
    table: npt.NDArray[np.int64]
    marks: npt.NDArray[np.uint8]
    longest: int


class Explicit(NamedTuple):
    """Rows in which a unit is one mask, all [b, seq_len]: `segments` says of which segment a place is, -1 behind them.

    `fine` are the tokens of masked units one after another, `fine_places` where in the row the mask of each is.
    """

    inputs: npt.NDArray[np.uint32]
    labels: npt.NDArray[np.int32]
    segments: npt.NDArray[np.int32]
    fine: npt.NDArray[np.int32]
    fine_places: npt.NDArray[np.int32]


@inner
def _further(hashed: np.uint64, token: int) -> np.uint64:
    """The hash of an n-gram with one token more."""
    return mix64(hashed ^ np.uint64(token + 1))


@inner
def _entry(hashed: np.uint64, number: int) -> int:
    """What a table holds of an n-gram: 31 bits of its hash, and its number; never negative."""
    return np.int64((hashed >> np.uint64(33)) << np.uint64(32)) | number


@inner
def _mark(hashed: np.uint64, marks: int) -> np.uint64:
    """The bit of a hash among those of so many bytes, a power of two."""
    return (hashed >> np.uint64(20)) & np.uint64(8 * marks - 1)


@kernel
def index_ngrams(lexicon: Lexicon) -> int:
    """Enter n-grams into a table of -1 and into marks of 0, each of a power of two of places.

    Gives -1, or the first n-gram that is there already.
    """
    offsets, ids, table, marks = lexicon.offsets, lexicon.ids, lexicon.table, lexicon.marks
    inside = np.uint64(len(table) - 1)
    for i in range(len(offsets) - 1):
        hashed, length = np.uint64(0), offsets[i + 1] - offsets[i]
        for k in range(offsets[i], offsets[i + 1]):
            hashed = _further(hashed, np.int64(ids[k]))
        if _found(lexicon, hashed, ids, offsets[i], length) >= 0:
            return i
        place = hashed & inside
        while table[place] >= 0:
            place = (place + np.uint64(1)) & inside
        table[place] = _entry(hashed, i)
        mark = _mark(hashed, len(marks))
        marks[mark >> np.uint64(3)] |= np.uint8(1) << np.uint8(mark & np.uint64(7))
    return -1


@inner
def _found(lexicon: Lexicon, hashed: np.uint64, row: npt.NDArray[np.uint32], at: int, length: int) -> int:
    """The number of the n-gram at a place, -1 for one that the lexicon has not."""
    inside = np.uint64(len(lexicon.table) - 1)
    place, tag = hashed & inside, _entry(hashed, 0)
    while lexicon.table[place] >= 0:
        entry = lexicon.table[place]
        if entry & ~0xFFFFFFFF == tag:
            number = entry & 0xFFFFFFFF
            first = lexicon.offsets[number]
            if lexicon.offsets[number + 1] - first == length:
                same = 0
                while same < length and lexicon.ids[first + same] == row[at + same]:
                    same += 1
                if same == length:
                    return number
        place = (place + np.uint64(1)) & inside
    return -1


@kernel
def segment_units(
    rows: Rows,
    special: npt.NDArray[np.bool_],
    lexicon: Lexicon,
    fewest: npt.NDArray[np.int64],
    length: npt.NDArray[np.uint8],
    number: npt.NDArray[np.int32],
) -> None:
    """Cut each segment into the fewest n-grams of the lexicon and single tokens; of several ways, the first unit is longest.

    At the first token of a unit `length` [b, seq_len] becomes its tokens, and `number` the n-gram's, -1 for a single token;
    special tokens are no units. `fewest` is room for seq_len + 1 numbers.
    """
    table, marks, longest = lexicon.table, lexicon.marks, lexicon.longest
    inside = np.uint64(len(table) - 1)
    for r in range(len(rows.ids)):
        ids = rows.ids[r]
        stop = 0
        for s in range(rows.edges[r], rows.edges[r + 1]):
            first, stop = stop, stop + rows.lengths[s]
            fewest[stop] = 0
            room = 0
            for back in range(stop - first):
                i = stop - 1 - back
                number[r, i] = -1
                if special[ids[i]]:
                    room, fewest[i], length[r, i] = 0, fewest[i + 1], 0
                    continue
                room += 1
                fewest[i], length[r, i] = fewest[i + 1] + 1, 1
                hashed = _further(np.uint64(0), np.int64(ids[i]))
                for n in range(2, min(room, longest) + 1):
                    hashed = _further(hashed, np.int64(ids[i + n - 1]))
                    # Most n-grams are not there: these end here, without a call that takes arrays.
                    mark = _mark(hashed, len(marks))
                    if marks[mark >> np.uint64(3)] >> np.uint8(mark & np.uint64(7)) & np.uint8(1) == 0:
                        continue
                    place, tag = hashed & inside, _entry(hashed, 0)
                    while table[place] >= 0 and table[place] & ~0xFFFFFFFF != tag:
                        place = (place + np.uint64(1)) & inside
                    if table[place] >= 0 and fewest[i + n] + 1 <= fewest[i]:
                        which = _found(lexicon, hashed, ids, i, n)
                        if which >= 0:
                            fewest[i], length[r, i], number[r, i] = fewest[i + n] + 1, n, which
            i = first
            while i < stop:
                for k in range(i + 1, i + length[r, i]):
                    length[r, k], number[r, k] = 0, -1
                i += max(1, signed(length[r, i]))


@kernel
def mask_tokens(
    rows: Rows,
    length: npt.NDArray[np.uint8],
    rate: np.uint64,
    mask: int,
    out: npt.NDArray[np.uint32],
    labels: npt.NDArray[np.int32],
) -> None:
    """Mask every token of some units, each drawn on its own with the probability `rate`, in 2^53rds."""
    for r in range(len(rows.ids)):
        for i in range(rows.ids.shape[1]):
            if length[r, i] > 0 and share(draw(rows.streams[r], CHOICE, i)) < rate:
                for k in range(i, i + length[r, i]):
                    labels[r, k] = np.int32(rows.ids[r, k])
                    out[r, k] = mask


@kernel
def mask_explicitly(
    rows: Rows,
    length: npt.NDArray[np.uint8],
    number: npt.NDArray[np.int32],
    rate: np.uint64,
    mask: int,
    tokens: int,
    to: Explicit,
) -> None:
    """Put one mask for each of some units, the same as `mask_tokens` masks, with what it is as its label.

    A single token's label is its id, that of n-gram `i` is `tokens` + i. What `to` holds begins as padding; without places
    for the tokens of units these are left out.
    """
    fine = to.fine.shape[1] > 0
    for r in range(len(rows.ids)):
        ids = rows.ids[r]
        stop = o = f = 0
        for s in range(rows.edges[r], rows.edges[r + 1]):
            i, stop = stop, stop + rows.lengths[s]
            while i < stop:
                several = signed(length[r, i])
                to.segments[r, o] = s - rows.edges[r]
                if several > 0 and share(draw(rows.streams[r], CHOICE, i)) < rate:
                    to.inputs[r, o] = mask
                    to.labels[r, o] = np.int32(ids[i]) if number[r, i] < 0 else tokens + number[r, i]
                    for k in range(i, i + several if fine else i):
                        to.fine[r, f], to.fine_places[r, f] = np.int32(ids[k]), o
                        f += 1
                    i, o = i + several, o + 1
                    continue
                for k in range(i, i + max(1, several)):
                    to.inputs[r, o], to.segments[r, o] = ids[k], s - rows.edges[r]
                    o += 1
                i += max(1, several)


def warm_up(rows: Any) -> None:
    """Mask n-grams of rows in either way."""
    from pairloom.operators.layouts.ernie_gram import ErnieGram, Tables

    ngrams = np.array([0, 2], np.int64), np.array([1, 2], np.uint32)
    lexicon = Lexicon(*ngrams, np.full(4, -1, np.int64), np.zeros(8, np.uint8), 2)
    index_ngrams(lexicon)
    tables = Tables(np.zeros(9, np.bool_), 0, 9, lexicon)
    for mode in ("contiguous", "explicit"):
        ErnieGram(lexicon="none", mode=mode)(rows, 0, 0, 0, tables)
