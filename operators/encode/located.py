r"""Where tokens are from in texts that they do not spell, in bytes and in characters, and the values that spans give them.

A text `Th\u00e9  cats` has the tokens the|cat|##s of a BERT: from byte 0 to 4, 6 to 9 and 9 to 10, the spaces in none.
"""

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators.encode.kernels import state as k
from pairloom.operators.encode.spans import ByteSpans, flat_spans
from pairloom.operators.models import Located
from pairloom.operators.text.arrays import Text, text_of

__all__ = [
    "Mark",
    "bytes_of",
    "characters_of",
    "join",
    "located_values",
    "marks_of",
    "put_in",
    "replaced",
    "surrounded",
]

Mark: TypeAlias = tuple[int, int, int]
"""A special token in a text: its first character, the one behind its last, its id."""


def marks_of(special: pa.LargeListArray, ids: Mapping[str, int]) -> list[list[Mark]]:
    """Of each text the special spans that are not empty and whose tokens have ids."""
    return [
        [
            (span["start"], span["end"], ids[span["token"]])
            for span in row or ()
            if span["token"] in ids and span["start"] < span["end"]
        ]
        for row in special.to_pylist()
    ]


def bytes_of(text: Text, found: Located) -> Located:
    """What was found in characters, in bytes."""
    used = text.data[text.offsets[0] : text.offsets[-1]]
    first = (text.offsets - text.offsets[0])[:-1]
    if len(used) and used.max() >= 0x80:
        starts = np.flatnonzero(used & 0xC0 != 0x80)
        byte = np.append(starts, len(used))
        before = np.searchsorted(starts, first)  # characters before each text
        owner = np.repeat(np.arange(len(first)), np.diff(found.lists))
        begin, end = (byte[before[owner] + one] - first[owner] for one in (found.begin, found.end))
        return found._replace(begin=begin, end=end)
    return found


def characters_of(text: Text, found: Located) -> Located:
    """What was found in bytes, in characters."""
    used = text.data[text.offsets[0] : text.offsets[-1]]
    if not len(used) or used.max() < 0x80:
        return found
    first = (text.offsets - text.offsets[0])[:-1]
    seen = np.concatenate([[0], np.cumsum(used & 0xC0 != 0x80)])  # characters that begin before each byte
    owner = np.repeat(np.arange(len(first)), np.diff(found.lists))
    begin, end = first[owner] + found.begin, first[owner] + found.end
    # A part of a character is from all of it.
    begins = np.where(begin < end, seen[np.minimum(begin + 1, len(used))] - 1, seen[begin])
    return found._replace(begin=begins - seen[first[owner]], end=seen[end] - seen[first[owner]])


def located_values(
    found: Located,
    texts: pa.LargeStringArray,
    spans: pa.LargeListArray,
    *,
    outside: float,
    rule: str,
    around: tuple[int, int] = (0, 0),
    dtype: npt.DTypeLike = np.float32,
) -> npt.NDArray[Any]:
    """The value of each token, as `token_values` has them of tokens that spell their texts: by the bytes that it is from.

    One that is from no byte has the value of the byte at its place.
    """
    given = ByteSpans.of(texts, spans)
    value = flat_spans(spans)[3].astype(np.float64)
    sizes = np.diff(text_of(texts).offsets)
    first = np.cumsum(sizes + 1) - sizes - 1  # so that no byte of a text is beside one of the next
    of_span = np.repeat(first, np.diff(given.lists))
    full = given.begin < given.end
    low, high, value = (of_span + given.begin)[full], (of_span + given.end)[full], value[full]
    owner = np.repeat(np.arange(len(sizes)), np.diff(found.lists))
    begin = found.begin.copy()
    hollow = found.begin >= found.end
    begin[hollow] = np.minimum(begin[hollow], np.maximum(sizes[owner[hollow]] - 1, 0))
    end = np.where(hollow, begin + 1, found.end) + first[owner]
    begin += first[owner]
    from_, to = np.searchsorted(high, begin, "right"), np.searchsorted(low, end, "left")
    out = np.full(len(begin), outside, np.float64)
    some = from_ < to
    at = from_[some]
    within = (to[some] - at == 1) & (low[at] <= begin[some]) & (end[some] <= high[at])
    out[some] = np.where(within, value[at], outside)
    for i in np.flatnonzero(some)[~within].tolist():
        here = slice(from_[i], to[i])
        shared = np.minimum(high[here], end[i]) - np.maximum(low[here], begin[i])
        out[i] = _mixed(shared, value[here], int(end[i] - begin[i] - shared.sum()), outside, rule)
    _around(out, found.lists, around, outside)
    return out.astype(dtype)


def _mixed(
    shared: npt.NDArray[np.int64], value: npt.NDArray[np.float64], free: int, outside: float, rule: str
) -> float:
    """The value of a token that has `shared` bytes of spans, and `free` of none."""
    weight = {outside: free} if free else {}
    for one, size in zip(value.tolist(), shared.tolist(), strict=True):
        weight[one] = weight.get(one, 0) + size
    if rule == "majority":
        return min(weight, key=lambda one: (-weight[one], one))
    return min(weight) if rule == "all" else max(weight)


def _around(
    out: npt.NDArray[np.float64], lists: npt.NDArray[np.int64], around: tuple[int, int], outside: float
) -> None:
    """Tokens before a text are outside, those behind it as its last is."""
    before, after = around
    some = np.diff(lists) > 0
    for place in range(before):
        out[lists[:-1][some] + place] = outside
    if after:
        last = lists[1:][some] - after - 1
        kept = np.where(last >= lists[:-1][some] + before, out[np.maximum(last, 0)], outside)
        for place in range(after):
            out[last + 1 + place] = kept


def join(parts: list[Located]) -> Located:
    """Of columns one after another."""
    if len(parts) == 1:
        return parts[0]
    lists = np.cumsum(np.concatenate([[0], *(np.diff(one.lists) for one in parts)]))
    values, begin, end, words = (
        np.concatenate([getattr(one, name) for one in parts]) for name in ("values", "begin", "end", "words")
    )
    return Located(values, lists, begin, end, words)


def surrounded(
    found: Located,
    kinds: npt.NDArray[np.int32],
    prepend: npt.NDArray[np.uint32],
    append: npt.NDArray[np.uint32],
    dtype: np.dtype[Any],
) -> Located:
    """With the tokens that are put around each document that is not null."""
    before, after = len(prepend), len(append)
    values = found.values.astype(dtype)
    if not before and not after:
        return found._replace(values=values)
    ending = kinds[(kinds < k.TEXT) | ((kinds >= 0) & (kinds & 1 == 1))]
    there = ending != k.NULL
    sizes = np.diff(found.lists)
    lists = np.concatenate([[0], np.cumsum(sizes + np.where(there, before + after, 0))])
    owner = np.repeat(np.arange(len(sizes)), sizes)
    at = np.arange(len(values)) - found.lists[:-1][owner] + lists[:-1][owner] + before
    ids = np.zeros(lists[-1], dtype)
    begin, end, words = np.zeros((3, lists[-1]), np.int64)
    words[:] = -1
    ids[at], begin[at], end[at], words[at] = values, found.begin, found.end, found.words
    for place, token in enumerate(prepend):
        ids[lists[:-1][there] + place] = token
    last = np.zeros(len(sizes), np.int64)
    last[sizes > 0] = found.end[found.lists[1:][sizes > 0] - 1]
    for place, token in enumerate(append):
        behind = lists[1:][there] - after + place
        ids[behind] = token
        begin[behind] = end[behind] = last[there]
    return Located(ids, lists, begin, end, words)


def replaced(found: Located, places: npt.NDArray[np.int64], others: Located) -> Located:
    """What was found of documents, with that of others in the places of some."""
    columns = [
        put_in(getattr(found, name), found.lists, places, getattr(others, name), others.lists)
        for name in ("values", "begin", "end", "words")
    ]
    values, begin, end, words = (column for column, _ in columns)
    return Located(values, columns[0][1], begin, end, words)


def put_in(
    values: npt.NDArray[Any],
    lists: npt.NDArray[np.int64],
    places: npt.NDArray[np.int64],
    others: npt.NDArray[Any],
    ends: npt.NDArray[np.int64],
) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64]]:
    """Lists with others in the places of some; `values` are of all lists, `ends` where the others begin and end."""
    parts, last = [], 0
    lengths = np.diff(lists)
    for i, place in enumerate(places.tolist()):
        parts += [values[last : lists[place]], others[ends[i] : ends[i + 1]]]
        last = int(lists[place + 1])
        lengths[place] = ends[i + 1] - ends[i]
    return np.concatenate([*parts, values[last:]]), np.concatenate([[0], np.cumsum(lengths)])
