"""Repetition within documents: of paragraphs, of lines, and of runs of words."""

import numpy as np
import numpy.typing as npt

from pairloom.operators.documents.kernels.lines import met, slots_for
from pairloom.operators.documents.kernels.points import class_of, step_of
from pairloom.operators.kernels.hashing import xxh64
from pairloom.operators.kernels.jit import address, inner, kernel
from pairloom.operators.text.pretokenize.classes import SPACE

__all__ = ["judge_repetition"]

Bytes = npt.NDArray[np.uint8]
Words = npt.NDArray[np.uint64]
Numbers = npt.NDArray[np.int64]
Small = npt.NDArray[np.int32]

_BASE = np.uint64(0xD6E8FEB86659FD93)  # odd: runs of words are told apart by a polynomial in it


@inner
def _count(data: Bytes, begin: int, end: int) -> int:
    """How many characters there are."""
    count = 0
    for p in range(begin, end):
        count += data[p] & 0xC0 != 0x80
    return count


@inner
def _parts(
    data: Bytes, base: int, begin: int, stop: int, least: int, keys: Words, stamps: Small, stamp: int
) -> tuple[int, int, int]:
    """Parts between runs of `least` or more newlines: how many, how many stood there before, and their characters."""
    parts = repeated = characters = 0
    p = begin
    while True:
        end = p
        behind = stop
        while end < stop:
            if data[end] == 10:
                behind = end
                while behind < stop and data[behind] == 10:
                    behind += 1
                if behind - end >= least:
                    break
                end = behind
                behind = stop
            else:
                end += 1
        parts += 1
        _, again = met(keys, stamps, stamp, xxh64(base + p, end - p, np.uint64(0)))
        if again:
            repeated += 1
            characters += _count(data, p, end)
        if end >= stop:
            return parts, repeated, characters
        p = behind


@inner
def _words(
    data: Bytes,
    base: int,
    begin: int,
    stop: int,
    block_of: npt.NDArray[np.uint16],
    blocks: Bytes,
    sums: Words,
    lengths: Small,
) -> int:
    """How many words there are; `sums` are the polynomials of those before each, `lengths` their characters."""
    words = 0
    sums[0], lengths[0] = np.uint64(0), 0
    p = start = begin
    length = 0
    while p <= stop:
        if p == stop or class_of(data, p, block_of, blocks) & SPACE:
            if p > start:
                sums[words + 1] = sums[words] * _BASE + xxh64(base + start, p - start, np.uint64(0))
                lengths[words + 1] = lengths[words] + length
                words += 1
            if p == stop:
                break
            p += step_of(np.int64(data[p]))
            start, length = p, 0
            continue
        p += step_of(np.int64(data[p]))
        length += 1
    return words


@inner
def _power(n: int) -> np.uint64:
    power = np.uint64(1)
    for _ in range(n):
        power *= _BASE
    return power


@inner
def _top(
    n: int,
    words: int,
    sums: Words,
    lengths: Small,
    keys: Words,
    stamps: Small,
    counts: Small,
    firsts: Small,
    stamp: int,
) -> int:
    """The characters of the run of `n` words that is there most often, the first of several, blanks between words included."""
    power = _power(n)
    most, first = 0, 0
    for i in range(words - n + 1):
        slot, again = met(keys, stamps, stamp, sums[i + n] - sums[i] * power)
        if not again:
            counts[slot], firsts[slot] = 0, i
        counts[slot] += 1
        if counts[slot] > most or (counts[slot] == most and firsts[slot] < first):
            most, first = counts[slot], firsts[slot]
    if most == 0:
        return 0
    return most * (lengths[first + n] - lengths[first] + n - 1)


@inner
def _repeated(n: int, words: int, sums: Words, lengths: Small, keys: Words, stamps: Small, stamp: int) -> int:
    """The characters of runs of `n` words that were there before, each counted once: from the left, over what was counted."""
    power = _power(n)
    characters = 0
    i = 0
    while i <= words - n:
        _, again = met(keys, stamps, stamp, sums[i + n] - sums[i] * power)
        if again:
            characters += lengths[i + n] - lengths[i]
            i += n
        else:
            i += 1
    return characters


@inner
def _bare(
    data: Bytes, begin: int, stop: int, block_of: npt.NDArray[np.uint16], blocks: Bytes
) -> tuple[int, int]:
    """A document without white space around it."""
    while begin < stop and class_of(data, begin, block_of, blocks) & SPACE:
        begin += step_of(np.int64(data[begin]))
    while begin < stop:
        p = stop - 1
        while data[p] & 0xC0 == 0x80:
            p -= 1
        if not class_of(data, p, block_of, blocks) & SPACE:
            break
        stop = p
    return begin, stop


@kernel
def judge_repetition(
    data: Bytes,
    offsets: Numbers,
    block_of: npt.NDArray[np.uint16],
    blocks: Bytes,
    parts: npt.NDArray[np.float64],
    top: npt.NDArray[np.float64],
    repeated: npt.NDArray[np.float64],
    sizes: Numbers,
    sums: Words,
    lengths: Small,
    keys: Words,
    stamps: Small,
    counts: Small,
    firsts: Small,
    out: npt.NDArray[np.int64],
) -> None:
    """The first rule that each document breaks: 0 for none, 1 to 4 for that of `parts`, then those of `top` and `repeated`.

    `parts` are the largest shares of paragraphs that stood there before, of their characters, and the same of lines; `top` and
    `repeated` are rows of a number of words and the largest share of characters. `sizes[i]` is
    more than the words and the newlines of a document. `sums` and `lengths` are one longer than the
    most words of a document, `keys`, `stamps` (zeros), `counts` and `firsts` a table of at least twice as many slots.
    """
    base = address(data)
    stamp = 0
    for i in range(len(offsets) - 1):
        out[i] = 0
        begin, stop = offsets[i], offsets[i + 1]
        characters = _count(data, begin, stop)
        if characters == 0:
            continue
        slots = slots_for(sizes[i], len(keys))
        some_keys, some_stamps = keys[:slots], stamps[:slots]
        for kind in range(2):
            a, b = begin, stop
            if kind == 0:
                a, b = _bare(data, begin, stop, block_of, blocks)
            stamp += 1
            count, again, size = _parts(data, base, a, b, 2 - kind, some_keys, some_stamps, stamp)
            if again / count > parts[2 * kind]:
                out[i] = 2 * kind + 1
                break
            if size / characters > parts[2 * kind + 1]:
                out[i] = 2 * kind + 2
                break
        if out[i]:
            continue
        words = _words(data, base, begin, stop, block_of, blocks, sums, lengths)
        for k in range(len(top)):
            n = np.int64(top[k, 0])
            stamp += 1
            if (
                _top(n, words, sums, lengths, some_keys, some_stamps, counts, firsts, stamp) / characters
                > top[k, 1]
            ):
                out[i] = 5 + k
                break
        if out[i]:
            continue
        for k in range(len(repeated)):
            n = np.int64(repeated[k, 0])
            stamp += 1
            if (
                _repeated(n, words, sums, lengths, some_keys, some_stamps, stamp) / characters
                > repeated[k, 1]
            ):
                out[i] = 5 + len(top) + k
                break
