"""Substrings of words and how often they occur: by the sorted ends of all words, cut to the longest that a piece may be."""

from typing import Any

import numpy as np

from pairloom.operators.kernels.jit import inner, kernel
from pairloom.operators.models.unigram.learning.kernels.expecting import width

__all__ = [
    "ANY",
    "BARRED",
    "INHERITED",
    "SPACE",
    "candidates",
    "count_points",
    "gather",
    "measure",
    "reaches",
    "settle",
    "unite",
]

BARRED, SPACE, INHERITED, ANY = 0, 1, 2, 3
"""Kinds of characters: in no piece; first in a piece only; as the one before; beside all. From 4 on, one beside its own only."""


@inner
def _point(data: Any, at: Any, size: Any) -> Any:
    """The code point of a character of that many bytes; -1 for what is none."""
    lead = np.int64(data[at])
    if size == 1:
        return lead if lead < 0x80 else np.int64(-1)
    point = lead & (0x7F >> size)
    for i in range(at + 1, at + size):
        byte = np.int64(data[i])
        if byte >> 6 != 2:
            return np.int64(-1)
        point = point << 6 | (byte & 63)
    return point if point < 0x110000 else np.int64(-1)


@kernel
def count_points(data: Any, offsets: Any, counts: Any, sums: Any) -> None:
    """Add to `sums` (int64[0x110000]) how often each code point is in words."""
    for word in range(len(counts)):
        at, stop = offsets[word], offsets[word + 1]
        while at < stop:
            size = min(width(data[at]), stop - at)
            point = _point(data, at, size)
            if point >= 0:
                sums[point] += counts[word]
            at += size


@inner
def _reach(data: Any, at: Any, stop: Any, kinds: Any, longest: Any) -> Any:
    """(bytes of the longest piece that may begin at a place, its characters, what its first two characters are)."""
    begin, chars, script, pair = at, 0, np.int64(ANY), np.uint64(0)
    while at < stop and chars < longest:
        size = min(width(data[at]), stop - at)
        point = _point(data, at, size)
        kind = np.int64(kinds[point]) if point >= 0 else np.int64(BARRED)
        if kind == BARRED or (kind == SPACE and chars > 0):
            break
        if kind == INHERITED:
            kind = script
        if kind >= ANY:
            if kind > ANY and script > ANY and kind != script:
                break
            script = kind
        if chars < 2:
            pair = pair << np.uint64(21) | np.uint64(point)
        chars += 1
        at += size
    return at - begin, chars, pair


@inner
def _bucket(pair: Any, buckets: Any) -> Any:
    mixed = (pair + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    return np.int64((mixed >> np.uint64(32)) * np.uint64(buckets) >> np.uint64(32))


@kernel
def reaches(data: Any, offsets: Any, kinds: Any, longest: Any, buckets: Any, sizes: Any, which: Any) -> None:
    """Write for each byte of words how many bytes the longest piece has that may begin there, and in which bucket it is.

    `sizes` (uint8) is 0 where none of two characters or more begins; the bucket (`which`, uint16) is a hash of the first two.
    Both begin with the first word.
    """
    base = offsets[0]
    for word in range(len(offsets) - 1):
        at, stop = offsets[word], offsets[word + 1]
        for i in range(at, stop):
            sizes[i - base], which[i - base] = 0, 0
        while at < stop:
            size, chars, pair = _reach(data, at, stop, kinds, longest)
            if chars >= 2:
                sizes[at - base], which[at - base] = size, _bucket(pair, buckets)
            at += min(width(data[at]), stop - at)


@kernel
def measure(sizes: Any, which: Any, bucket: Any) -> Any:
    """(how many places there are of a bucket, the bytes of what begins at them)."""
    found, total = np.int64(0), np.int64(0)
    for i in range(len(sizes)):
        if which[i] == bucket and sizes[i] > 0:
            found += 1
            total += sizes[i]
    return found, total


@kernel
def gather(
    data: Any,
    offsets: Any,
    counts: Any,
    sizes: Any,
    which: Any,
    bucket: Any,
    text: Any,
    starts: Any,
    weights: Any,
    heads: Any,
) -> None:
    """Write what `measure` has measured: the text, where each begins in it (and the end), its word's count, its first 8 bytes."""
    found, filled, base = 0, np.int64(0), offsets[0]
    for word in range(len(counts)):
        for at in range(offsets[word], offsets[word + 1]):
            size = np.int64(sizes[at - base])
            if which[at - base] == bucket and size > 0:
                starts[found], weights[found] = filled, counts[word]
                head = np.uint64(0)
                for i in range(8):
                    head = head << np.uint64(8) | (np.uint64(data[at + i]) if i < size else np.uint64(0))
                heads[found] = head
                text[filled : filled + size] = data[at : at + size]
                filled += size
                found += 1
    starts[found] = filled


@inner
def _common(text: Any, starts: Any, one: Any, two: Any, known: Any) -> Any:
    """How many first bytes two texts have in common, of which `known` are."""
    first, second = starts[one], starts[two]
    most = min(starts[one + 1] - first, starts[two + 1] - second)
    i = min(known, most)
    while i < most and text[first + i] == text[second + i]:
        i += 1
    return i


@inner
def _before(text: Any, starts: Any, one: Any, two: Any) -> Any:
    """Whether a text is before another by bytes, of which they have 8 in common or are shorter."""
    same = _common(text, starts, one, two, 8)
    if same == starts[two + 1] - starts[two]:
        return False
    if same == starts[one + 1] - starts[one]:
        return True
    return text[starts[one] + same] < text[starts[two] + same]


@kernel
def settle(text: Any, starts: Any, heads: Any, order: Any, spare: Any) -> None:
    """Sort by bytes what `order` sorts by heads; merging from runs of one on, in runs of equal heads."""
    low, total = 0, len(order)
    while low < total:
        high = low + 1
        while high < total and heads[order[high]] == heads[order[low]]:
            high += 1
        size = 1
        while size < high - low:
            left = low
            while left + size < high:
                middle, right = left + size, min(left + 2 * size, high)
                if _before(text, starts, order[middle], order[middle - 1]):
                    for i in range(left, middle):
                        spare[i] = order[i]
                    i, j, out = left, middle, left
                    while i < middle:
                        if j < right and _before(text, starts, order[j], spare[i]):
                            order[out] = order[j]
                            j += 1
                        else:
                            order[out] = spare[i]
                            i += 1
                        out += 1
                left = right
            size *= 2
        low = high


@kernel
def unite(text: Any, starts: Any, weights: Any, order: Any, data: Any, offsets: Any, counts: Any) -> Any:
    """Write each of sorted texts once, with the sum of its weights; how many there are. `offsets` has one more."""
    found, filled, previous = 0, np.int64(0), np.int64(-1)
    for here in order:
        size = starts[here + 1] - starts[here]
        if (
            previous >= 0
            and size == starts[previous + 1] - starts[previous]
            and _common(text, starts, previous, here, 0) == size
        ):
            counts[found - 1] += weights[here]
            continue
        offsets[found], counts[found] = filled, weights[here]
        data[filled : filled + size] = text[starts[here] : starts[here + 1]]
        filled += size
        found += 1
        previous = here
    offsets[found] = filled
    return found


@kernel
def candidates(
    data: Any, offsets: Any, counts: Any, longest: Any, least: Any, begins: Any, sizes: Any, scores: Any
) -> Any:
    """Write the beginnings of ascending texts that occur `least` times and more often than each longer one; how many there are.

    Each is where it begins in the data, its bytes, and its count times its characters. Only those of two characters or more;
    texts have up to `longest`.
    """
    depths = np.zeros(longest + 2, np.int64)
    sums = np.zeros(longest + 2, np.int64)
    top, found = 0, 0
    total = len(counts)
    for here in range(total + 1):
        same = np.int64(0)
        if 0 < here < total:
            same = _common(data, offsets, here - 1, here, 0)
            size = offsets[here + 1] - offsets[here]
            while same > 0 and same < size and data[offsets[here] + same] >> 6 == 2:
                same -= 1
        while depths[top] > same:
            depth, count = depths[top], sums[top]
            top -= 1
            if depths[top] >= same:
                sums[top] += count
            else:
                top += 1
                depths[top], sums[top] = same, count
            begin = offsets[here - 1]
            chars = 0
            for i in range(begin, begin + depth):
                chars += data[i] >> 6 != 2
            if chars >= 2 and count >= least:
                begins[found], sizes[found], scores[found] = begin, depth, count * chars
                found += 1
        if here < total:
            top += 1
            depths[top], sums[top] = offsets[here + 1] - offsets[here], counts[here]
    return found
