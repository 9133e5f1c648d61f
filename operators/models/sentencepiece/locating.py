"""Where the pieces of a SentencePiece model are from in their texts, as its owner says.

Of normalized text it is known for each byte where it is from, and of each piece how many bytes it has; what no piece spells is
encoded as a token for each byte, which become what they are after.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pairloom.operators.errors import CorruptionError
from pairloom.operators.models import Located
from pairloom.operators.models.sentencepiece.normal import Normalized
from pairloom.operators.text.arrays import Text

__all__ = ["Origin", "located_pieces"]

_SPACE = 32


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Origin:
    """What tokens are from: segments of text of some kinds, `normal` of those that are none; `first` is where documents begin.

    `lengths` are the bytes of tokens in normalized text; of one in the place of a special segment there are none.
    """

    first: npt.NDArray[np.int64]
    text: Text
    kinds: npt.NDArray[np.int32]
    normal: Normalized
    lengths: npt.NDArray[np.int64]


def located_pieces(
    values: npt.NDArray[np.uint32],
    lists: npt.NDArray[np.int64],
    origin: Origin,
    byte_ids: npt.NDArray[np.uint32],
    unknown: int,
    size: int,
) -> Located:
    """The tokens of documents as a vocabulary of `size` pieces has them, and where they are from.

    Of `values`, those from `size` on are bytes, which have `byte_ids` or are `unknown`, several in a row together, and those from
    `size + 256` on stand for special segments.
    """
    normal, special = origin.normal, values >= size + 256
    size_of = origin.lengths[values]
    high = np.cumsum(size_of)
    low = high - size_of
    if int(size_of.sum()) != normal.text.bytes:
        raise CorruptionError("tokens of a SentencePiece model are not those of its text: this is a bug")
    owner = np.repeat(np.arange(len(lists) - 1), np.diff(lists))
    # Where each byte begins, and where it ends: where the next one of its segment begins.
    ends = np.append(normal.places[1:], 0)
    full = np.flatnonzero(np.diff(normal.text.offsets))
    ends[normal.text.offsets[full + 1] - 1] = normal.stops[full]
    begin, end = np.zeros((2, len(values)), np.int64)
    own = ~special
    begin[own], end[own] = normal.places[low[own]], ends[high[own] - 1]
    marked = np.flatnonzero(origin.kinds >= 0)
    begin[special], end[special] = origin.text.offsets[marked], origin.text.offsets[marked + 1]
    data = normal.text.data
    words = _words(data, low, high, special, owner, lists)
    byte = (values >= size) & own
    ids = np.where(special, values - np.uint32(size + 256), values)
    keep = np.ones(len(values), np.bool_)
    if len(byte_ids):
        ids[byte] = byte_ids[values[byte] - size]
        leads = np.flatnonzero(byte & (values - size & 0xC0 != 0x80))
        lead = (
            leads[np.maximum(np.searchsorted(leads, np.flatnonzero(byte), "right") - 1, 0)]
            if len(leads)
            else leads
        )
        begin[byte] = begin[lead]
        inside = np.append(byte[1:] & (values[1:] - size & 0xC0 == 0x80), False) & byte
        end[inside] = begin[inside]
    elif byte.any():
        ids[byte] = unknown
        # Of a run within a segment of the text the first stays, and ends where the last does.
        segment = np.searchsorted(normal.text.offsets, low, "right")
        follows = np.append(False, byte[1:] & byte[:-1] & (segment[1:] == segment[:-1]))
        keep = ~follows
        last = np.append(np.flatnonzero(keep)[1:], len(values)) - 1
        end = end[last]
        ids, begin, words, owner = ids[keep], begin[keep], words[keep], owner[keep]
    lists = np.concatenate([[0], np.cumsum(keep)])[lists]
    first = origin.first[owner]
    return Located(ids, lists, begin - first, end - first, words)


def _words(
    data: npt.NDArray[np.uint8],
    low: npt.NDArray[np.int64],
    high: npt.NDArray[np.int64],
    special: npt.NDArray[np.bool_],
    owner: npt.NDArray[np.int64],
    lists: npt.NDArray[np.int64],
) -> npt.NDArray[np.int64]:
    """The number of the word of each token: one begins with a token that begins with a space, or comes behind one that ends so."""
    if not len(low):
        return low
    begins = special.copy()
    begins[1:] |= special[:-1]
    own = high > low
    spaced = np.zeros(len(low), np.bool_)
    spaced[own] = data[low[own]] == _SPACE
    begins |= spaced
    spaced[own] = (data[high[own] - 1] == _SPACE) & (high[own] - low[own] > 1)
    begins[1:] |= spaced[:-1]
    begins[lists[:-1][np.diff(lists) > 0]] = True
    count = np.cumsum(begins)
    return count - count[lists[:-1][owner]]
