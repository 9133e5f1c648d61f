"""Web pages without the lines that are no prose, as C4 has them."""

import numpy as np
import numpy.typing as npt

from pairloom.operators.documents.kernels.points import class_of, step_of
from pairloom.operators.kernels.jit import inner, kernel
from pairloom.operators.text.pretokenize.classes import SPACE

__all__ = ["ASKED", "keep_lines"]

ASKED = ("citations", "ends", "words", "longest", "lorem", "script", "bracket", "policy", "sentences")
"""What is asked of lines, in the order of `asked`: yes or no, or a bound; -1 where there is none."""

Bytes = npt.NDArray[np.uint8]


@inner
def _lower(byte: int) -> int:
    return byte | 32 if 65 <= byte <= 90 else byte


@inner
def _is(data: Bytes, p: int, stop: int, phrases: Bytes, begin: int, end: int) -> bool:
    """Whether a phrase stands at `p`, whatever the case of its letters."""
    if stop - p < end - begin:
        return False
    for k in range(end - begin):
        if _lower(np.int64(data[p + k])) != phrases[begin + k]:
            return False
    return True


@inner
def _citation(data: Bytes, p: int, stop: int, phrases: Bytes, ends: npt.NDArray[np.int64]) -> int:
    """Where the citation at `p` ends: "[", digits, "]", or the first two phrases as they are written; `p` for none."""
    q = p + 1
    while q < stop and 48 <= data[q] <= 57:
        q += 1
    if q < stop and data[q] == 93:
        return q + 1
    for k in range(2):
        begin = ends[k]
        size = ends[k + 1] - begin
        if stop - p >= size:
            same = True
            for j in range(size):
                if data[p + j] != phrases[begin + j]:
                    same = False
                    break
            if same:
                return p + size
    return p


@inner
def _within(
    data: Bytes,
    begin: int,
    stop: int,
    phrases: Bytes,
    ends: npt.NDArray[np.int64],
    first: npt.NDArray[np.uint8],
) -> int:
    """A bit for each phrase from the third on that is in the text; the bit 62 for a curly bracket."""
    found = 0
    for p in range(begin, stop):
        byte = data[p]
        if not first[byte]:
            continue
        if byte == 123:
            found |= 1 << 62
            continue
        for k in range(2, len(ends) - 1):
            if _is(data, p, stop, phrases, ends[k], ends[k + 1]):
                found |= 1 << (k - 2)
    return found


@inner
def _sentences(data: Bytes, begin: int, stop: int, block_of: npt.NDArray[np.uint16], blocks: Bytes) -> int:
    """One, and one more wherever ".", "?" or "!", perhaps with quotes or brackets behind it, stands before white space."""
    count = 1
    ended = False
    p = begin
    while p < stop:
        byte = np.int64(data[p])
        if byte == 46 or byte == 63 or byte == 33:
            ended = True
        elif ended and not (byte == 34 or byte == 39 or byte == 41 or byte == 93):
            ended = False
            if class_of(data, p, block_of, blocks) & SPACE:
                count += 1
        p += step_of(byte)
    return count


@kernel
def keep_lines(
    data: Bytes,
    offsets: npt.NDArray[np.int64],
    block_of: npt.NDArray[np.uint16],
    blocks: Bytes,
    phrases: Bytes,
    ends: npt.NDArray[np.int64],
    first: npt.NDArray[np.uint8],
    asked: npt.NDArray[np.int64],
    made: Bytes,
    made_offsets: npt.NDArray[np.int64],
    out: npt.NDArray[np.int64],
) -> None:
    """Write the lines that are kept, and why a document is not: `out[i]` is 0, or 1 (lorem), 2 (bracket), 3 (sentences).

    `phrases` (in small letters) are, from one of `ends` to the next: two citations, "lorem ipsum", "javascript", and those of
    policies; `first` says which bytes may begin one from the third on, or are a curly bracket. `made` is as large as the
    documents. A document that is left out is written as nothing.
    """
    at = 0
    for i in range(len(offsets) - 1):
        p, stop = offsets[i], offsets[i + 1]
        start = at
        sentences = reason = 0
        while p < stop and reason == 0:
            end = p
            left = -1
            right = p
            words = length = longest = 0
            while end < stop and data[end] != 10:
                size = step_of(np.int64(data[end]))
                if class_of(data, end, block_of, blocks) & SPACE:
                    length = 0
                else:
                    if left < 0:
                        left = end
                    words += length == 0
                    length += 1
                    longest = max(longest, length)
                    right = end + size
                end += size
            p = end + 1
            if left < 0:
                left = right
            if asked[3] >= 0 and longest > asked[3]:
                continue
            begin = at + (at > start)  # a newline stands between lines
            q = begin
            while left < right:
                if data[left] == 91 and asked[0] == 1:
                    behind = _citation(data, left, right, phrases, ends)
                    if behind > left:
                        left = behind
                        continue
                made[q] = data[left]
                q += 1
                left += 1
            if asked[1] == 1:
                if q == begin:
                    continue
                last = made[q - 1]
                if not (last == 46 or last == 63 or last == 33 or last == 34 or last == 39):
                    continue
                if q - begin >= 3 and last == 46 and made[q - 2] == 46 and made[q - 3] == 46:
                    continue
            if words < asked[2]:
                continue
            found = _within(made, begin, q, phrases, ends, first)
            if asked[4] == 1 and found & 1:
                reason = 1
            elif asked[5] == 1 and found & 2:
                continue
            elif asked[6] == 1 and found >> 62 & 1:
                reason = 2
            elif asked[7] == 1 and found & ((1 << 62) - 1) & ~3:
                continue
            else:
                sentences += _sentences(made, begin, q, block_of, blocks)
                if begin > start:
                    made[begin - 1] = 10
                at = q
        if reason == 0 and sentences < asked[8]:
            reason = 3
        out[i] = reason
        if reason:
            at = start
        made_offsets[i + 1] = at
