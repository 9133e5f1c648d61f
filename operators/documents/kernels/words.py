"""What rules ask of the words of documents: how many there are, how long, and of what."""

import numpy as np
import numpy.typing as npt

from pairloom.operators.documents.kernels.points import class_of, step_of
from pairloom.operators.kernels.hashing import xxh64
from pairloom.operators.kernels.jit import address, inner, kernel
from pairloom.operators.text.pretokenize.classes import DIGIT, LETTER, PUNCTUATION, SPACE

__all__ = [
    "ALPHABETIC",
    "CHARACTERS",
    "ELLIPSES",
    "HASHES",
    "MEASURES",
    "NEWLINES",
    "PROPER",
    "PROPER_CHARACTERS",
    "STOPS",
    "WORDS",
    "measure_words",
]

# What `measure_words` writes of each document.
CHARACTERS, WORDS, PROPER, PROPER_CHARACTERS, ALPHABETIC, HASHES, ELLIPSES, STOPS, NEWLINES = range(9)
MEASURES = 9


@inner
def _stop(base: int, begin: int, end: int, stops: npt.NDArray[np.uint64]) -> int:
    """The number of the word among `stops`, which are hashes; -1 for none."""
    key = xxh64(base + begin, end - begin, np.uint64(0))
    for i in range(len(stops)):
        if stops[i] == key:
            return i
    return -1


@kernel
def measure_words(
    data: npt.NDArray[np.uint8],
    offsets: npt.NDArray[np.int64],
    block_of: npt.NDArray[np.uint16],
    blocks: npt.NDArray[np.uint8],
    stops: npt.NDArray[np.uint64],
    longest: int,
    out: npt.NDArray[np.int64],
) -> None:
    """Measure every document: `out[i]` (int64[n, MEASURES]) are its characters and newlines, and of its words these.

    A word is what stands between white space; a proper one has a character that is neither punctuation nor a symbol, an
    alphabetic one has a letter. An ellipsis is three dots, or one character. `stops` (at most 64) are XXH64 of words of at
    most `longest` bytes, of which the document's different ones are counted.
    """
    base = address(data)
    for i in range(len(offsets) - 1):
        p, stop = offsets[i], offsets[i + 1]
        characters = words = proper = proper_characters = alphabetic = hashes = ellipses = newlines = 0
        found = np.uint64(0)
        dots = 0
        begin, length, seen = p, 0, 0
        while p <= stop:
            kind = SPACE if p == stop else class_of(data, p, block_of, blocks)
            if kind & SPACE:
                if p > begin:
                    words += 1
                    if seen & 1:
                        proper += 1
                        proper_characters += length
                    if seen & 2:
                        alphabetic += 1
                    if p - begin <= longest:
                        which = _stop(base, begin, p, stops)
                        if which >= 0:
                            found |= np.uint64(1) << np.uint64(which)
                if p == stop:
                    break
                newlines += data[p] == 10
                characters += 1
                p += step_of(np.int64(data[p]))
                begin, length, seen = p, 0, 0
                dots = 0
                continue
            lead = np.int64(data[p])
            if kind & (LETTER | DIGIT) or not kind & PUNCTUATION:
                seen |= 1
            if kind & LETTER:
                seen |= 2
            if lead == 46:
                dots += 1
                if dots == 3:
                    ellipses += 1
                    dots = 0
            else:
                dots = 0
                hashes += lead == 35
                if lead == 0xE2 and data[p + 1] == 0x80 and data[p + 2] == 0xA6:
                    ellipses += 1
            length += 1
            characters += 1
            p += step_of(lead)
        distinct = 0
        while found:
            found &= found - np.uint64(1)
            distinct += 1
        out[i, 0], out[i, 1], out[i, 2], out[i, 3] = characters, words, proper, proper_characters
        out[i, 4], out[i, 5], out[i, 6], out[i, 7] = alphabetic, hashes, ellipses, distinct
        out[i, 8] = newlines
