"""The loop of the kernel that turns pretokens into ids, for a family's way to encode a word.

The words of a batch of `BATCH` pretokens are packed, and those emitted that the table holds as most are held (`batch.py`); one
that is not, or with which a piece or a document ends, is taken by itself here. A word that the table does not hold is
encoded and put there, marked as one that the table did not begin with: words that the memo does not know are counted,
however often they have come by then. Between documents, `append` and `prepend` are written, and the list's offset and the
counts of words so far are noted.

A family binds the loop to its words in a module of five lines, whose kernel is what is called, and what is kept on disk:

    _encode_block = block_by(encode_word)

    @kernel
    def encode_block(data: int, size: int, at: int, total: int, tables: Any, joins: Any, state: Any) -> Any:
        return _encode_block(data, size, at, total, tables, joins, state)

The loop itself closes over `encode_word`, so that the two are compiled as one, under a name of the family's own; numba keeps
no function on disk that does so, and none that is handed another as an argument.
"""

from typing import Any

import numpy as np

from pairloom.operators.encode.kernels.batch import emit_by, next_stop, place_long_words, plan_words
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
    JOINED_SEEN,
    JOINED_TEXT_AT,
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
    keep_long,
    keep_short,
    open_cut,
    open_documents,
)
from pairloom.operators.encode.kernels.table import find_short
from pairloom.operators.kernels.jit import copy_16, inner, load_u8, load_u64, store_u64

__all__ = ["block_by", "keep_tokens"]


@inner
def keep_tokens(
    _held: int,
    out: int,
    _seen: int,
    _width: int,
    _joins: Any,
    _scratch: int,
    _ends: int,
    _last: int,
    _text: int,
    _whole: int,
) -> Any:
    """The `join_tokens` of a family whose tokens stay inside words: nothing is put together."""
    return out, out, np.int64(0)


def block_by(encode_word: Any, join_tokens: Any = keep_tokens, *, carries: bool = False) -> Any:
    """The kernel's loop for words that `encode_word` encodes; both are `@inner` functions.

    `encode_word(start, length, tables, scratch)` encodes the `length` bytes at the address `start`, leaves the ids as uint32
    from the address `scratch` on, and returns (how many ids, how many bytes had no token and were left out). `tables` are the
    numbers of `WordKernel`. Where something that `carries` over from one word to the next may decide about ids,
    `encode_word(state, data, start, length, tables)` is given the loop's state, and the address of the text; of a word that is
    to be encoded anew each time it says that -1 bytes had no token.

    With a `join_tokens`, pieces of text are cut into words (`GOES_ON_AT`). After each batch,
    `join_tokens(held, out, seen, width, joins, scratch, ends, last, text, whole)` is called, with ids, `2^width` bytes each, from
    the address `held` up to `out`; pieces end at the addresses held from `ends` up to `last`. It returns where those begin
    that it wants to be given again with what follows, where all end then, and a number that it is given with them; a piece
    that ends leaves nothing.
    """
    pieces = join_tokens is not keep_tokens
    emit_known = emit_by(pieces)

    def of_family(function: Any) -> Any:
        # Two families whose tables have one shape would have symbols of one name in what is kept on disk, and a process that
        # loads both would run the one's words by the other's loop.
        bound = (encode_word.py_func.__module__.replace(".", "_"), join_tokens.py_func.__name__)
        function.__qualname__ = "_".join((function.__qualname__, *bound))
        return inner(function)

    @of_family
    def encode_alone(state: Any, data: int, start: int, length: int, tables: Any) -> Any:
        return encode_word(start, length, tables, state[SCRATCH_AT])

    encode = encode_word if carries else encode_alone

    @of_family
    def miss_short(
        state: Any, data: int, low: Any, high: Any, start: int, length: int, out: int, tables: Any
    ) -> Any:
        count, missing = encode(state, data, start, length, tables)
        return keep_short(state, low, high, out, count, missing)

    @of_family
    def long_word(state: Any, data: int, hashed: Any, start: int, length: int, out: int, tables: Any) -> Any:
        place, end = emit_long(state, hashed, start, length, out)
        if end:
            return end
        count, missing = encode(state, data, start, length, tables)
        return keep_long(state, place, hashed, start, length, out, count, missing)

    @of_family
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
        held, seen = state[JOINED], state[JOINED_SEEN]
        # Room for a batch of addresses, behind the plan.
        piece_ends = plan + 32 * BATCH
        status = DONE
        while piece < total and status == DONE:
            batch = min(np.int64(BATCH), total - piece)
            ends = at + (piece << 3)
            goes_on = state[GOES_ON_AT] + piece
            longs = plan_words(state, data, limit, position, ends, batch)
            place_long_words(state, data, position, ends, longs)
            done = noted = skipped = unknown = np.int64(0)
            stop = np.int64(0)
            last = piece_ends
            while done < batch and status == DONE:
                if stop <= done:
                    stop = next_stop(ends, done, batch, cut)
                start = done
                if skip == 0:
                    done, out, new, last = emit_known(plan, done, stop, table, width, out, goes_on, last)
                    unknown += new
                    if done > start:
                        position = np.int64(load_u64(ends + (done << 3) - 8))
                if done < stop:
                    step = plan + 24 * done
                    end = np.int64(load_u64(ends + (done << 3)))
                    low = load_u64(step)
                    high = load_u64(step + 8)
                    if skip == 0 and high == np.uint64(0) and end - position > state[SCRATCH_LONGEST]:
                        status = NEED_SCRATCH
                        state[SCRATCH_LONGEST] = end - position
                    else:
                        if skip:
                            skipped += 1
                        elif high != np.uint64(0):
                            entry = find_short(table, np.int64(load_u64(step + 16)), mask, low, high)
                            if entry == 0:
                                out = miss_short(
                                    state, data, low, high, data + position, end - position, out, tables
                                )
                                if state[SHORT_USED] >= state[SHORT_LIMIT] and state[SHORT_LIMIT]:
                                    status = GROW_SHORT
                            else:
                                tag = load_u64(entry + 8)
                                count = np.int64(tag >> np.uint64(60)) & MOST_INLINE
                                unknown += np.int64(tag >> np.uint64(63))
                                if count == 0:
                                    out = emit_spilled(arena, width, entry, out)
                                else:
                                    copy_16(entry + 16, out)
                                    out += count << width
                        else:
                            out = long_word(state, data, low, data + position, end - position, out, tables)
                            if state[LONG_LIMIT] and (
                                state[LONG_USED] >= state[LONG_LIMIT]
                                or state[ARENA_USED] > state[ARENA_SIZE] - 4096
                            ):
                                status = GROW_LONG
                        if pieces and skip == 0:
                            store_u64(last, np.uint64(out))
                            last += (1 - np.int64(load_u8(goes_on + done))) << 3
                        position = end
                        done += 1
                ended = position >= cut
                if pieces and (ended or done == batch or status != DONE):
                    scratch, text, whole = state[SCRATCH_AT], state[JOINED_TEXT_AT], state[WHOLE_AT]
                    held, out, seen = join_tokens(
                        held, out, seen, width, joins, scratch, piece_ends, last, text, whole
                    )
                    last = piece_ends
                if ended:
                    state[LOOKUPS] += done - noted - skipped
                    state[UNKNOWN] += unknown
                    noted = done
                    skipped = unknown = np.int64(0)
                    state[OUT] = out
                    open_documents(state, position, False)
                    out = state[OUT]
                    skip = state[SKIP]
                    cut = open_cut(state)
                    held = out
            piece += done
            state[LOOKUPS] += done - noted - skipped
            state[UNKNOWN] += unknown
        state[PIECE] = piece
        state[POSITION] = position
        state[OUT] = out
        state[JOINED], state[JOINED_SEEN] = held, seen
        return status

    return encode_block
