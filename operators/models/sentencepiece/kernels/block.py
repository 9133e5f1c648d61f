"""The loop that turns words of SentencePiece's Unigram into ids, with the sum of float32 that goes through the text.

It is that of `encode/kernels/block.py`, but that an entry of the table also has a limit (see `margin.py`), and its ids are the
word's where the sum before it is within. Where it is not, the word is encoded from that sum, as every text without words would
be; so is one that begins with a sum `BEYOND`, which no limit is.

The limit is a float32 in bytes 28 to 31 of an entry of a short word, which holds up to twelve bytes of ids, or else where its ids
are and how many; one that no sum is within is -1. Where the scores of a word are not those of its ids, bit 31 of how many ids
there are is set, and before them lie how many scores there are and these. A longer word has its limit before all of that. The sum
is a float64 in front of the scratch.
"""

from typing import Any

import numpy as np

from pairloom.operators.encode.kernels.batch import next_stop, plan_words
from pairloom.operators.encode.kernels.state import (
    ARENA_AT,
    ARENA_SIZE,
    ARENA_USED,
    BATCH,
    DONE,
    GROW_LONG,
    GROW_SHORT,
    LONG_AT,
    LONG_BITS,
    LONG_LIMIT,
    LONG_USED,
    LOOKUPS,
    MISSES,
    NEED_SCRATCH,
    OUT,
    PIECE,
    PLAN_AT,
    POSITION,
    SCRATCH_AT,
    SCRATCH_LONGEST,
    SHORT_AT,
    SHORT_LIMIT,
    SHORT_MASK,
    SHORT_USED,
    SKIP,
    UNKNOWN,
    WIDTH,
    emit_ids,
    open_cut,
    open_documents,
    spill,
)
from pairloom.operators.encode.kernels.table import PROBES, bucket_hash, find_long, find_short
from pairloom.operators.kernels.floats import load_f32, load_f64, store_f32, store_f64
from pairloom.operators.kernels.jit import (
    copy_16,
    inner,
    kernel,
    load_u16,
    load_u32,
    load_u64,
    opaque,
    store_u32,
    store_u64,
)
from pairloom.operators.kernels.simd import halves_equal
from pairloom.operators.models.sentencepiece.kernels.margin import encode_with_limit
from pairloom.operators.models.unigram.kernels.ways import encode_from

__all__ = ["LONGEST", "encode_sums"]

Int = int | np.int64

LONGEST = 256
"""Bytes of the longest word that is remembered: longer ones hardly come twice. Of Tibetan, many have 64 to 256."""

# Bytes of ids that an entry holds itself.
_INLINE = 12
_COUNT = 0x7FFFFFFF


@inner
def _emit_safe(
    plan: Int, done: Int, stop: Int, table: Int, width: Int, out: Int, tables: Any, total: Any
) -> Any:
    """Write the ids of the planned words from `done` up to `stop`, or the first whose bucket has no ids that are its here.

    Returns (which word that is, the new end of the output, the sum there).
    """
    scores, none = tables[8], tables[9]
    step = plan + 24 * done
    last = plan + 24 * stop
    while step < last:
        entry = table + np.int64(load_u64(step + 16))
        same = halves_equal(entry, step)
        entry += opaque(np.int64(same & np.int64(15) != np.int64(15)) << 5)
        count = np.int64(load_u64(entry + 8) >> np.uint64(60)) & 7
        within = abs(total) < load_f32(entry + 28)
        if (same & 15 != 15) & (same & 240 != 240) | (count == 0) | (not within):
            break
        copy_16(entry + 16, out)
        out += count << width
        if width == 1:
            first, second, third = (
                np.int64(load_u16(entry + 16)),
                np.int64(load_u16(entry + 18)),
                np.int64(load_u16(entry + 20)),
            )
        else:
            first, second, third = (
                np.int64(load_u32(entry + 16)),
                np.int64(load_u32(entry + 20)),
                np.int64(load_u32(entry + 24)),
            )
        # Adding the zero behind the scores changes nothing, and how many ids a word has cannot be guessed.
        second = opaque(second if count > 1 else none)
        third = opaque(third if count > 2 else none)
        total = np.float32(total + load_f32(scores + (first << 2)))
        total = np.float32(total + load_f32(scores + (second << 2)))
        total = np.float32(total + load_f32(scores + (third << 2)))
        for i in range(3, count):
            total = np.float32(total + load_f32(scores + (np.int64(load_u16(entry + 16 + (i << 1))) << 2)))
        step += 24
    return (step - plan) // 24, out, total


@inner
def _plus(total: Any, addends: Int, count: Int) -> Any:
    """A sum with `count` float32 at an address added one after another."""
    for i in range(count):
        total = np.float32(total + load_f32(addends + (i << 2)))
    return total


@inner
def _emit_kept(at: Int, tag: Int, width: Int, out: Int, scores: Int, total: Any) -> Any:
    """Write the ids that are kept at an address, as `_keep` does; (the new end of the output, the sum there)."""
    count = tag & _COUNT
    if tag != count:
        pieces = np.int64(load_u32(at))
        total = _plus(total, at + 4, pieces)
        at += 4 + (pieces << 2)
    else:
        for i in range(count):
            one = at + (i << width)
            piece = np.int64(load_u16(one)) if width == 1 else np.int64(load_u32(one))
            total = np.float32(total + load_f32(scores + (piece << 2)))
    for i in range(0, count << width, 16):
        copy_16(at + i, out + i)
    return out + (count << width), total


@inner
def _kept_bytes(found: Any, width: Int) -> Any:
    """How much `_keep` takes of what `encode_with_limit` returned."""
    count, _, pieces, scores = found
    return (count << width) + (4 + (pieces << 2) if scores != 0 else np.int64(0))


@inner
def _keep(found: Any, width: Int, scratch: Int, room: Int) -> Any:
    """Keep ids, with scores that are not theirs; what says how many."""
    count, _, pieces, scores = found
    tag = count
    if scores != 0:
        store_u32(room, np.uint32(pieces))
        for i in range(pieces):
            store_u32(room + 4 + (i << 2), load_u32(scores + (i << 2)))
        room += 4 + (pieces << 2)
        tag |= _COUNT + 1
    emit_ids(room, width, scratch, count)
    return np.uint32(tag)


@inner
def _encode_now(start: Int, length: Int, state: Any, tables: Any, out: Int, total: Any) -> Any:
    """Encode a word from the sum before it; (the new end of the output, the sum there)."""
    state[MISSES] += 1
    scratch = state[SCRATCH_AT]
    count, behind = encode_from(start, length, tables, scratch, np.float64(total))
    return emit_ids(out, state[WIDTH], scratch, count), np.float32(behind)


@inner
def _written(found: Any, start: Int, length: Int, state: Any, tables: Any, out: Int, total: Any) -> Any:
    """Write a word that is new, of which `encode_with_limit` returned this: as it says where the sum is within the limit."""
    count, limit, pieces, scores = found
    if not abs(total) < limit:
        return _encode_now(start, length, state, tables, out, total)
    state[MISSES] += 1
    scratch = state[SCRATCH_AT]
    if scores != 0:
        total = _plus(total, scores, pieces)
    else:
        for i in range(count):
            piece = np.int64(load_u32(scratch + (i << 2)))
            total = np.float32(total + load_f32(tables[8] + (piece << 2)))
    return emit_ids(out, state[WIDTH], scratch, count), total


@inner
def _keep_short(state: Any, low: Any, high: Any, found: Any) -> None:
    count, limit, _, scores = found
    width = state[WIDTH]
    mask = state[SHORT_MASK]
    bucket = np.int64(bucket_hash(low, high)) & mask
    for probe in range(2 * PROBES):
        place = state[SHORT_AT] + (((bucket + (probe >> 1)) & mask) << 6) + ((probe & 1) << 5)
        if load_u64(place + 8) != np.uint64(0):
            continue
        tag = np.uint64(count)
        if not limit > 0:
            tag = np.uint64(1)  # no one will read its ids
        elif scores == 0 and count << width <= _INLINE:
            emit_ids(place + 16, width, state[SCRATCH_AT], count)
        else:
            room = spill(state, _kept_bytes(found, width))
            if room == 0:
                return
            store_u64(place + 16, np.uint64(room - state[ARENA_AT]))
            store_u32(place + 24, _keep(found, width, state[SCRATCH_AT], room))
            tag = np.uint64(0)
        store_f32(place + 28, limit)
        store_u64(place, low)
        store_u64(place + 8, high | (tag << np.uint64(60)))
        state[SHORT_USED] += 1
        return


@inner
def _short_word(
    state: Any, entry: Int, low: Any, high: Any, start: Int, length: Int, out: Int, tables: Any, total: Any
) -> Any:
    """Write a word of up to 15 bytes; `entry` is where the table holds it, or 0."""
    if entry != 0:
        if not abs(total) < load_f32(entry + 28):
            return _encode_now(start, length, state, tables, out, total)
        tag = np.int64(load_u64(entry + 8) >> np.uint64(60)) & 7
        at = entry + 16
        if tag == 0:
            tag = np.int64(load_u32(entry + 24))
            at = state[ARENA_AT] + np.int64(load_u64(entry + 16))
        return _emit_kept(at, tag, state[WIDTH], out, tables[8], total)
    if state[SHORT_LIMIT] == 0:
        return _encode_now(start, length, state, tables, out, total)
    found = encode_with_limit(start, length, tables, state[SCRATCH_AT])
    _keep_short(state, low, high, found)
    return _written(found, start, length, state, tables, out, total)


@inner
def _keep_long(state: Any, place: Int, hashed: Any, start: Int, length: Int, found: Any) -> None:
    width = state[WIDTH]
    padded = (length + 7) & ~7
    room = spill(state, 16 + padded + _kept_bytes(found, width))
    if room == 0:
        return
    store_u32(room, np.uint32(length))
    for i in range(0, length - 8, 8):
        store_u64(room + 8 + i, load_u64(start + i))
    store_u64(room + length, load_u64(start + length - 8))
    store_f32(room + 8 + padded, found[1])
    store_u32(room + 4, _keep(found, width, state[SCRATCH_AT], room + 16 + padded))
    slot = state[LONG_AT] + (place << 4)
    store_u64(slot, hashed)
    store_u64(slot + 8, np.uint64(room - state[ARENA_AT]))
    state[LONG_USED] += 1


@inner
def _long_word(state: Any, hashed: Any, start: Int, length: Int, out: Int, tables: Any, total: Any) -> Any:
    """Write a word of 16 bytes or more."""
    place = np.int64(-1)
    if state[LONG_LIMIT] and length <= LONGEST:
        place, record = find_long(state[LONG_AT], state[LONG_BITS], state[ARENA_AT], hashed, start, length)
        if record:
            limits = record + 8 + ((length + 7) & ~7)
            if not abs(total) < load_f32(limits):
                return _encode_now(start, length, state, tables, out, total)
            tag = np.int64(load_u32(record + 4))
            return _emit_kept(limits + 8, tag, state[WIDTH], out, tables[8], total)
    if place < 0:
        return _encode_now(start, length, state, tables, out, total)
    found = encode_with_limit(start, length, tables, state[SCRATCH_AT])
    _keep_long(state, place, hashed, start, length, found)
    return _written(found, start, length, state, tables, out, total)


@kernel
def encode_sums(data: int, size: int, at: int, total: int, tables: Any, joins: Any, state: Any) -> Any:
    """Encode the `total` words of one block, as the kernel of `block_by`.

    `tables` are those of `encode_from` with sums of float32; then the address of all scores (float32, by id),
    with a zero behind them, and its place.
    """
    limit = data + size - 16
    plan = state[PLAN_AT]
    width = state[WIDTH]
    table = state[SHORT_AT]
    mask = state[SHORT_MASK] << 6
    piece = state[PIECE]
    position = state[POSITION]
    out = state[OUT]
    cut = open_cut(state)
    skip = state[SKIP]
    held = state[SCRATCH_AT] - 8
    before = np.float32(load_f64(held))
    status = DONE
    while piece < total and status == DONE:
        batch = min(np.int64(BATCH), total - piece)
        ends = at + (piece << 3)
        plan_words(state, data, limit, position, ends, batch)
        done = noted = skipped = np.int64(0)
        stop = np.int64(0)
        while done < batch and status == DONE:
            if stop <= done:
                stop = next_stop(ends, done, batch, cut)
            start = done
            if skip == 0:
                done, out, before = _emit_safe(plan, done, stop, table, width, out, tables, before)
                if done > start:
                    position = np.int64(load_u64(ends + (done << 3) - 8))
            if done < stop:
                step = plan + 24 * done
                length = np.int64(load_u64(ends + (done << 3))) - position
                word = data + position
                low = load_u64(step)
                high = load_u64(step + 8)
                if skip == 0 and high == np.uint64(0) and length > state[SCRATCH_LONGEST]:
                    status = NEED_SCRATCH
                    state[SCRATCH_LONGEST] = length
                else:
                    if skip:
                        skipped += 1
                    elif high != np.uint64(0):
                        entry = find_short(table, np.int64(load_u64(step + 16)), mask, low, high)
                        out, before = _short_word(state, entry, low, high, word, length, out, tables, before)
                        if state[SHORT_USED] >= state[SHORT_LIMIT] and state[SHORT_LIMIT]:
                            status = GROW_SHORT
                    else:
                        out, before = _long_word(state, low, word, length, out, tables, before)
                        if state[LONG_LIMIT] and (
                            state[LONG_USED] >= state[LONG_LIMIT]
                            or state[ARENA_USED] > state[ARENA_SIZE] - 4096
                        ):
                            status = GROW_LONG
                    position += length
                    done += 1
            if position >= cut:
                state[LOOKUPS] += done - noted - skipped
                state[UNKNOWN] += done - noted - skipped
                noted = done
                skipped = np.int64(0)
                state[OUT] = out
                open_documents(state, position, False)
                out = state[OUT]
                skip = state[SKIP]
                cut = open_cut(state)
                before = np.float32(0.0)
        piece += done
        state[LOOKUPS] += done - noted - skipped
        state[UNKNOWN] += done - noted - skipped
    state[PIECE] = piece
    state[POSITION] = position
    state[OUT] = out
    store_f64(held, np.float64(before))
    return status
