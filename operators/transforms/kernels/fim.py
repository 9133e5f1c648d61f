"""Kernels of fill-in-the-middle: what becomes of each chunk, where it is cut, and which pieces it is written as."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from pairloom.operators.kernels.hashing import GOLDEN, mix64
from pairloom.operators.kernels.jit import inner, kernel, load_u16, load_u32

__all__ = [
    "DRAWS",
    "PLAIN",
    "PSM",
    "SPM",
    "Chunks",
    "Parts",
    "arrange",
    "choose_modes",
    "choose_places",
    "count_places",
    "find_infilled",
    "find_places",
    "own_tokens",
    "warm_up",
]

# What becomes of a chunk: it stays, or it is written as prefix, suffix, middle or as suffix, prefix, middle.
PLAIN = 0
PSM = 1
SPM = 2

# Draws of a chunk: whether, in which order, and the two places where it is cut.
DRAWS = 4


class Chunks(NamedTuple):
    """What is infilled at once, of all documents, in their order; every array is int64.

    Chunk `i`, the `number[i]`th of its document, is `length[i]` tokens of document `document[i]` from `offset[i]` on.
    `head[i]` special tokens stand before the first chunk of a document, `tail[i]` behind the last.
    """

    document: npt.NDArray[np.int64]
    number: npt.NDArray[np.int64]
    offset: npt.NDArray[np.int64]
    length: npt.NDArray[np.int64]
    head: npt.NDArray[np.int64]
    tail: npt.NDArray[np.int64]


class Parts(NamedTuple):
    """Pieces of documents: `length[i]` tokens of document `document[i]` from its token `offset[i]` on; all int64."""

    document: npt.NDArray[np.int64]
    offset: npt.NDArray[np.int64]
    length: npt.NDArray[np.int64]


@kernel
def own_tokens(
    start: npt.NDArray[np.int64],
    length: npt.NDArray[np.int64],
    width: int,
    special: npt.NDArray[np.bool_],
    head: npt.NDArray[np.int64],
    tail: npt.NDArray[np.int64],
) -> None:
    """How many special tokens each document begins and ends with; one that has no others is all head.

    Document `d` is `length[d]` ids of `width` bytes (2 or 4) from the address `start[d]` on.
    """
    for d in range(len(start)):
        at = start[d]
        stop = at + length[d] * width
        while at < stop and special[load_u16(at) if width == 2 else load_u32(at)]:
            at += width
        head[d] = (at - start[d]) // width
        last = stop
        while last > at and special[load_u16(last - width) if width == 2 else load_u32(last - width)]:
            last -= width
        tail[d] = (stop - last) // width


@kernel
def find_infilled(
    start: npt.NDArray[np.int64],
    length: npt.NDArray[np.int64],
    width: int,
    sentinel: npt.NDArray[np.bool_],
    infilled: npt.NDArray[np.bool_],
) -> None:
    """Which documents hold one of the sentinels; see `own_tokens`."""
    for d in range(len(start)):
        found = False
        at = start[d]
        for _ in range(length[d]):
            found |= sentinel[load_u16(at) if width == 2 else load_u32(at)]
            at += width
        infilled[d] = found


@kernel
def choose_modes(
    streams: npt.NDArray[np.uint64],
    chunk: npt.NDArray[np.int64],
    rate: np.uint64,
    spm_rate: np.uint64,
    mode: npt.NDArray[np.int8],
) -> None:
    """What becomes of each chunk: number `chunk[i]` of a document with the stream `streams[i]`; rates in 2^53rds."""
    for i in range(len(mode)):
        draw = streams[i] + np.uint64(DRAWS * chunk[i] + 1) * GOLDEN
        mode[i] = PLAIN
        if mix64(draw) >> np.uint64(11) < rate:
            mode[i] = SPM if mix64(draw + GOLDEN) >> np.uint64(11) < spm_rate else PSM


@kernel
def choose_places(
    streams: npt.NDArray[np.uint64],
    chunk: npt.NDArray[np.int64],
    places: npt.NDArray[np.int64],
    first: npt.NDArray[np.int64],
    second: npt.NDArray[np.int64],
) -> None:
    """Two of the `places[i]` (below 2^32) where each chunk may be cut, uniform and independent, the smaller first."""
    half = np.uint64(32)
    for i in range(len(first)):
        draw = streams[i] + np.uint64(DRAWS * chunk[i] + 3) * GOLDEN
        count = np.uint64(places[i])
        one = np.int64(((mix64(draw) >> half) * count) >> half)
        other = np.int64(((mix64(draw + GOLDEN) >> half) * count) >> half)
        first[i] = min(one, other)
        second[i] = max(one, other)


@inner
def _begins(byte: np.uint8, before: np.uint8, lines: bool) -> bool:
    """Whether a character, or a line, begins with a byte that follows another."""
    return before == 10 if lines else byte & 0xC0 != 0x80


@kernel
def count_places(
    data: npt.NDArray[np.uint8],
    offsets: npt.NDArray[np.int64],
    whole: npt.NDArray[np.int64],
    lines: bool,
    places: npt.NDArray[np.int64],
) -> None:
    """At how many places each text, data[offsets[i]:offsets[i + 1]], may be cut: before characters or lines, and its end.

    `whole` are byte ranges that nothing is cut in, [begin, end) one after another, ascending.
    """
    w = 0
    for i in range(len(places)):
        start, stop = offsets[i], offsets[i + 1]
        count = 1 + (stop > start)
        before = np.uint8(0)
        # The range that a byte may be in: the first that ends behind it.
        while w < len(whole) and whole[w + 1] <= start:
            w += 2
        begin = whole[w] if w < len(whole) else stop
        end = whole[w + 1] if w < len(whole) else stop
        for at in range(start, stop):
            byte = data[at]
            if at == end:
                w += 2
                begin = whole[w] if w < len(whole) else stop
                end = whole[w + 1] if w < len(whole) else stop
            count += at > start and at <= begin and _begins(byte, before, lines)
            before = byte
        places[i] = count


@kernel
def find_places(
    data: npt.NDArray[np.uint8],
    offsets: npt.NDArray[np.int64],
    whole: npt.NDArray[np.int64],
    lines: bool,
    first: npt.NDArray[np.int64],
    second: npt.NDArray[np.int64],
) -> None:
    """Turn the numbers of two places of each text, the smaller first, into where they are in `data`; see `count_places`."""
    w = 0
    for i in range(len(first)):
        start, stop = offsets[i], offsets[i + 1]
        one, other = first[i], second[i]
        first[i], second[i] = start if one == 0 else stop, start if other == 0 else stop
        seen = 0
        before = np.uint8(0)
        while w < len(whole) and whole[w + 1] <= start:
            w += 2
        begin = whole[w] if w < len(whole) else stop
        end = whole[w + 1] if w < len(whole) else stop
        for at in range(start, stop):
            byte = data[at]
            if at == end:
                w += 2
                begin = whole[w] if w < len(whole) else stop
                end = whole[w + 1] if w < len(whole) else stop
            if at > start and at <= begin and _begins(byte, before, lines):
                seen += 1
                if seen == one:
                    first[i] = at
                if seen == other:
                    second[i] = at
                    break
            before = byte


@inner
def _put(pieces: Parts, at: int, document: int, offset: int, length: int) -> int:
    """Write a piece, unless it is empty; the place of the next one."""
    pieces.document[at] = document
    pieces.offset[at] = offset
    pieces.length[at] = length
    return at + (length > 0)


@kernel
def arrange(
    chunks: Chunks,
    mode: npt.NDArray[np.int8],
    prefix: Parts,
    middle: Parts,
    suffix: Parts,
    sentinels: int,
    eot: int,
    owner: npt.NDArray[np.int64],
    pieces: Parts,
) -> int:
    """Write the pieces of all chunks, at most nine each, and the document that each belongs to; returns how many.

    `sentinels` is the document that holds prefix, suffix, middle and, if `eot` is 1, eot.
    """
    at = 0
    for i in range(len(mode)):
        document, before = chunks.document[i], at
        at = _put(pieces, at, document, chunks.offset[i] - chunks.head[i], chunks.head[i])
        if mode[i] == PLAIN:
            at = _put(pieces, at, document, chunks.offset[i], chunks.length[i])
        else:
            at = _put(pieces, at, sentinels, 0, 1)
            if mode[i] == PSM:
                at = _put(pieces, at, prefix.document[i], prefix.offset[i], prefix.length[i])
            at = _put(pieces, at, sentinels, 1, 1)
            at = _put(pieces, at, suffix.document[i], suffix.offset[i], suffix.length[i])
            at = _put(pieces, at, sentinels, 2, 1)
            if mode[i] == SPM:
                at = _put(pieces, at, prefix.document[i], prefix.offset[i], prefix.length[i])
            at = _put(pieces, at, middle.document[i], middle.offset[i], middle.length[i])
            at = _put(pieces, at, sentinels, 3, eot)
        at = _put(pieces, at, document, chunks.offset[i] + chunks.length[i], chunks.tail[i])
        owner[before:at] = document
    return at


def warm_up(batch: Any) -> None:
    """Infill a few tokens, and count the characters of a text."""
    from pairloom.operators.transforms.fim import FillInTheMiddle, Tables

    tables = Tables(special=np.arange(9) < 3, sentinels=np.arange(3), tokenizer=None)
    FillInTheMiddle(rate=1.0, split="token")(batch, 0, tables)
    data, edges, found = np.zeros(4, np.uint8), np.array([0, 4]), np.zeros((3, 1), np.int64)
    count_places(data, edges, np.zeros(0, np.int64), False, found[0])
    find_places(data, edges, np.zeros(0, np.int64), False, found[1], found[2])
