"""Spans of texts on their way to tokens: characters to bytes, and the values of bytes to those of tokens."""

from typing import Any

import numpy as np

from pairloom.operators.kernels.jit import (
    address,
    inner,
    kernel,
    load_u8,
    load_u64,
    signed,
    store_u8,
    store_u16,
    store_u32,
    store_u64,
)

__all__ = ["ALL", "ANY", "MAJORITY", "find_bytes", "mark_tokens"]

ALL, ANY, MAJORITY = 0, 1, 2
_HIGH = np.uint64(0x8080808080808080)
_EACH = np.uint64(0x0101010101010101)
_6, _7, _56 = np.uint64(6), np.uint64(7), np.uint64(56)


@inner
def _inside(word: Any) -> Any:
    # How many of eight bytes are in a character that begins before them.
    return ((word >> _7) & (~word >> _6) & _EACH) * _EACH >> _56


@kernel
def find_bytes(data: int, offsets: Any, plain: Any, lists: Any, places: Any, out: Any) -> Any:
    """Write the byte of its document at which each character begins; -1, or the document of one that has no such character.

    `data` is the address of the bytes of UTF-8, document `i` those from `offsets[i]` to `offsets[i + 1]`, `plain[i]` whether
    they all are ASCII. Its characters are `places[lists[i]:lists[i + 1]]`, ascending; the one behind the last begins where the
    document ends.
    """
    for document in range(lists.size - 1):
        at = data + offsets[document]
        stop = data + offsets[document + 1]
        if plain[document]:
            for i in range(lists[document], lists[document + 1]):
                if places[i] > stop - at:
                    return document
                out[i] = places[i]
            continue
        seen = np.int64(0)  # characters that begin before `at`
        for i in range(lists[document], lists[document + 1]):
            wanted = np.int64(places[i])
            while seen + 32 <= wanted and at + 32 <= stop:
                seen += 32
                one, two = load_u64(at), load_u64(at + 8)
                three, four = load_u64(at + 16), load_u64(at + 24)
                if (one | two | three | four) & _HIGH:
                    seen -= signed(_inside(one) + _inside(two) + _inside(three) + _inside(four))
                at += 32
            while seen + 8 <= wanted and at + 8 <= stop:
                seen += 8 - signed(_inside(load_u64(at)))
                at += 8
            while at < stop:
                if (load_u8(at) & 0xC0) != 0x80:
                    if seen == wanted:
                        break
                    seen += 1
                at += 1
            if seen != wanted:
                return document
            out[i] = at - data - offsets[document]
    return -1


@inner
def _mixed(
    low: int, stop: int, a: int, b: int, begin: Any, end: Any, value: Any, outside: Any, rule: int
) -> Any:
    # The span whose value a token of the bytes from a to b has, over which not all have one: spans `low` to `stop` have some
    # of them. -1 is for `outside`.
    free = b - a
    for j in range(low, stop):
        free -= min(end[j], b) - max(begin[j], a)
    first = free > 0
    chosen = np.int64(-1)
    least = most = outside
    for j in range(low, stop):
        if begin[j] == end[j]:
            continue
        if not first:
            least = most = value[j]
            chosen, first = j, True
        elif (rule == ALL and value[j] < least) or (rule == ANY and value[j] > most):
            least = most = value[j]
            chosen = j
    if rule != MAJORITY:
        return chosen
    best, held, chosen = outside, np.int64(0), np.int64(-1)
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
            chosen = k if k >= low else np.int64(-1)
    return chosen


@inner
def _fill(out: int, width: int, low: int, high: int, bits: Any) -> Any:
    # Write the bits of a value, eight bytes of them, for tokens `low` to `high`.
    at, stop = out + width * low, out + width * high
    if stop - at >= 8:
        while at + 8 <= stop:
            store_u64(at, bits)
            at += 8
        store_u64(stop - 8, bits)
    else:
        for place in range(at, stop, width):
            if width == 1:
                store_u8(place, np.uint8(bits))
            elif width == 2:
                store_u16(place, np.uint16(bits))
            else:
                store_u32(place, np.uint32(bits))


@kernel
def mark_tokens(
    values: Any,
    lists: Any,
    lengths: Any,
    sizes: Any,
    around: Any,
    spans: Any,
    begin: Any,
    end: Any,
    value: Any,
    outside: Any,
    rule: int,
    bits: Any,
    width: int,
    out: Any,
) -> Any:
    """Write the value of each token; -1, or the first document whose tokens have not the bytes of its text.

    The tokens of document `i` are `values[lists[i]:lists[i + 1]]`, and token `t` has `lengths[t]` bytes; `sizes` are the
    bytes of each text. `around` are how many tokens were put before and behind each. The spans `spans[i]:spans[i + 1]` of it
    begin and end at bytes, in their order and none in another; bytes in none of them are `outside`. A token of bytes with
    several values has the least (ALL), the greatest (ANY) or that of most of its bytes (MAJORITY, the least of several). One
    that was put before a text is `outside`, one behind it as its last is.

    `out` are the bytes of values of `width` bytes each, of which `bits` are written: uint64, the values of each span and, last,
    `outside`, each as often as eight bytes have it.
    """
    data = address(out)
    for document in range(lists.size - 1):
        low, high = lists[document], lists[document + 1]
        span, last = spans[document], spans[document + 1]
        first, stop = low + around[0], high - around[1]
        size = sizes[document]
        place = np.int64(0)
        # Up to the byte `edge` all are of the span `here`; tokens from `since` on are so, and not written.
        edge = np.int64(0)
        here = kept = np.int64(-1)
        _fill(data, width, low, min(first, high), bits[bits.size - 1])
        i = since = first
        while i < stop:
            while i + 8 <= stop:
                more = np.int64(lengths[values[i]]) + lengths[values[i + 1]] + lengths[values[i + 2]]
                more += np.int64(lengths[values[i + 3]]) + lengths[values[i + 4]] + lengths[values[i + 5]]
                more += np.int64(lengths[values[i + 6]]) + lengths[values[i + 7]]
                if place + more > edge:
                    break
                place += more
                i += 8
            if i + 8 <= stop:  # the end is among these: how many are before it, without a branch for each
                more, many = place, np.int64(0)
                for j in range(8):
                    more += lengths[values[i + j]]
                    before = more <= edge
                    many += before
                    place = more if before else place
                i += many
            while i < stop and place + lengths[values[i]] <= edge:
                place += lengths[values[i]]
                i += 1
            if since < i:
                _fill(data, width, since, i, bits[here if here >= 0 else bits.size - 1])
                kept = here
            if i == stop:
                break
            since = i
            a = place
            place += lengths[values[i]]
            i += 1
            while span < last and end[span] <= a:
                span += 1
            here, edge = np.int64(-1), size
            if span < last and begin[span] <= a:
                here, edge = span, end[span]
            elif span < last:
                edge = begin[span]
            if place > edge and edge < size:
                stops = span
                while stops < last and begin[stops] < place:
                    stops += 1
                kept = _mixed(span, stops, a, place, begin, end, value, outside, rule)
                _fill(data, width, since, i, bits[kept if kept >= 0 else bits.size - 1])
                since, edge = i, a
        if since < i:
            _fill(data, width, since, i, bits[here if here >= 0 else bits.size - 1])
            kept = here
        _fill(data, width, max(stop, low), high, bits[kept if kept >= 0 else bits.size - 1])
        if place != size:
            return document
    return -1
