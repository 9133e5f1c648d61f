"""Texts as people ask a tokenizer for them: rows of ids with where each token stands, cut to a length and filled up to one.

    text       Thé cat                      rows of at most 4, the last token of a row again in the next (`stride=1`)
    tokens     <s> Th é | é ␣cat </s>       ids, offsets in characters or bytes of the text, words, masks

Rows are flat arrays until they are cut; nothing is done token by token.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pairloom.operators.encode.located import characters_of
from pairloom.operators.encode.origins import origins_of
from pairloom.operators.models import Located
from pairloom.operators.schema import INPUT_IDS
from pairloom.operators.text.arrays import Text, text_of

if TYPE_CHECKING:
    from pairloom.operators.encode.asked import Asked

__all__ = ["Shape", "encodings"]

_SIDES = ("right", "left")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """How long rows are: of at most `max_length` tokens; what overflows is lost, or in more rows that repeat `stride` tokens.

    `padding` fills rows up to the longest of them ("longest") or to `max_length`, and to a multiple of `multiple`, by the id
    `pad`. Tokens are cut off and filled in on the right unless told otherwise.
    """

    max_length: int | None = None
    stride: int = 0
    overflow: bool = False
    truncation_side: str = "right"
    padding: str | None = None
    pad: int | None = None
    multiple: int = 1
    padding_side: str = "right"

    def __post_init__(self) -> None:
        for name in ("truncation_side", "padding_side"):
            if getattr(self, name) not in _SIDES:
                raise ValueError(f"{name} must be right or left, got {getattr(self, name)!r}")
        if self.padding not in (None, "longest", "max_length"):
            raise ValueError(f"padding must be None, longest or max_length, got {self.padding!r}")
        if self.padding is not None and self.pad is None:
            raise ValueError("padding needs to know by which token: give pad, an id or a special token")
        if self.padding == "max_length" and self.max_length is None:
            raise ValueError("padding to max_length needs max_length")
        if self.multiple < 1:
            raise ValueError(f"pad_to_multiple_of must be at least 1, got {self.multiple}")
        if self.stride and not self.overflow:
            raise ValueError("stride is of rows that overflow: pass overflow=True")

    def room(self, around: int) -> int | None:
        """How many tokens of a text a row holds beside `around` others; raises ValueError where rows would not go on."""
        if self.max_length is None:
            return None
        room = self.max_length - around
        if room <= 0 or not 0 <= self.stride < room:
            raise ValueError(
                f"max_length is {self.max_length}: with {around} tokens around a text and a stride of {self.stride} no row would "
                "go on; make it longer, or the stride shorter"
            )
        return room

    def cuts(self, length: int, room: int | None) -> list[tuple[int, int]]:
        """Which tokens of a text of `length` are in which row.

        >>> Shape(max_length=3, stride=1, overflow=True).cuts(6, 3)
        [(0, 3), (2, 5), (4, 6)]
        """
        if room is None or length <= room:
            return [(0, length)]
        step = room - self.stride
        if self.truncation_side == "right":
            found = [(at, min(at + room, length)) for at in range(0, length, step)]
            last = next(i for i, (_, end) in enumerate(found) if end == length)
        else:
            found = [(max(0, at - room), at) for at in range(length, 0, -step)]
            last = next(i for i, (start, _) in enumerate(found) if start == 0)
        return found[: last + 1] if self.overflow else found[:1]


def encodings(
    tokenizer: "Asked",
    texts: pa.LargeStringArray,
    shape: Shape,
    *,
    prepend: Sequence[int],
    append: Sequence[int],
    offsets: str | None,
    words: bool,
    **options: Any,
) -> dict[str, Any]:
    """The rows of texts, as `Tokenizer.__call__` gives them; raises ValueError for a null text."""
    if texts.null_count:
        raise ValueError("a text is null; leave it out, or give an empty one")
    located = offsets is not None or words
    encoded = tokenizer.encode_column(texts, offsets=located, **options)
    ids, ends = encoded.ids, encoded.ends
    lists = ids.offsets.to_numpy().astype(np.int64)
    flat = {INPUT_IDS: ids.values.to_numpy(zero_copy_only=False).astype(np.int64)}
    if encoded.located is not None:
        flat |= _of_located(texts, encoded.located, offsets, words=words)
    elif ends is not None:
        flat |= _places(tokenizer, texts, flat[INPUT_IDS], lists, ends, offsets, words=words, **options)
    room = shape.room(len(prepend) + len(append))
    cuts = [shape.cuts(length, room) for length in np.diff(lists).tolist()]
    counts = [len(one) for one in cuts]
    edges = [(first + a, first + b) for first, one in zip(lists.tolist(), cuts, strict=False) for a, b in one]
    special = set(tokenizer.vocabulary.reserved_ids)
    around = np.array(prepend, np.int64), np.array(append, np.int64)
    rows = {name: [_row(values[a:b], name, around) for a, b in edges] for name, values in flat.items()}
    rows["special_tokens_mask"] = [
        np.concatenate(
            [np.ones(len(around[0])), np.isin(row, list(special)), np.ones(len(around[1]))]
        ).astype(np.int64)
        for row in (flat[INPUT_IDS][a:b] for a, b in edges)
    ]
    rows["attention_mask"] = [np.ones(len(row), np.int64) for row in rows[INPUT_IDS]]
    made: dict[str, Any] = {name: _padded(values, name, shape) for name, values in rows.items()}
    if shape.overflow:
        made["overflow_to_sample_mapping"] = np.repeat(np.arange(len(texts)), counts)
    return made


# What stands where there is no text, in each of the arrays.
_EMPTY = {"offset_mapping": 0, "word_ids": -1, "special_tokens_mask": 1, "attention_mask": 0}


def _row(
    values: npt.NDArray[np.int64], name: str, around: tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]
) -> npt.NDArray[np.int64]:
    if name == INPUT_IDS:
        return np.concatenate([around[0], values, around[1]])
    before, after = (np.full((len(side), *values.shape[1:]), _EMPTY[name]) for side in around)
    return np.concatenate([before, values, after])


def _padded(rows: list[npt.NDArray[np.int64]], name: str, shape: Shape) -> Any:
    """Rows as they are, or filled up to one array."""
    if shape.padding is None:
        return rows
    longest = max((len(row) for row in rows), default=0)
    if shape.padding == "max_length" and shape.max_length is not None:
        longest = max(longest, shape.max_length)
    length = -(-longest // shape.multiple) * shape.multiple
    fill = shape.pad if name == INPUT_IDS else _EMPTY[name]
    out = np.full((len(rows), length, *((2,) if name == "offset_mapping" else ())), fill, np.int64)
    for row, values in zip(out, rows, strict=True):
        at = 0 if shape.padding_side == "right" else length - len(values)
        row[at : at + len(values)] = values
    return out


def _places(
    tokenizer: "Asked",
    texts: pa.LargeStringArray,
    ids: npt.NDArray[np.int64],
    lists: npt.NDArray[np.int64],
    ends: pa.LargeListArray,
    offsets: str | None,
    *,
    words: bool,
    special_tokens_in_text: str = "text",
    allowed_special: Any = (),
) -> dict[str, npt.NDArray[np.int64]]:
    """Where each token stands in its text, int64[tokens, 2], and the number of its word, from 0 on in each text."""
    stop = ends.values.to_numpy(zero_copy_only=False).astype(np.int64)
    sizes = np.zeros(len(lists) - 1, np.int64)  # of the bytes that the tokens of each text spell
    filled = np.diff(lists) > 0
    sizes[filled] = stop[lists[1:][filled] - 1]
    first = np.concatenate([[0], np.cumsum(sizes)])
    owner = np.repeat(np.arange(len(sizes)), np.diff(lists))
    start = np.concatenate([[0], stop[:-1]])[: len(stop)]
    start[lists[:-1][filled]] = 0
    start, stop = start + first[owner], stop + first[owner]  # in the bytes of all texts
    spelled = np.frombuffer(tokenizer.decode(ids), np.uint8)
    added = np.isin(ids, _added(tokenizer, special_tokens_in_text, allowed_special))
    found = {}
    if offsets is not None:
        origins = origins_of(
            texts, spelled, first, tokenizer.vocabulary.normalizer, _edges_of(start, stop, added), offsets
        )
        found["offset_mapping"] = np.stack(
            [origins.begin[start], origins.end[np.maximum(stop, start + 1) - 1]], 1
        )
        hollow = start == stop
        found["offset_mapping"][hollow, 1] = found["offset_mapping"][hollow, 0]
    if words:
        cuts = _word_ends(tokenizer, spelled, first, start[added], stop[added])
        found["word_ids"] = np.searchsorted(cuts, start, "right") - np.searchsorted(
            cuts, first[owner], "right"
        )
    return found


def _of_located(
    texts: pa.LargeStringArray, located: Located, offsets: str | None, *, words: bool
) -> dict[str, npt.NDArray[np.int64]]:
    """As `_places`, of tokens that say themselves where they are from."""
    found = {"word_ids": located.words} if words else {}
    if offsets is not None:
        places = characters_of(text_of(texts), located) if offsets == "characters" else located
        found["offset_mapping"] = np.stack([places.begin, places.end], 1)
    return found


def _edges_of(
    start: npt.NDArray[np.int64], stop: npt.NDArray[np.int64], added: npt.NDArray[np.bool_]
) -> npt.NDArray[np.int64]:
    """The bytes at which an added token begins or ends: int64, ascending."""
    return np.unique(np.concatenate([start[added], stop[added]]))


def _added(tokenizer: "Asked", policy: str, allowed: Any) -> list[int]:
    """The ids that stand for tokens found in text before it is cut into words."""
    vocabulary = tokenizer.vocabulary
    sought = set(vocabulary.special_tokens if policy == "parse" else (*vocabulary.plain_tokens, *allowed))
    return [
        i
        for token, i in zip(vocabulary.special_tokens, vocabulary.special_ids, strict=True)
        if token in sought
    ]


def _word_ends(
    tokenizer: "Asked",
    spelled: npt.NDArray[np.uint8],
    first: npt.NDArray[np.int64],
    begin: npt.NDArray[np.int64],
    end: npt.NDArray[np.int64],
) -> npt.NDArray[np.int64]:
    """Where words end, in the bytes of all texts; added tokens, from `begin` to `end`, are words of their own."""
    edges = np.unique(np.concatenate([first, begin, end]))
    text = Text(data=spelled, offsets=edges)
    cuts = [ends.copy() for _, ends in tokenizer.vocabulary.pretokenizer.blocks(text)]
    found = np.concatenate([np.zeros(0, np.int64), *cuts])
    inside = np.searchsorted(begin, found, "left") - np.searchsorted(end, found, "right")
    return found[inside <= 0]
