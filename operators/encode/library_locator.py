"""Where the tokens of the `tokenizers` library are from in their texts, as the library says."""

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators.encode.located import Mark, bytes_of, marks_of
from pairloom.operators.models import Located
from pairloom.operators.models.foreign import of_library, open_tokenizer
from pairloom.operators.text.arrays import text_of

__all__ = ["Locator"]

# What may stand around the number of a special token that a span says of: the first that no text has.
_FENCES = range(0x10FFFD, 0x10F000, -1)
_NUMBERS = 0xF0000
_FLAGS = ("lstrip", "rstrip")

_Shifts: TypeAlias = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]
_Opened: TypeAlias = tuple[Any, npt.NDArray[np.uint32]]


class Locator:
    """Encodes by the library with offsets, for one thread at a time; `data` is the `tokenizer.json`.

    Those special tokens are parsed that are wanted. Where spans say that others stand in a text, strings that no text has take the
    places of the spans, and are added tokens of a tokenizer of its own: so what else spells a special token stays text.
    """

    def __init__(self, data: bytes, why: str, dtype: np.dtype[Any]) -> None:
        self._data, self._why, self._dtype = data, why, dtype
        self._opened: dict[tuple[frozenset[str], str], _Opened] = {}

    def locate(
        self,
        texts: pa.Array,
        wanted: Collection[str],
        around: Sequence[npt.NDArray[np.uint32]],
        special: pa.LargeListArray | None,
        special_ids: Mapping[str, int],
    ) -> Located:
        """See `LocatingEncoder`; `around` are the tokens before and behind each text. Raises DataError where the library fails."""
        strings: list[str | None] = texts.to_pylist()
        rows: list[list[Mark]] = [[]] * len(strings) if special is None else marks_of(special, special_ids)
        fence = _fence(strings) if any(rows) else ""
        tokenizer, ids = self._tokenizer(frozenset(wanted), fence)
        given = [_marked(text or "", marks, fence) for text, marks in zip(strings, rows, strict=True)]
        found = of_library(
            "encode this text",
            lambda: tokenizer.encode_batch([text for text, _ in given], add_special_tokens=False),
        )
        before, after = around
        more = len(before) + len(after)
        counts = [
            0 if text is None else len(row.ids) + more for text, row in zip(strings, found, strict=True)
        ]
        lists = np.cumsum([0, *counts], dtype=np.int64)
        values = np.zeros(lists[-1], self._dtype)
        begin, end, words = np.zeros((3, lists[-1]), np.int64)
        words[:] = -1
        for i, row in enumerate(found):
            if strings[i] is None:
                continue
            low, high = int(lists[i]) + len(before), int(lists[i + 1]) - len(after)
            values[int(lists[i]) : low], values[high : int(lists[i + 1])] = before, after
            if low == high:
                continue
            values[low:high] = ids[row.ids]
            places = _back(np.array(row.offsets, np.int64), given[i][1])
            begin[low:high], end[low:high], words[low:high] = places[:, 0], places[:, 1], row.word_ids
            begin[high : int(lists[i + 1])] = end[high : int(lists[i + 1])] = end[high - 1]
        return bytes_of(text_of(texts), Located(values, lists, begin, end, words))

    def _tokenizer(self, wanted: frozenset[str], fence: str) -> _Opened:
        """A tokenizer that parses what is wanted and what is between fences, and the ids that its own stand for."""
        key = wanted, fence
        if key not in self._opened:
            self._opened[key] = self._open(wanted, fence)
        return self._opened[key]

    def _open(self, wanted: frozenset[str], fence: str) -> _Opened:
        document = json.loads(self._data)
        added = document.get("added_tokens") or []
        whole = wanted.issuperset(one["content"] for one in added if one["special"])
        for one in () if whole else added:
            one["special"] &= one["content"] not in wanted
        tokenizer = open_tokenizer(self._data if whole else json.dumps(document).encode(), self._why)
        tokenizer.encode_special_tokens = not (wanted and whole)
        there = dict(tokenizer.get_added_tokens_decoder())
        ids = [*range(max([*tokenizer.get_vocab(with_added_tokens=True).values(), *there], default=-1) + 1)]
        if fence:
            from tokenizers import AddedToken

            names = {_named(fence, i): i for i in there}
            tokenizer.add_tokens(
                [
                    AddedToken(name, normalized=False, **{flag: getattr(there[i], flag) for flag in _FLAGS})
                    for name, i in names.items()
                ]
            )
            ids += [names[tokenizer.id_to_token(i)] for i in range(len(ids), len(ids) + len(names))]
        return tokenizer, np.array(ids, np.uint32)


def _fence(strings: Sequence[str | None]) -> str:
    return next(chr(one) for one in _FENCES if not any(chr(one) in text for text in strings if text))


def _named(fence: str, i: int) -> str:
    return f"{fence}{chr(_NUMBERS + (i >> 12))}{chr(_NUMBERS + (i & 4095))}{fence}"


def _marked(text: str, marks: Sequence[Mark], fence: str) -> tuple[str, _Shifts]:
    """A text with what stands for its special tokens, and behind which characters of it how many are too many."""
    parts, ends, shifts = [], [], [0]
    last = length = 0
    for start, end, i in marks:
        parts += [text[last:start], _named(fence, i)]
        length += len(parts[-2]) + len(parts[-1])
        last = end
        ends.append(length)
        shifts.append(length - end)
    return "".join([*parts, text[last:]]), (np.array(ends, np.int64), np.array(shifts, np.int64))


def _back(places: npt.NDArray[np.int64], shifts: _Shifts) -> npt.NDArray[np.int64]:
    """Places of a marked text as those of the text."""
    ends, by = shifts
    return places - by[np.searchsorted(ends, places, "right")] if len(ends) else places
