"""Hashes of the runs of words or tokens of documents."""

import numpy as np
import numpy.typing as npt

from pairloom.operators.documents.kernels.points import class_of, step_of
from pairloom.operators.kernels.hashing import GOLDEN, mix64, xxh64
from pairloom.operators.kernels.jit import address, inner, kernel
from pairloom.operators.text.pretokenize.classes import CJK, DIGIT, LETTER

__all__ = ["distinct_shingles", "shingle_tokens", "shingle_words"]


@inner
def _rolled(hashes: npt.NDArray[np.uint64], begin: int, end: int, size: int) -> int:
    """Hashes of words, from `begin` to `end`, become those of runs, from `begin` to what is returned; of few there is one."""
    power = np.uint64(1)
    for _ in range(size):
        power *= GOLDEN
    value = np.uint64(0)
    if end - begin <= size:
        for at in range(begin, end):
            value = value * GOLDEN + hashes[at]
        hashes[begin] = mix64(value)
        return begin + 1
    for at in range(begin, begin + size):
        value = value * GOLDEN + hashes[at]
    many = begin
    for at in range(begin + size, end):
        gone = hashes[many]
        hashes[many] = mix64(value)
        many += 1
        value = value * GOLDEN + hashes[at] - power * gone
    hashes[many] = mix64(value)
    return many + 1


@kernel
def shingle_words(
    data: npt.NDArray[np.uint8],
    offsets: npt.NDArray[np.int64],
    block_of: npt.NDArray[np.uint16],
    blocks: npt.NDArray[np.uint8],
    size: int,
    hashes: npt.NDArray[np.uint64],
    lists: npt.NDArray[np.int64],
) -> None:
    """The runs of `size` words of each text: those of text `i` are hashes[lists[i]:lists[i + 1]].

    `hashes` has room for a word for every two bytes and text. Classes are those of the profile "segmented".
    """
    base = address(data)
    many = 0
    for i in range(len(offsets) - 1):
        lists[i] = many
        p, stop = offsets[i], offsets[i + 1]
        first, at = -1, many
        while p < stop:
            kind = class_of(data, p, block_of, blocks)
            step = step_of(np.int64(data[p]))
            word = kind & (LETTER | DIGIT)
            if first >= 0 and (not word or kind & CJK):
                hashes[at] = xxh64(base + first, p - first, np.uint64(0))
                at += 1
                first = -1
            if word and kind & CJK:
                hashes[at] = xxh64(base + p, step, np.uint64(0))
                at += 1
            elif word and first < 0:
                first = p
            p += step
        if first >= 0:
            hashes[at] = xxh64(base + first, stop - first, np.uint64(0))
            at += 1
        if at == many:
            hashes[at] = xxh64(base + offsets[i], stop - offsets[i], GOLDEN)
            at += 1
        many = _rolled(hashes, many, at, size)
    lists[len(offsets) - 1] = many


@kernel
def shingle_tokens(
    values: npt.NDArray[np.uint32],
    offsets: npt.NDArray[np.int64],
    size: int,
    hashes: npt.NDArray[np.uint64],
    lists: npt.NDArray[np.int64],
) -> None:
    """The runs of `size` ids of each document; `hashes` has room for an id and a document."""
    many = 0
    for i in range(len(offsets) - 1):
        lists[i] = many
        at = many
        for j in range(offsets[i], offsets[i + 1]):
            hashes[at] = mix64(np.uint64(values[j]) + GOLDEN)
            at += 1
        if at == many:
            hashes[at] = np.uint64(0)
            at += 1
        many = _rolled(hashes, many, at, size)
    lists[len(offsets) - 1] = many


@kernel
def distinct_shingles(
    hashes: npt.NDArray[np.uint64], lists: npt.NDArray[np.int64], out: npt.NDArray[np.int64]
) -> None:
    """Sort the shingles of each document and leave each once, in place; those of document `i` are hashes[out[i]:out[i + 1]]."""
    many = 0
    for i in range(len(lists) - 1):
        mine = np.sort(hashes[lists[i] : lists[i + 1]])
        out[i] = many
        for j in range(len(mine)):
            if j == 0 or mine[j] != mine[j - 1]:
                hashes[many] = mine[j]
                many += 1
    out[len(lists) - 1] = many
