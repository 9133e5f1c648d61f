"""Spans of texts on their way to tokens: characters to bytes, and the values of bytes to those of tokens."""

from typing import Any

import numpy as np

from pairloom.operators.kernels.jit import inner, kernel, load_u8, load_u64

__all__ = ["ALL", "ANY", "MAJORITY", "find_bytes", "mark_tokens"]

ALL, ANY, MAJORITY = 0, 1, 2
_HIGH = np.uint64(0x8080808080808080)


@inner
def _continues(byte: Any) -> bool:
    return (np.int64(byte) & 0xC0) == 0x80


@kernel
def find_bytes(data: int, offsets: Any, lists: Any, places: Any, out: Any) -> Any:
    """Write the byte of its document at which each character begins; -1, or the document of one that has no such character.

    `data` is the address of the bytes of UTF-8, document `i` those from `offsets[i]` to `offsets[i + 1]`. Its characters are
    `places[lists[i]:lists[i + 1]]`, ascending; the one behind the last begins where the document ends.
    """
    for document in range(lists.size - 1):
        at = data + offsets[document]
        stop = data + offsets[document + 1]
        seen = np.int64(0)
        for i in range(lists[document], lists[document + 1]):
            wanted = np.int64(places[i])
            while seen + 32 <= wanted and at + 32 <= stop:
                if (load_u64(at) | load_u64(at + 8) | load_u64(at + 16) | load_u64(at + 24)) & _HIGH:
                    break
                at += 32
                seen += 32
            while seen + 8 <= wanted and at + 8 <= stop:
                if load_u64(at) & _HIGH:
                    break
                at += 8
                seen += 8
            while seen < wanted and at < stop:
                at += 1
                while at < stop and _continues(load_u8(at)):
                    at += 1
                seen += 1
                while seen + 8 <= wanted and at + 8 <= stop:
                    if load_u64(at) & _HIGH:
                        break
                    at += 8
                    seen += 8
            if seen != wanted:
                return document
            out[i] = at - data - offsets[document]
    return -1


@inner
def _mixed(
    low: int, stop: int, a: int, b: int, begin: Any, end: Any, value: Any, outside: Any, rule: int
) -> Any:
    # The value of a token of the bytes from a to b, over which not all have one: spans `low` to `stop` have some of them.
    free = b - a
    least = most = outside
    for j in range(low, stop):
        free -= min(end[j], b) - max(begin[j], a)
    first = free > 0
    for j in range(low, stop):
        if begin[j] == end[j]:
            continue
        if first:
            least = min(least, value[j])
            most = max(most, value[j])
        else:
            least = most = value[j]
            first = True
    if rule == ALL:
        return least
    if rule == ANY:
        return most
    best, held = outside, np.int64(0)
    for k in range(low - 1, stop):
        if k >= low and begin[k] == end[k]:
            continue
        candidate = outside if k < low else value[k]
        size = free if candidate == outside else np.int64(0)
        for j in range(low, stop):
            if value[j] == candidate:
                size += min(end[j], b) - max(begin[j], a)
        if size > held or (size == held and candidate < best):
            best, held = candidate, size
    return best


@kernel
def mark_tokens(
    values: Any,
    lists: Any,
    starts: Any,
    sizes: Any,
    around: Any,
    spans: Any,
    begin: Any,
    end: Any,
    value: Any,
    outside: Any,
    rule: int,
    out: Any,
) -> Any:
    """Write the value of each token, float32; -1, or the first document whose tokens have not the bytes of its text.

    The tokens of document `i` are `values[lists[i]:lists[i + 1]]`, and token `t` has the bytes from `starts[t]` to
    `starts[t + 1]`; `sizes` are the bytes of each text. `around` are how many tokens were put before and behind each. The
    spans `spans[i]:spans[i + 1]` of it begin and end at bytes, in their order and none in another; bytes in none of them are
    `outside`. A token of bytes with several values has the least (ALL), the greatest (ANY) or that of most of its bytes
    (MAJORITY, the least of several). One that was put before a text is `outside`, one behind it as its last is.
    """
    for document in range(lists.size - 1):
        low, high = lists[document], lists[document + 1]
        span, last = spans[document], spans[document + 1]
        first, stop = low + around[0], high - around[1]
        place = np.int64(0)
        # Up to the byte `edge` all have the value `here`.
        edge = np.int64(0)
        here = kept = outside
        for i in range(low, min(first, high)):
            out[i] = outside
        for i in range(first, stop):
            token = np.int64(values[i])
            a = place
            place += starts[token + 1] - starts[token]
            if place > edge:
                while span < last and end[span] <= a:
                    span += 1
                here, edge = outside, sizes[document]
                if span < last and begin[span] <= a:
                    here, edge = value[span], end[span]
                elif span < last:
                    edge = begin[span]
                if place > edge and edge < sizes[document]:
                    stops = span
                    while stops < last and begin[stops] < place:
                        stops += 1
                    out[i] = kept = _mixed(span, stops, a, place, begin, end, value, outside, rule)
                    edge = a
                    continue
            out[i] = kept = here
        for i in range(max(stop, low), high):
            out[i] = kept
        if place != sizes[document]:
            return document
    return -1
