"""Spans over the characters of texts as values of tokens, and as special tokens in their places.

The bytes of the tokens of a text, put together, are the text: so each token has its bytes, and no text is encoded twice.
"""

import threading
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pairloom.operators.encode.kernels import spans as k
from pairloom.operators.encode.kernels import state
from pairloom.operators.encode.special import kinds_of
from pairloom.operators.errors import DataError
from pairloom.operators.text.arrays import Text, text_of
from pairloom.operators.text.normalize import normalize
from pairloom.operators.vocabulary.tokens import TokenTable

__all__ = ["SPAN", "ByteSpans", "Cut", "cut_at", "flat_spans", "opened", "texts_between", "token_values"]

SPAN = pa.struct([("start", pa.int64()), ("end", pa.int64()), ("value", pa.float32())])
"""A span of a text that has a value: its first character, the one behind its last, the value."""

_RULES = {"all": k.ALL, "any": k.ANY, "majority": k.MAJORITY}
_FURTHEST = 32  # characters that an edge may move where normalizing makes one character of those around it


class Cut(NamedTuple):
    """Documents in segments, text and special tokens in turn: Arrow strings, and the kind of each (see `open_documents`)."""

    segments: pa.LargeStringArray
    kinds: npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ByteSpans:
    """Spans of documents: those of document `i` are `lists[i]` to `lists[i + 1]`, from byte `begin` to byte `end` of it."""

    lists: npt.NDArray[np.int64]
    begin: npt.NDArray[np.int64]
    end: npt.NDArray[np.int64]

    @staticmethod
    def of(texts: pa.LargeStringArray, spans: pa.LargeListArray) -> "ByteSpans":
        """Spans over characters, as `documents` have them; raises ValueError for one outside of its text, or out of order."""
        lists, begin, end, _ = flat_spans(spans)
        places = np.stack([begin, end], 1).reshape(-1)
        text, out = text_of(texts), np.empty(2 * len(begin), np.int64)
        owner = np.repeat(np.arange(len(spans)), 2 * np.diff(lists))
        falls = (np.diff(places) < 0) & (np.diff(owner) == 0)
        wrong = int(owner[1:][falls][0]) if falls.any() else -1
        if wrong < 0:
            data, offsets = text.data.ctypes.data, np.array(text.offsets)
            wrong = k.find_bytes(data, offsets, _are_ascii(texts), 2 * lists, places, out)
        if wrong < 0 and len(places) and places.min() < 0:
            wrong = int(owner[int(places.argmin())])
        if wrong >= 0:
            raise ValueError(f"document {wrong} has spans that lie outside of it, or not one after another")
        pairs = out.reshape(-1, 2)
        return ByteSpans(
            lists=lists, begin=np.ascontiguousarray(pairs[:, 0]), end=np.ascontiguousarray(pairs[:, 1])
        )


def cut_at(texts: pa.LargeStringArray, special: pa.LargeListArray, ids: Mapping[str, int]) -> Cut:
    """Documents cut at their special spans; those whose token has no id in `ids` are text. No document is empty."""
    spans = ByteSpans.of(texts, special)
    token = pc.struct_field(special.flatten(), "token")
    known = np.array([ids.get(name, -1) for name in token.dictionary.to_pylist()] or [-1], np.int64)
    found = known[token.indices.to_numpy(zero_copy_only=False)] if len(token) else np.zeros(0, np.int64)
    text = text_of(texts)
    first = np.repeat(text.offsets[:-1], np.diff(spans.lists))
    used = (found >= 0) & (spans.begin < spans.end)
    begin, end, found = (first + spans.begin)[used], (first + spans.end)[used], found[used]
    edges = np.sort(np.concatenate([text.offsets, begin, end]))
    edges = edges[np.append(True, edges[1:] != edges[:-1])]  # as np.unique, which takes twenty times as long
    kinds = np.full(len(edges) - 1, state.TEXT, np.int32)
    kinds[np.searchsorted(edges, begin)] = 2 * found
    last = np.searchsorted(edges, text.offsets[1:]) - 1
    if (np.diff(last) == 0).any() or (len(last) and last[0] < 0):
        raise ValueError("a document that is cut at its special tokens must not be empty")
    kinds[last] = np.where(kinds[last] == state.TEXT, state.TEXT_ENDS, kinds[last] + 1)
    segments = pa.LargeStringArray.from_buffers(
        len(kinds), pa.py_buffer(np.ascontiguousarray(edges, np.int64)), pa.py_buffer(text.data)
    )
    return Cut(segments, kinds)


def opened(
    texts: pa.Array, special: pa.LargeListArray | None = None, ids: Mapping[str, int] = MappingProxyType({})
) -> tuple[Text, npt.NDArray[np.int32]]:
    """Documents, null ones among them, or their segments where they have special spans (see `cut_at`), and the kind of each."""
    if special is None:
        text, kinds = text_of(texts), kinds_of(texts)
    else:
        cut = cut_at(texts, special, ids)
        text, kinds = text_of(cut.segments), cut.kinds
    return text, kinds if len(kinds) else np.full(len(text), state.TEXT_ENDS, np.int32)


def texts_between(texts: pa.LargeStringArray, special: pa.LargeListArray) -> pa.LargeStringArray:
    """What stands between the special spans of documents, each piece a text."""
    names = pc.struct_field(special.flatten(), "token").dictionary.to_pylist()
    cut = cut_at(texts, special, dict.fromkeys(names, 0))
    return cut.segments.filter(pa.array(cut.kinds < 0))


def token_values(
    ids: pa.LargeListArray,
    tokens: TokenTable,
    texts: pa.LargeStringArray,
    spans: pa.LargeListArray,
    *,
    outside: float,
    rule: str,
    around: tuple[int, int] = (0, 0),
    normalizer: str = "none",
    special: pa.LargeListArray | None = None,
    dtype: npt.DTypeLike = np.float32,
) -> npt.NDArray[Any]:
    """The value of each token of the texts, one after another, as `dtype`, which has at most 4 bytes; see `mark_tokens`.

    `ids` are what the texts were encoded to, with so many tokens `around` each. `special` are the spans that became special
    tokens, on both sides of which text was normalized by itself. Raises DataError where tokens do not spell the text.
    """
    if normalizer != "none":
        texts, spans = _normalized(texts, spans, special, normalizer)
    found = ByteSpans.of(texts, spans)
    value = flat_spans(spans)[3]
    values = ids.values.to_numpy(zero_copy_only=False)
    lists = ids.offsets.to_numpy().astype(np.int64)
    out = np.empty(len(values), dtype)
    lengths = tokens.lengths
    narrow = (
        np.uint16 if lengths.max(initial=0) < 1 << 16 else np.int32
    )  # the former stays where it is fast to read
    each = np.append(value, np.float32(outside)).astype(out.dtype)
    bits = np.repeat(each, 8 // out.itemsize).view(np.uint64)
    wrong = k.mark_tokens(
        values,
        lists,
        lengths.astype(narrow),
        np.diff(text_of(texts).offsets),
        np.array(around, np.int64),
        found.lists,
        found.begin,
        found.end,
        value,
        np.float32(outside),
        _RULES[rule],
        bits,
        out.itemsize,
        out.view(np.uint8),
    )
    if wrong >= 0:
        raise DataError(
            f"document {wrong}: its tokens do not spell its text, so that spans of the text are none of tokens; use a "
            "vocabulary that has a token for every byte"
        )
    return out


class _Last(threading.local):
    """The texts that a thread asked about last, as long as they are there, and which of them are ASCII."""

    texts: Callable[[], object] = staticmethod(lambda: None)
    ascii: npt.NDArray[np.bool_] = np.zeros(0, np.bool_)


_last = _Last()


def _are_ascii(texts: pa.LargeStringArray) -> npt.NDArray[np.bool_]:
    """Which documents have a byte for each character, as most have; looked at once where they have spans of several kinds."""
    if _last.texts() is not texts:
        text = text_of(texts)
        first = text.offsets[:-1]
        full = np.diff(text.offsets) > 0
        if text.offsets[-1] > text.offsets[0]:
            full[full] = np.maximum.reduceat(text.data[: text.offsets[-1]], first[full]) >= 0x80
        _last.texts, _last.ascii = weakref.ref(texts), ~full
    return _last.ascii


def flat_spans(
    spans: pa.LargeListArray,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[Any]]:
    """Where the spans of each document begin, their edges, and their values if they have any; float32."""
    offsets = spans.offsets.to_numpy().astype(np.int64)
    flat = spans.flatten()
    begin, end = (np.array(pc.struct_field(flat, name).to_numpy(), np.int64) for name in ("start", "end"))
    names = [flat.type.field(i).name for i in range(flat.type.num_fields)]
    value = (
        np.array(pc.struct_field(flat, "value"), np.float32) if "value" in names else np.zeros(0, np.float32)
    )
    return offsets - offsets[0], begin, end, value


def _normalized(
    texts: pa.LargeStringArray, spans: pa.LargeListArray, special: pa.LargeListArray | None, form: str
) -> tuple[pa.LargeStringArray, pa.LargeListArray]:
    """Texts in a normal form, and the places of spans there."""
    whole = normalize(texts, form)
    if whole is texts:  # and so is every part of them
        return texts, spans
    strings, lists = texts.to_pylist(), spans.to_pylist()
    walls = [[]] * len(strings) if special is None else special.to_pylist()
    for i in np.flatnonzero(pc.not_equal(whole, texts).to_numpy(zero_copy_only=False)).tolist():
        edges = sorted({edge for span in lists[i] for edge in (span["start"], span["end"])})
        fixed = sorted({edge for span in walls[i] for edge in (span["start"], span["end"])})
        strings[i], moved = _moved(strings[i], edges, fixed, form)
        lists[i] = [span | {"start": moved[span["start"]], "end": moved[span["end"]]} for span in lists[i]]
    return pa.array(strings, pa.large_string()), pa.array(lists, spans.type)


def _moved(text: str, edges: list[int], walls: list[int], form: str) -> tuple[str, dict[int, int]]:
    """A text in a normal form, in which nothing reaches over a wall, and where its edges are then."""
    parts, moved, length = [], {}, 0
    for low, high in zip([0, *walls], [*walls, len(text)], strict=True):
        inside = [edge for edge in edges if low <= edge <= high]
        whole = _form(text[low:high], form)
        for edge in inside:
            at = edge
            # What an edge cuts through becomes one: the edge goes behind it.
            while (
                at < min(high, edge + _FURTHEST)
                and _form(text[low:at], form) + _form(text[at:high], form) != whole
            ):
                at += 1
            moved[edge] = length + len(_form(text[low:at], form))
        parts.append(whole)
        length += len(whole)
    return "".join(parts), moved


def _form(text: str, form: str) -> str:
    found: str = normalize(pa.array([text], pa.large_string()), form)[0].as_py()
    return found
