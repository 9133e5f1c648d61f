"""Runs of words that documents share with texts of a list, by rolling hashes."""

import numpy as np
import numpy.typing as npt

from pairloom.operators.documents.kernels.points import class_of, step_of
from pairloom.operators.kernels.hashing import GOLDEN, mix64, xxh64
from pairloom.operators.kernels.jit import address, kernel
from pairloom.operators.text.pretokenize.classes import DIGIT, LETTER

__all__ = ["find_runs", "hash_runs", "hash_words"]


@kernel
def hash_words(
    data: npt.NDArray[np.uint8],
    offsets: npt.NDArray[np.int64],
    block_of: npt.NDArray[np.uint16],
    blocks: npt.NDArray[np.uint8],
    words: npt.NDArray[np.int64],
    hashes: npt.NDArray[np.uint64],
    begin: npt.NDArray[np.int64],
    end: npt.NDArray[np.int64],
) -> None:
    """XXH64 of each word of texts, and from which to which of its text's characters it goes; text `i` has words[i]:words[i + 1].

    A word is letters, marks and digits that follow one another. The arrays have room for a word for each two bytes and text.
    """
    base = address(data)
    many = 0
    for i in range(len(offsets) - 1):
        words[i] = many
        p, stop = offsets[i], offsets[i + 1]
        character, first, since = 0, -1, 0
        while p < stop:
            if class_of(data, p, block_of, blocks) & (LETTER | DIGIT):
                if first < 0:
                    first, since = p, character
            elif first >= 0:
                hashes[many] = xxh64(base + first, p - first, np.uint64(0))
                begin[many], end[many] = since, character
                many += 1
                first = -1
            p += step_of(np.int64(data[p]))
            character += 1
        if first >= 0:
            hashes[many] = xxh64(base + first, stop - first, np.uint64(0))
            begin[many], end[many] = since, character
            many += 1
    words[len(offsets) - 1] = many


@kernel
def hash_runs(
    hashes: npt.NDArray[np.uint64], words: npt.NDArray[np.int64], size: int, out: npt.NDArray[np.uint64]
) -> int:
    """A hash of each run of `size` words of texts, one after another; how many there are, at most one for each word."""
    power = np.uint64(1)
    for _ in range(size):
        power *= GOLDEN
    many = 0
    for i in range(len(words) - 1):
        value = np.uint64(0)
        for at in range(words[i], words[i + 1]):
            value = value * GOLDEN + hashes[at]
            if at - words[i] >= size:
                value -= power * hashes[at - size]
            if at - words[i] >= size - 1:
                out[many] = mix64(value)
                many += 1
    return many


@kernel
def find_runs(
    hashes: npt.NDArray[np.uint64],
    words: npt.NDArray[np.int64],
    size: int,
    maybe: npt.NDArray[np.bool_],
    known: npt.NDArray[np.uint64],
    found: npt.NDArray[np.int64],
    shared: npt.NDArray[np.bool_],
) -> None:
    """Which words of texts are in a run that is `known` (hashes, ascending), and of each text the first such, or -1.

    `maybe` has true at the lowest bits of each that is known; its length is a power of two. `found` and `shared` begin as -1 and
    false.
    """
    power = np.uint64(1)
    for _ in range(size):
        power *= GOLDEN
    low = np.uint64(len(maybe) - 1)
    for i in range(len(words) - 1):
        value = np.uint64(0)
        done = words[i]
        for at in range(words[i], words[i + 1]):
            value = value * GOLDEN + hashes[at]
            if at - words[i] >= size:
                value -= power * hashes[at - size]
            if at - words[i] < size - 1:
                continue
            key = mix64(value)
            if not maybe[key & low]:
                continue
            place = np.searchsorted(known, key)
            if place == len(known) or known[place] != key:
                continue
            if found[i] < 0:
                found[i] = place
            for one in range(max(done, at - size + 1), at + 1):
                shared[one] = True
            done = at + 1
