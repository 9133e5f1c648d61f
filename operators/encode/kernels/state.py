"""What the kernel that turns pretokens into ids keeps in its state, and its steps; `block.py` has the loop.

`state` is int64[STATE], the kernel's memory from one block to the next; its fields are the constants below. The kernel
returns GROW_SHORT, GROW_LONG or NEED_SCRATCH where the caller has to make room (and calls again to go on from the same
pretoken), else DONE.
"""

from typing import Any

import numpy as np

from pairloom.operators.encode.kernels.table import (
    PROBES,
    bucket_hash,
    find_long,
)
from pairloom.operators.kernels.jit import (
    copy_16,
    inner,
    kernel,
    load_u32,
    load_u64,
    store_u16,
    store_u32,
    store_u64,
)

__all__ = [
    "BATCH",
    "DONE",
    "GROW_LONG",
    "GROW_SHORT",
    "LONGEST_STORED",
    "NEED_SCRATCH",
    "NULL",
    "STATE",
    "TEXT",
    "TEXT_ENDS",
    "emit_ids",
    "emit_long",
    "emit_spilled",
    "find_entry",
    "keep_long",
    "keep_short",
    "open_cut",
    "open_documents",
    "spill",
]

BATCH = 192
# Ids that an entry of the table holds itself.
MOST_INLINE = 7
LONGEST_STORED = 1 << 10

DONE, GROW_SHORT, GROW_LONG, NEED_SCRATCH = 0, 1, 2, 3

(
    PIECE,  # the next pretoken of the block
    POSITION,  # where it starts, in the text's data
    CUT,  # the segment that is open
    DOCUMENT,  # the document that is open
    SKIP,  # 1 while the open segment is a special token, whose pretokens are left out
    OUT,  # address of the next id to write
    BASE,  # address of the first id
    WIDTH,  # log2 of an id's bytes: 1 or 2
    SHORT_AT,
    SHORT_MASK,  # the number of buckets - 1
    SHORT_USED,
    SHORT_LIMIT,  # entries from which to grow
    LONG_AT,
    LONG_BITS,
    LONG_USED,
    LONG_LIMIT,
    ARENA_AT,
    ARENA_USED,
    ARENA_SIZE,
    SCRATCH_AT,
    SCRATCH_LONGEST,  # the longest word that the scratch has room for
    MISSING,  # bytes without a token
    MISSING_AT,  # the document of the first of them
    PLAN_AT,  # address of the batch's plan: 24 bytes a pretoken
    LOOKUPS,
    MISSES,
    UNKNOWN,  # pretokens that are none of the words that the table began with
    MARK,  # 8 on the entries of such words, 0 on the others
    CUTS_AT,  # int64: the ends of the segments, and in front of them where the first one begins
    CUTS,  # how many segments there are
    KINDS_AT,  # int32, one a segment, or 0 where every segment is a document of text; see `open_documents`
    PREPEND_AT,  # uint32: ids before each document
    PREPENDS,
    APPEND_AT,  # uint32: ids after each document
    APPENDS,
    LISTS_AT,  # int64: receives how many ids there are before each document
    SEEN_AT,  # int64[2] a document: receives LOOKUPS and UNKNOWN before each, as LISTS_AT does; or 0
    GOES_ON_AT,  # uint8: whether a piece of text goes on after each pretoken, where pieces are cut into words; see `joins.py`
    JOINED,  # address of the first id that later ones may be joined to
    JOINED_SEEN,  # address of an id up to which they are known to be one run
    JOINED_TEXT_AT,  # room for the longest piece
    WHOLE_AT,  # scratch for it
    SUM_AT,  # address of the last place where the sum of scores is known that is before what follows, or 0; see `models/unigram`
    SUM,  # that sum, a float64
    STATE,
) = range(45)

TEXT, TEXT_ENDS, NULL = -1, -2, -3


@inner
def emit_ids(out: int, width: int, ids: int, count: int) -> Any:
    """Write `count` ids, uint32 at an address, as ids of the output; its new end."""
    if width == 2:
        for i in range(count):
            store_u32(out + (i << 2), load_u32(ids + (i << 2)))
    else:
        for i in range(count):
            store_u16(out + (i << 1), np.uint16(load_u32(ids + (i << 2))))
    return out + (count << width)


@inner
def _kind(state: Any, segment: int) -> Any:
    if state[KINDS_AT] == 0:
        return np.int64(TEXT_ENDS)
    return np.int64(np.int32(load_u32(state[KINDS_AT] + (segment << 2))))


@inner
def _ends_document(kind: int) -> bool:
    return kind < TEXT or (kind >= 0 and (kind & 1) == 1)


@kernel
def open_documents(state: Any, position: int | np.int64, begin: bool) -> None:
    """Close the open segment, and open the next one that has bytes from `position` on.

    The kinds of segments are TEXT (goes on in the next segment), TEXT_ENDS (ends a document), NULL (is a null
    document, which has no ids at all), and 2k or 2k + 1: the special token of id k, in whose place its bytes stand,
    the latter ending a document. With `begin`, no segment is open yet.
    """
    width = state[WIDTH]
    out = state[OUT]
    segment = state[CUT]
    document = state[DOCUMENT]
    closing = not begin
    while True:
        if closing:
            kind = _kind(state, segment)
            if _ends_document(kind):
                if kind != NULL:
                    out = emit_ids(out, width, state[APPEND_AT], state[APPENDS])
                document += 1
                store_u64(state[LISTS_AT] + (document << 3), np.uint64((out - state[BASE]) >> width))
                if state[SEEN_AT]:
                    store_u64(state[SEEN_AT] + (document << 4), np.uint64(state[LOOKUPS]))
                    store_u64(state[SEEN_AT] + (document << 4) + 8, np.uint64(state[UNKNOWN]))
            segment += 1
        if segment >= state[CUTS]:
            break
        kind = _kind(state, segment)
        if kind != NULL and (segment == 0 or _ends_document(_kind(state, segment - 1))):
            out = emit_ids(out, width, state[PREPEND_AT], state[PREPENDS])
        state[SKIP] = 0
        if kind >= 0:
            state[SKIP] = 1
            if width == 1:
                store_u16(out, np.uint16(kind >> 1))
            else:
                store_u32(out, np.uint32(kind >> 1))
            out += np.int64(1) << width
        if np.int64(load_u64(state[CUTS_AT] + (segment << 3))) > position:
            break
        closing = True
    state[OUT] = out
    state[CUT] = segment
    state[DOCUMENT] = document


@inner
def spill(state: Any, header: int) -> Any:
    """Room for so many bytes, the ids that the caller counted in, in the arena; 0 where it is full."""
    need = (header + 7) & ~7
    if state[ARENA_USED] + need + 16 > state[ARENA_SIZE]:
        return np.int64(0)
    place = state[ARENA_AT] + state[ARENA_USED]
    state[ARENA_USED] += need
    return place


@inner
def _count_missing(state: Any, missing: int) -> None:
    if missing > 0:
        if state[MISSING] == 0:
            state[MISSING_AT] = state[DOCUMENT]
        state[MISSING] += missing


@inner
def keep_short(state: Any, low: Any, high: Any, out: int, count: int, missing: int) -> Any:
    """Write the `count` ids of a word that the table does not hold, and put it there; the new end of the output.

    The ids are uint32 at the scratch. A word with `missing` bytes is not kept, nor a part of a
    text whose ids hold only where it stands, of which -1 are missing.
    """
    width = state[WIDTH]
    scratch = state[SCRATCH_AT]
    end = emit_ids(out, width, scratch, count)
    state[MISSES] += 1
    state[UNKNOWN] += 1
    if missing:
        _count_missing(state, missing)
        return end
    if state[SHORT_LIMIT] == 0:
        return end
    mask = state[SHORT_MASK]
    bucket = np.int64(bucket_hash(low, high)) & mask
    for probe in range(2 * PROBES):
        place = state[SHORT_AT] + (((bucket + (probe >> 1)) & mask) << 6) + ((probe & 1) << 5)
        if load_u64(place + 8) == np.uint64(0):
            room = np.int64(0)
            if _is_spilled(width, count):
                room = spill(state, count << width)
                if room == 0:
                    return end
            _fill(state, place, low, high, count, room, out)
            state[SHORT_USED] += 1
            break
    return end


@inner
def _is_spilled(width: int, count: int) -> bool:
    return count == 0 or count > MOST_INLINE or (count << width) > 16


@inner
def _fill(state: Any, entry: int, low: Any, high: Any, count: int, room: int, out: int) -> None:
    """Write an entry of `count` ids, which are at the address `out` and at the scratch; `room` is where to spill them, or 0."""
    tag = np.uint64(state[MARK])
    if room:
        emit_ids(room, state[WIDTH], state[SCRATCH_AT], count)
        store_u64(entry + 16, np.uint64(room - state[ARENA_AT]))
        store_u64(entry + 24, np.uint64(count))
    else:
        copy_16(out, entry + 16)
        tag |= np.uint64(count)
    store_u64(entry, low)
    store_u64(entry + 8, high | (tag << np.uint64(60)))


@inner
def find_entry(state: Any, hashed: Any, start: int, length: int) -> Any:
    """The place of a long word among the slots, or -1 where it has none, and the address of its entry, or 0."""
    place, entry = np.int64(-1), np.int64(0)
    if state[LONG_LIMIT] and length <= LONGEST_STORED:
        place, record = find_long(state[LONG_AT], state[LONG_BITS], state[ARENA_AT], hashed, start, length)
        if record:
            entry = record - 32
    return place, entry


@inner
def emit_long(state: Any, hashed: Any, start: int, length: int, out: int) -> Any:
    """Write the ids of a long word that the table holds: (place in the table or -1, the new end of the output or 0)."""
    place, entry = find_entry(state, hashed, start, length)
    if entry == 0:
        return place, entry
    tag = load_u64(entry + 8)
    state[UNKNOWN] += np.int64(tag >> np.uint64(63))
    count = np.int64(tag >> np.uint64(60)) & MOST_INLINE
    if count == 0:
        return place, emit_spilled(state[ARENA_AT], state[WIDTH], entry, out)
    copy_16(entry + 16, out)
    return place, out + (count << state[WIDTH])


@inner
def keep_long(
    state: Any, place: int, hashed: Any, start: int, length: int, out: int, count: int, missing: int
) -> Any:
    """As `keep_short`, of a word of 16 bytes or more; `place` is where it goes, or -1."""
    width = state[WIDTH]
    scratch = state[SCRATCH_AT]
    state[MISSES] += 1
    state[UNKNOWN] += 1
    end = emit_ids(out, width, scratch, count)
    if missing:
        _count_missing(state, missing)
    elif place >= 0:
        padded = (length + 7) & ~7
        spilled = _is_spilled(width, count)
        entry = spill(state, 40 + padded + (count << width if spilled else 0))
        if entry:
            record = entry + 32
            room = record + 8 + padded if spilled else 0
            _fill(state, entry, hashed, np.uint64(length), count, room, out)
            store_u64(record, np.uint64(length))
            for i in range(0, length - 8, 8):
                store_u64(record + 8 + i, load_u64(start + i))
            store_u64(record + length, load_u64(start + length - 8))
            slot = state[LONG_AT] + (place << 4)
            store_u64(slot, hashed)
            store_u64(slot + 8, np.uint64(record - state[ARENA_AT]))
            state[LONG_USED] += 1
    return end


@inner
def emit_spilled(arena: int, width: int, entry: int, out: int) -> Any:
    """Write the ids of an entry that holds them in the arena; the new end of the output."""
    ids = arena + np.int64(load_u64(entry + 16))
    count = np.int64(load_u64(entry + 24)) << width
    for i in range(0, count, 16):
        copy_16(ids + i, out + i)
    return out + count


@inner
def open_cut(state: Any) -> Any:
    """Where the open segment ends; past every text where none is open."""
    if state[CUT] < state[CUTS]:
        return np.int64(load_u64(state[CUTS_AT] + (state[CUT] << 3)))
    return np.int64(0x7FFFFFFFFFFFFFFF)
