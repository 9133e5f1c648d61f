"""The two loops over a batch of words that nearly every word takes and no other: packing it, and emitting its ids.

The first packs a word into two registers, chooses its bucket and prefetches it, so that it is near when the second comes to
it, a batch later. The second compares the word with both entries of its bucket, and copies 16 bytes of ids whatever
their number: no branch depends on which of the two it is, nor on how many ids it has. Both are functions of their own, so
that what they need stays in registers.
"""

from typing import Any

import numpy as np

from pairloom.operators.encode.kernels.state import (
    ARENA_AT,
    BATCH,
    LONG_AT,
    LONG_BITS,
    PLAN_AT,
    SHORT_AT,
    SHORT_MASK,
    find_entry,
)
from pairloom.operators.encode.kernels.table import bucket_hash, hash_long, high_of, low_of, pack_at_end
from pairloom.operators.kernels.avx512 import first_bytes, masked_loads
from pairloom.operators.kernels.jit import copy_16, inner, load_u8, load_u64, opaque, prefetch, store_u64
from pairloom.operators.kernels.simd import halves_equal

__all__ = ["emit_by", "next_stop", "place_long_words", "plan_words"]


@inner
def plan_words(state: Any, data: int, limit: int, position: int, ends: int, count: int) -> Any:
    """Pack `count` words, whose ends are at the address `ends`, into the plan: 24 bytes a word.

    These are `low`, `high` and where in the table its bucket begins; for a word of 16 bytes or more its hash, and zeros. The
    first begins at `position`; 16 bytes can be read from addresses up to `limit`. Returns the end of the list of addresses of the
    steps of these long words, which begins behind the plan.
    """
    step = state[PLAN_AT]
    table, mask = state[SHORT_AT], state[SHORT_MASK]
    slots, shift = state[LONG_AT], np.uint64(64 - state[LONG_BITS])
    # The steps of long words, in what the plan leaves free.
    longs = long = step + 24 * BATCH
    word = data + position
    for i in range(count):
        end = data + np.int64(load_u64(ends + (i << 3)))
        length = end - word
        if length <= 15:
            if masked_loads():
                low, high = first_bytes(word, length)
                high |= np.uint64(length) << np.uint64(56)
            elif word <= limit:
                low = low_of(word, length)
                high = high_of(word, length)
            else:
                low, high = pack_at_end(word, length)
            bucket = (np.int64(bucket_hash(low, high)) & mask) << 6
            store_u64(step, low)
            store_u64(step + 8, high)
            store_u64(step + 16, np.uint64(bucket))
            prefetch(table + bucket)
        else:
            hashed = hash_long(word, length)
            store_u64(step, hashed)
            store_u64(step + 8, np.uint64(0))
            store_u64(step + 16, np.uint64(0))
            prefetch(slots + (np.int64(hashed >> shift) << 4))
            store_u64(long, np.uint64(step))
            long += 8
        step += 24
        word = end
    while longs < long:
        hashed = load_u64(np.int64(load_u64(longs)))
        slot = slots + (np.int64(hashed >> shift) << 4)
        if load_u64(slot) == hashed:
            record = state[ARENA_AT] + np.int64(load_u64(slot + 8))
            prefetch(record - 32)
            prefetch(record + 32)
        longs += 8
    return long


@inner
def place_long_words(state: Any, data: int, position: int, ends: int, last: int) -> None:
    """Have the steps of long words that the table holds say where their entries are, as those of short ones say it.

    `last` is what `plan_words` returned. A word that is not held keeps its zeros.
    """
    plan = state[PLAN_AT]
    for longs in range(plan + 24 * BATCH, last, 8):
        step = np.int64(load_u64(longs))
        end = ends + ((step - plan) // 24 << 3)
        start = position if step == plan else np.int64(load_u64(end - 8))
        length = np.int64(load_u64(end)) - start
        entry = find_entry(state, load_u64(step), data + start, length)[1]
        if entry:
            store_u64(step + 8, np.uint64(length))
            store_u64(step + 16, np.uint64(entry - state[SHORT_AT]))


@inner
def next_stop(ends: int, done: int, count: int, cut: int) -> Any:
    """The word after the first one from `done` on with which a segment ends; `count` where none of the batch does.

    `ends` is the address of the words' ends, and `cut` where the segment ends.
    """
    if np.int64(load_u64(ends + (count << 3) - 8)) < cut:
        return count
    while np.int64(load_u64(ends + (done << 3))) < cut:
        done += 1
    return min(done + 1, count)


def emit_by(pieces: bool) -> Any:
    """`emit_known`, where pieces of text are cut into words and where they are not."""

    def emit_known(
        plan: int, done: int, stop: int, table: int, width: int, out: int, goes_on: int, piece_ends: int
    ) -> Any:
        """Write the ids of the planned words from `done` up to `stop`, or the first that its bucket does not hold with its ids.

        Returns (which word that is, the new end of the output, how many of the words are marked, the new end of `piece_ends`).
        There the addresses are added at which the ids of pieces end; `goes_on` is the address of whether pieces go on after
        each word of the batch.
        """
        step = plan + 24 * done
        last = plan + 24 * stop
        marked = np.int64(0)
        goes_on += done
        while step < last:
            entry = table + np.int64(load_u64(step + 16))
            same = halves_equal(entry, step)
            entry += opaque(np.int64(same & np.int64(15) != np.int64(15)) << 5)
            tag = load_u64(entry + 8)
            count = np.int64(tag >> np.uint64(60)) & 7
            if (same & 15 != 15) & (same & 240 != 240) | (count == 0):
                break
            copy_16(entry + 16, out)
            out += count << width
            if pieces:
                # Where pieces end cannot be guessed: each word is taken for one, and counted where it is.
                store_u64(piece_ends, np.uint64(out))
                piece_ends += (1 - np.int64(load_u8(goes_on))) << 3
                goes_on += 1
            marked += np.int64(tag >> np.uint64(63))
            step += 24
        return (step - plan) // 24, out, marked, piece_ends

    # Two of one name would be one to a process that loads both from disk; see `block_by`.
    emit_known.__qualname__ += "_of_pieces" if pieces else "_of_words"
    return inner(emit_known)
