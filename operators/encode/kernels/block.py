"""The loop of the kernel that turns pretokens into ids, for a family's way to encode a word.

For each batch of `BATCH` pretokens, the first loop packs every word into two registers, chooses its bucket and
prefetches it; the second compares, and copies 16 bytes of ids whatever their number. A word that the table does not
hold is encoded and put there, marked as one that the table did not begin with: words that the memo does not know are
counted, however often they have come by then. Between documents, `append` and `prepend` are written and the list's offset
is noted.

A family binds the loop to its words in a module of five lines, whose kernel is what is called, and what is kept on disk:

    _encode_block = block_by(encode_word)

    @kernel
    def encode_block(data: int, size: int, at: int, total: int, tables: Any, joins: Any, state: Any) -> Any:
        return _encode_block(data, size, at, total, tables, joins, state)

The loop itself closes over `encode_word`, so that the two are compiled as one; numba keeps no function on disk that does so,
and none that is handed another as an argument.
"""

from typing import Any

import numpy as np

from pairloom.operators.encode.kernels.state import (
    ARENA_AT,
    ARENA_SIZE,
    ARENA_USED,
    BATCH,
    DONE,
    GOES_ON_AT,
    GROW_LONG,
    GROW_SHORT,
    JOINED,
    JOINED_FROM,
    LONG_AT,
    LONG_BITS,
    LONG_LIMIT,
    LONG_USED,
    LOOKUPS,
    MOST_INLINE,
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
    WHOLE_AT,
    WIDTH,
    emit_long,
    emit_spilled,
    find_further,
    keep_long,
    keep_short,
    open_cut,
    open_documents,
)
from pairloom.operators.encode.kernels.table import bucket_hash, hash_long, high_of, low_of, pack_at_end
from pairloom.operators.kernels.jit import copy_16, inner, load_u8, load_u64, opaque, prefetch, store_u64

__all__ = ["block_by", "keep_tokens"]


@inner
def keep_tokens(
    _first: int, out: int, _width: int, _joins: Any, _scratch: int, _word: int, _length: int, _whole: int
) -> Any:
    """The `join_tokens` of a family whose tokens stay inside words: nothing is put together."""
    return out


def block_by(encode_word: Any, join_tokens: Any = keep_tokens) -> Any:
    """The kernel's loop for words that `encode_word` encodes; both are `@inner` functions.

    `encode_word(start, length, tables, scratch)` encodes the `length` bytes at the address `start`, leaves the ids as uint32
    from the address `scratch` on, and returns (how many ids, how many bytes had no token and were left out). `tables` are the
    numbers of `WordKernel`.

    Where pieces of text are cut into words (`GOES_ON_AT`), `join_tokens(first, out, width, joins, scratch, word, length, whole)`
    is called at the end of each piece, which is the `length` bytes at the address `word`: its ids, `2^width` bytes each, are
    those from the address `first` up to `out`; it returns where they end then.
    """

    @inner
    def miss_short(state: Any, low: Any, high: Any, start: int, length: int, out: int, tables: Any) -> Any:
        count, missing = encode_word(start, length, tables, state[SCRATCH_AT])
        return keep_short(state, low, high, out, count, missing)

    @inner
    def long_word(state: Any, hashed: Any, start: int, length: int, out: int, tables: Any) -> Any:
        place, end = emit_long(state, hashed, start, length, out)
        if end:
            return end
        count, missing = encode_word(start, length, tables, state[SCRATCH_AT])
        return keep_long(state, place, hashed, start, length, out, count, missing)

    @inner
    def encode_block(data: int, size: int, at: int, total: int, tables: Any, joins: Any, state: Any) -> Any:
        # The `total` pretokens of one block, whose ends are int64 at the address `at`; `data` is the address of `size` bytes of
        # text. The output has room for one id a byte of the block, for what is put around the documents that end in it, and 16
        # bytes more.
        limit = data + size - 16
        plan = state[PLAN_AT]
        width = state[WIDTH]
        table = state[SHORT_AT]
        mask = state[SHORT_MASK] << 6
        arena = state[ARENA_AT]
        piece = state[PIECE]
        position = state[POSITION]
        out = state[OUT]
        cut = open_cut(state)
        skip = state[SKIP]
        goes_on = state[GOES_ON_AT]
        status = DONE
        while piece < total and status == DONE:
            batch = min(np.int64(BATCH), total - piece)
            low_end = position
            step = plan
            for i in range(batch):
                high_end = np.int64(load_u64(at + ((piece + i) << 3)))
                length = high_end - low_end
                word = data + low_end
                if length <= 15:
                    if word <= limit:
                        low = low_of(word, length)
                        high = high_of(word, length)
                    else:
                        low, high = pack_at_end(word, length)
                    bucket = (np.int64(bucket_hash(low, high)) << 6) & mask
                    store_u64(step, low)
                    store_u64(step + 8, high)
                    store_u64(step + 16, np.uint64(bucket))
                    prefetch(table + bucket)
                else:
                    hashed = hash_long(word, length)
                    store_u64(step, hashed)
                    store_u64(step + 8, np.uint64(0))
                    if state[LONG_LIMIT]:
                        prefetch(state[LONG_AT] + (np.int64(hashed >> np.uint64(64 - state[LONG_BITS])) << 4))
                step += 24
                low_end = high_end
            done = skipped = unknown = np.int64(0)
            while done < batch and status == DONE:
                step = plan + 24 * done
                end = np.int64(load_u64(at + ((piece + done) << 3)))
                low = load_u64(step)
                high = load_u64(step + 8)
                if skip:
                    skipped += 1
                elif high != np.uint64(0):
                    bucket = table + np.int64(load_u64(step + 16))
                    # Which of the two slots it is cannot be guessed, so it is computed and not branched upon.
                    first = (load_u64(bucket) ^ low) | ((load_u64(bucket + 8) ^ high) << np.uint64(4))
                    entry = bucket + opaque(np.int64(first != np.uint64(0)) << 5)
                    tag = load_u64(entry + 8)
                    if (load_u64(entry) ^ low) | ((tag ^ high) << np.uint64(4)) != np.uint64(0):
                        entry = np.int64(0)
                        if load_u64(bucket + 40) != np.uint64(0):
                            entry = find_further(table, bucket - table, mask, low, high)
                        if entry == 0:
                            out = miss_short(state, low, high, data + position, end - position, out, tables)
                            if state[SHORT_USED] >= state[SHORT_LIMIT] and state[SHORT_LIMIT]:
                                status = GROW_SHORT
                        else:
                            tag = load_u64(entry + 8)
                    if entry:
                        count = np.int64(tag >> np.uint64(60)) & MOST_INLINE
                        unknown += np.int64(tag >> np.uint64(63))
                        if count == 0:
                            out = emit_spilled(arena, width, entry, out)
                        else:
                            copy_16(entry + 16, out)
                            out += count << width
                else:
                    if end - position > state[SCRATCH_LONGEST]:
                        status = NEED_SCRATCH
                        state[SCRATCH_LONGEST] = end - position
                        break
                    out = long_word(state, low, data + position, end - position, out, tables)
                    if state[LONG_LIMIT] and (
                        state[LONG_USED] >= state[LONG_LIMIT] or state[ARENA_USED] > state[ARENA_SIZE] - 4096
                    ):
                        status = GROW_LONG
                position = end
                done += 1
                if goes_on and load_u8(goes_on + piece + done - 1) == np.uint8(0):
                    start, held = state[JOINED_FROM], state[JOINED]
                    scratch, whole = state[SCRATCH_AT], state[WHOLE_AT]
                    out = join_tokens(held, out, width, joins, scratch, data + start, end - start, whole)
                    state[JOINED], state[JOINED_FROM] = out, end
                if end >= cut:
                    state[OUT] = out
                    open_documents(state, position, False)
                    out = state[OUT]
                    skip = state[SKIP]
                    cut = open_cut(state)
                    state[JOINED] = out
            piece += done
            state[LOOKUPS] += done - skipped
            state[UNKNOWN] += unknown
        state[PIECE] = piece
        state[POSITION] = position
        state[OUT] = out
        return status

    return encode_block
