"""Normalizing as SentencePiece does, by its table of rules: at each place the longest rule, or one character as it is."""

from typing import Any

import numpy as np
import numpy.typing as npt

from pairloom.operators.kernels.jit import (
    address,
    copy_16,
    inner,
    kernel,
    load_u8,
    load_u32,
    store_u8,
    trailing_zeros,
)
from pairloom.operators.kernels.simd import bits_chosen, bytes_between
from pairloom.operators.models.bpe.kernels.trie import longest_token
from pairloom.operators.text.normalize.kernels.quick import character

__all__ = ["DUMMY", "ESCAPE", "REMOVE", "SUFFIX", "normalize", "normalize_located"]

Int = int | np.int64

REMOVE, DUMMY, SUFFIX, ESCAPE = 1, 2, 4, 8
"""Bits of what is done: spaces are joined and taken off the ends, one is put before a text, or after it, U+2581 is one."""

_SPACE = 32


@inner
def _offset(unit: Int) -> Int:
    return (unit >> 10) << ((unit & 512) >> 6)


@inner
def _rule(at: Int, stop: Int, units: Int, size: Int) -> Any:
    """(bytes, value) of the longest rule of a double array of `size` units that a text begins with; 0 bytes for none."""
    length = np.int64(0)
    value = np.int64(0)
    if size == 0:
        return length, value
    node = _offset(np.int64(load_u32(units)))
    p = at
    while p < stop:
        node ^= np.int64(load_u8(p))
        if node >= size:
            break
        unit = np.int64(load_u32(units + (node << 2)))
        if unit & 0x800000FF != np.int64(load_u8(p)):
            break
        p += 1
        node ^= _offset(unit)
        if node >= size:
            break
        if unit & 256 != 0:
            length = p - at
            value = np.int64(load_u32(units + (node << 2))) & 0x7FFFFFFF
    return length, value


@inner
def _prefix(at: Int, stop: Int, tables: Any) -> Any:
    """What a text begins with: (where its normal form is, its bytes, the bytes of the text)."""
    units, size, pool, pooled, trie, lengths = tables
    if lengths != 0:
        found = longest_token(trie, at, stop)
        if found >= 0:
            taken = np.int64(load_u32(lengths + (found << 2)))
            return at, taken, taken
    taken, value = _rule(at, stop, units, size)
    if taken > 0 and value < pooled:
        count = np.int64(0)
        while load_u8(pool + value + count) != 0:
            count += 1
        return pool + value, count, taken
    taken = np.int64(1)
    if load_u8(at) >= 0x80:
        taken = max(taken, np.int64(character(at, stop)) & 7)
    return at, taken, taken


@inner
def _plain_run(p: Int, stop: Int, plain: Any, spaced: bool, does: Int) -> Any:
    """How many of the next bytes stay as they are, of 64, for all that is known without looking for rules.

    `plain` are which of ASCII neither are a rule or a token by themselves nor begin one with more of ASCII, as bits of two uint64,
    and whether all other bytes begin none. Of spaces that are joined, one is plain that none is before.
    """
    if p + 64 > stop or (not plain[2] and load_u8(p) >= 0x80):
        return np.int64(0)
    low, high = bytes_between(p, 0, 64), bytes_between(p, 64, 64)
    kept = low & bits_chosen(p, plain[0]) | high & bits_chosen(p, plain[1])
    if plain[2]:
        kept |= ~(low | high)
        if does & ESCAPE != 0:
            kept &= ~bytes_between(p, 0xE2, 1)
    if does & REMOVE != 0:
        spaces = bytes_between(p, _SPACE, 1)
        kept &= ~(spaces & (spaces << np.uint64(1) | np.uint64(spaced)))
    # What follows the last may belong to it.
    return max(np.int64(0), min(np.int64(trailing_zeros(~kept)), np.int64(64)) - 1)


def _writing(located: bool) -> Any:
    """What normalizes; `located`, it also writes for each byte where the text is from that it was made of."""

    def write(
        data: Any,
        offsets: Any,
        skipped: Any,
        units: Any,
        pool: Any,
        trie: Any,
        lengths: Any,
        does: int,
        longest: int,
        plain: Any,
        out: Any,
        ends: Any,
        first: int,
        places: Any,
        stops: Any,
    ) -> int:
        base, begun = address(data), address(out)
        limit = begun + len(out) - longest - 80
        # Where each byte is from is known of ASCII alone, whose characters are bytes.
        quick = (plain[0], plain[1], plain[2] != 0 and not located)
        held = address(lengths) if len(lengths) > 0 else np.int64(0)
        tables = (
            address(units),
            np.int64(len(units)),
            address(pool),
            np.int64(len(pool)),
            address(trie),
            held,
        )
        at = begun + ends[first]
        for text in range(first, len(skipped)):
            begin = at
            p = base + offsets[text]
            stop = base + offsets[text + 1]
            if skipped[text]:
                p = stop
            while does & REMOVE != 0 and p < stop:
                source, count, taken = _prefix(p, stop, tables)
                if count != 1 or load_u8(source) != _SPACE:
                    break
                p += taken
            there = p < stop
            if there and does & DUMMY != 0 and does & SUFFIX == 0:
                store_u8(at, np.uint8(_SPACE))
                if located:
                    places[at - begun] = p - base
                at += 1
            spaced = does & REMOVE != 0
            while p < stop:
                if at > limit:
                    return text
                count = _plain_run(p, stop, quick, spaced, does)
                if count > 0:
                    for i in range(0, count, 16):
                        copy_16(p + i, at + i)
                    if located:
                        for i in range(count):
                            places[at - begun + i] = p - base + i
                    p += count
                    at += count
                    spaced = does & REMOVE != 0 and load_u8(at - 1) == _SPACE
                    continue
                source, count, taken = _prefix(p, stop, tables)
                i = np.int64(0)
                while spaced and i < count and load_u8(source + i) == _SPACE:
                    i += 1
                if i < count:
                    spaced = does & REMOVE != 0 and load_u8(source + count - 1) == _SPACE
                while i < count:
                    byte = load_u8(source + i)
                    i += 1
                    if (
                        byte == 0xE2
                        and does & ESCAPE != 0
                        and i + 1 < count
                        and load_u8(source + i) == 0x96
                        and load_u8(source + i + 1) == 0x81
                    ):
                        byte = np.uint8(_SPACE)
                        i += 2
                    store_u8(at, byte)
                    if located:
                        places[at - begun] = p - base
                    at += 1
                p += taken
            last = p - base
            if does & REMOVE != 0:
                while at > begin and load_u8(at - 1) == _SPACE:
                    at -= 1
                    if located:
                        last = places[at - begun]
            if there and does & DUMMY != 0 and does & SUFFIX != 0:
                store_u8(at, np.uint8(_SPACE))
                if located:
                    places[at - begun] = last
                at += 1
            if located:
                stops[text] = last
            ends[text + 1] = at - begun
        return len(skipped)

    # Of one name, what is kept on disk would have the one in the place of the other in a process that loads both.
    write.__qualname__ += "_located" if located else "_plain"
    return inner(write)


_write, _write_located = _writing(False), _writing(True)


@kernel
def normalize(
    data: npt.NDArray[np.uint8],
    offsets: npt.NDArray[np.int64],
    skipped: npt.NDArray[np.bool_],
    units: npt.NDArray[np.uint32],
    pool: npt.NDArray[np.uint8],
    trie: npt.NDArray[np.uint64],
    lengths: npt.NDArray[np.uint32],
    does: int,
    longest: int,
    plain: npt.NDArray[np.uint64],
    out: npt.NDArray[np.uint8],
    ends: npt.NDArray[np.int64],
    first: int,
) -> int:
    """Write normalized texts from `first` on, and where they end; the text for which there was no room, or their number.

    `units` are the double array of the rules, `pool` their normal forms, each with a zero behind it, the last too. The tokens of
    `trie`, whose `lengths` are by number, stay as they are; `plain` is that of `_plain_run`. No normal form or token has more
    than `longest` bytes. `does` has bits, and with ESCAPE a space stands for U+2581 in what is written. Of what is `skipped`,
    nothing is written.
    """
    return _write(
        data, offsets, skipped, units, pool, trie, lengths, does, longest, plain, out, ends, first, ends, ends
    )


@kernel
def normalize_located(
    data: npt.NDArray[np.uint8],
    offsets: npt.NDArray[np.int64],
    skipped: npt.NDArray[np.bool_],
    units: npt.NDArray[np.uint32],
    pool: npt.NDArray[np.uint8],
    trie: npt.NDArray[np.uint64],
    lengths: npt.NDArray[np.uint32],
    does: int,
    longest: int,
    plain: npt.NDArray[np.uint64],
    out: npt.NDArray[np.uint8],
    ends: npt.NDArray[np.int64],
    first: int,
    places: npt.NDArray[np.int64],
    stops: npt.NDArray[np.int64],
) -> int:
    """As `normalize`, with the byte of `data` where what each byte was made of begins, and where all of each text ends.

    A byte of which nothing was made is from where it was put. Spaces that are taken off the end are behind the end.
    """
    return _write_located(
        data,
        offsets,
        skipped,
        units,
        pool,
        trie,
        lengths,
        does,
        longest,
        plain,
        out,
        ends,
        first,
        places,
        stops,
    )
