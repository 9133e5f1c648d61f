"""How often each piece is expected in words, over all ways to spell them, and how often it is in the best way.

Probabilities are float64 with a power of 2^-256 of their own at each place of a word, so that no word is too long. What a
word adds to a sum is rounded to a fixed fraction first: sums of integers do not depend on the order of words.
"""

from typing import Any

import numpy as np

from pairloom.operators.kernels.jit import inner, kernel
from pairloom.operators.models.bpe.kernels.trie import ROOT
from pairloom.operators.models.unigram.learning.kernels.arithmetic import logarithm

__all__ = ["LARGE", "SMALL", "UNKNOWN", "add_scaled", "best_paths", "expected_counts", "level", "width"]

UNKNOWN = -1
"""The number of what stands for a character without a piece."""

SMALL, LARGE = 2.0**-256, 2.0**256
"""The step of the powers, down and up."""
_LN_SMALL = -177.44567822334599921


@inner
def width(byte: Any) -> Any:
    """How many bytes a character of this first byte has; 1 for what is no first byte."""
    if byte < 0xC2 or byte > 0xF4:
        return np.int64(1)
    if byte < 0xE0:
        return np.int64(2)
    return np.int64(3) if byte < 0xF0 else np.int64(4)


@inner
def _matches(data: Any, at: Any, stop: Any, slots: Any, ends: Any, pieces: Any, filled: Any) -> Any:
    """Write the pieces that begin at a place, shortest first, and one character in any case; how many are written then."""
    base = np.int64(ROOT)
    size = min(width(data[at]), stop - at)
    single = False
    i = at
    while i < stop:
        byte = np.int64(data[i])
        slot = slots[base ^ byte]
        if np.int64(slot & np.uint64(511)) != byte + 1:
            break
        i += 1
        piece = np.int64(slot >> np.uint64(33)) - 1
        if piece >= 0:
            ends[filled], pieces[filled] = i, piece
            filled += 1
            single |= i - at == size
        base = np.int64(slot >> np.uint64(9)) & 0xFFFFFF
        if base == 0:
            break
    if not single:
        ends[filled], pieces[filled] = at + size, UNKNOWN
        filled += 1
    return filled


@inner
def add_scaled(values: Any, powers: Any, at: Any, value: Any, power: Any) -> None:
    """Add value * 2^(-256 power) to what is at a place, 0.0 there being nothing."""
    if values[at] == 0.0:
        values[at], powers[at] = value, power
    elif power == powers[at]:
        values[at] += value
    elif power > powers[at]:
        if power == powers[at] + 1:
            values[at] += value * SMALL
    else:
        values[at] = value + (values[at] * SMALL if power + 1 == powers[at] else 0.0)
        powers[at] = power


@inner
def level(values: Any, powers: Any, at: Any) -> None:
    """Have what is at a place at 2^-256 or above."""
    while 0.0 < values[at] < SMALL:
        values[at] *= LARGE
        powers[at] += 1


@kernel
def expected_counts(
    data: Any,
    offsets: Any,
    counts: Any,
    slots: Any,
    probabilities: Any,
    unknown: Any,
    bits: Any,
    sums: Any,
    ends: Any,
    pieces: Any,
    places: Any,
    values: Any,
    powers: Any,
) -> Any:
    """Add to `sums` (int64, one a piece, in units of 2^-bits) what is expected of each piece in the words, as often as they count.

    Returns the sum of the words' log-probabilities, negated, in units of 2^-bits / 16. `places` is int64[2, n + 1], `values`
    float64[2, n + 1] and `powers` int64[2, n + 1] for words of up to n bytes; `ends` and `pieces` hold the matches of a word.
    """
    unit = np.float64(np.int64(1) << bits)
    lost = np.int64(0)
    front, back = values[0], values[1]
    front_power, back_power = powers[0], powers[1]
    for word in range(len(counts)):
        begin, stop = offsets[word], offsets[word + 1]
        length = stop - begin
        if length == 0:
            continue
        times = np.float64(counts[word])
        for i in range(length + 1):
            front[i] = back[i] = 0.0
            front_power[i] = back_power[i] = 0
        front[0] = 1.0
        at, found, filled = begin, 0, np.int64(0)
        while at < stop:
            places[0, found], places[1, found] = at, filled
            found += 1
            level(front, front_power, at - begin)
            here, power = front[at - begin], front_power[at - begin]
            first = filled
            filled = _matches(data, at, stop, slots, ends, pieces, filled)
            for k in range(first, filled):
                chance = unknown if pieces[k] < 0 else probabilities[pieces[k]]
                add_scaled(front, front_power, ends[k] - begin, here * chance, power)
            at += min(width(data[at]), stop - at)
        places[1, found] = filled
        level(front, front_power, length)
        whole, whole_power = front[length], front_power[length]
        lost += np.int64(times * unit * (-(logarithm(whole) + whole_power * _LN_SMALL) / 16.0) + 0.5)
        back[length] = 1.0
        for n in range(found - 1, -1, -1):
            at = places[0, n] - begin
            for k in range(places[1, n], places[1, n + 1]):
                end = ends[k] - begin
                chance = unknown if pieces[k] < 0 else probabilities[pieces[k]]
                value = chance * back[end]
                add_scaled(back, back_power, at, value, back_power[end])
                if pieces[k] >= 0:
                    share = front[at] * value / whole
                    apart = front_power[at] + back_power[end] - whole_power
                    while apart > 0 and share > 0.0:
                        share *= SMALL
                        apart -= 1
                    while apart < 0:
                        share *= LARGE
                        apart += 1
                    sums[pieces[k]] += np.int64(share * times * unit + 0.5)
            level(back, back_power, at)
    return lost


@kernel
def best_paths(
    data: Any,
    offsets: Any,
    counts: Any,
    slots: Any,
    scores: Any,
    unknown: Any,
    sums: Any,
    ends: Any,
    pieces: Any,
    totals: Any,
    last: Any,
) -> Any:
    """Add to `sums` (int64, one a piece) how often each piece is in the best spellings of the words; how many pieces those have.

    Of two sums of scores that are equal the one found first stays, at each place from the piece that begins first. `totals` is
    float64[n + 1] and `last` int64[2, n + 1] for words of up to n bytes.
    """
    used = np.int64(0)
    for word in range(len(counts)):
        begin, stop = offsets[word], offsets[word + 1]
        length = stop - begin
        for i in range(length + 1):
            last[0, i] = -1
        totals[0] = 0.0
        at = begin
        while at < stop:
            here = totals[at - begin]
            filled = _matches(data, at, stop, slots, ends, pieces, np.int64(0))
            for k in range(filled):
                end = ends[k] - begin
                total = here + (unknown if pieces[k] < 0 else scores[pieces[k]])
                if last[0, end] < 0 or total > totals[end]:
                    totals[end], last[0, end], last[1, end] = total, at - begin, pieces[k]
            at += min(width(data[at]), stop - at)
        end = length
        while end > 0:
            if last[1, end] >= 0:
                sums[last[1, end]] += counts[word]
            used += counts[word]
            end = last[0, end]
    return used
