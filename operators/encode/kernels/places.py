"""Where tokens of normalized text are from, when each byte of it is from one character of the text as it was given."""

import numpy as np
import numpy.typing as npt

from pairloom.operators.encode.kernels.state import TEXT
from pairloom.operators.kernels.jit import inner, kernel, signed

__all__ = ["EACH", "FUSED", "ONE", "WHOLE", "place_pieces", "place_words"]

# What becomes of bytes that no piece spells: a token for each, from its character; one for each, from all of those in a row; one
# for each character; one for all in a row.
EACH, WHOLE, ONE, FUSED = range(4)

_SPACE = 32


@inner
def _end(source: npt.NDArray[np.uint8], place: int) -> int:
    """Where the character ends that begins at a place."""
    lead = source[place]
    return signed(place) + (1 if lead < 0x80 else 2 if lead < 0xE0 else 3 if lead < 0xF0 else 4)


@inner
def _ends_document(kind: int) -> bool:
    return kind < TEXT or (kind >= 0 and (kind & 1) == 1)


@inner
def _put(
    ids: npt.NDArray[np.uint32],
    out: npt.NDArray[np.int64],
    used: int,
    token: int,
    begin: int,
    end: int,
    word: int,
) -> int:
    """Write one more token behind those that there are; how many there are then."""
    ids[used] = token
    out[0, used], out[1, used], out[2, used] = begin, end, word
    return used + 1


@kernel
def place_pieces(
    values: npt.NDArray[np.uint32],
    lengths: npt.NDArray[np.uint32],
    byte_ids: npt.NDArray[np.uint32],
    rule: int,
    spaced: bool,
    kinds: npt.NDArray[np.int32],
    edges: npt.NDArray[np.int64],
    source: npt.NDArray[np.uint8],
    offsets: npt.NDArray[np.int64],
    data: npt.NDArray[np.uint8],
    places: npt.NDArray[np.int64],
    ids: npt.NDArray[np.uint32],
    out: npt.NDArray[np.int64],
    lists: npt.NDArray[np.int64],
) -> int:
    """Write the ids of tokens that lie side by side, begin, end and word of each (`out`, [3, n]), and the lists of documents.

    Segments of `source`, with `edges`, are of `kinds` (see `open_documents`), and normalized in `data`, with `offsets`; the
    character that byte i is from begins at `places[i]`. Of `values`, those below the number of `lengths` have so many bytes, others
    are a byte that no piece spells: `byte_ids` has its id, or that of what is unknown for all. A segment is a word, or with
    `spaced` each part that begins with a space. Returns how many ids there are, -1 where values do not spell the text.
    """
    size = lengths.size
    at = used = 0
    document = 0
    first = edges[0]
    word = -1
    lists[0] = 0
    for segment in range(kinds.size):
        kind = kinds[segment]
        low, stop = offsets[segment], offsets[segment + 1]
        if kind >= 0:
            if at >= values.size:
                return -1
            word += 1
            used = _put(ids, out, used, kind >> 1, edges[segment] - first, edges[segment + 1] - first, word)
            at += 1
            low = stop
        begun = low
        while low < stop:
            if at >= values.size:
                return -1
            if low == begun or (spaced and data[low] == _SPACE):
                word += 1
            if values[at] < size:
                high = low + signed(lengths[values[at]])
                if high > stop or high == low:
                    return -1
                end = _end(source, places[high - 1])
                used = _put(ids, out, used, values[at], places[low] - first, end - first, word)
                at += 1
                low = high
                continue
            high = low + 1
            at += 1
            while (
                high < stop
                and at < values.size
                and values[at] >= size
                and not (spaced and data[high] == _SPACE)
            ):
                high += 1
                at += 1
            for i in range(low, high):
                if (rule == FUSED and i > low) or (rule == ONE and data[i] & 0xC0 == 0x80):
                    continue
                whole = rule in (WHOLE, FUSED)
                begin, end = places[low if whole else i], _end(source, places[high - 1 if whole else i])
                used = _put(ids, out, used, byte_ids[data[i]], begin - first, end - first, word)
            low = high
        if _ends_document(kind):
            document += 1
            lists[document] = used
            word = -1
            first = edges[segment + 1]
    return used if at == values.size else -1


@kernel
def place_words(
    values: npt.NDArray[np.uint32],
    first_lengths: npt.NDArray[np.uint32],
    later_lengths: npt.NDArray[np.uint32],
    unknown: int,
    word_ends: npt.NDArray[np.int64],
    kinds: npt.NDArray[np.int32],
    edges: npt.NDArray[np.int64],
    source: npt.NDArray[np.uint8],
    offsets: npt.NDArray[np.int64],
    data: npt.NDArray[np.uint8],
    places: npt.NDArray[np.int64],
    ids: npt.NDArray[np.uint32],
    out: npt.NDArray[np.int64],
    lists: npt.NDArray[np.int64],
) -> int:
    """As `place_pieces`, of tokens of words that end at `word_ends`, but for a space that each may begin with.

    The first token of a word has as many bytes as `first_lengths` says, by its id, those behind it as `later_lengths`; but one
    with an id past those is all of the word, and becomes `unknown`.
    """
    size = first_lengths.size
    at = used = 0
    document = next_word = 0
    first = edges[0]
    word = -1
    lists[0] = 0
    for segment in range(kinds.size):
        kind = kinds[segment]
        low, stop = offsets[segment], offsets[segment + 1]
        if kind >= 0:
            if at >= values.size:
                return -1
            word += 1
            used = _put(ids, out, used, kind >> 1, edges[segment] - first, edges[segment + 1] - first, word)
            at += 1
            low = stop
        while low < stop:
            if next_word == word_ends.size or word_ends[next_word] > stop:
                return -1
            end = word_ends[next_word]
            next_word += 1
            begun = low
            if data[low] == _SPACE:
                begun = low = low + 1
            if low < end:
                word += 1
            while low < end:
                if at >= values.size:
                    return -1
                token = values[at]
                high = end
                if token < size:
                    high = low + signed(first_lengths[token] if low == begun else later_lengths[token])
                if high > end or high == low:
                    return -1
                known = signed(token) if token < size else unknown
                last = _end(source, places[high - 1])
                used = _put(ids, out, used, known, places[low] - first, last - first, word)
                at += 1
                low = high
            low = end
        if _ends_document(kind):
            document += 1
            lists[document] = used
            word = -1
            first = edges[segment + 1]
    return used if at == values.size else -1
