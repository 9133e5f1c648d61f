"""Cutting pieces into words, and joining their tokens; see `models/bpe/joins.py`."""

from typing import Any

import numpy as np

from pairloom.operators.kernels.jit import (
    address,
    inner,
    kernel,
    load_u8,
    load_u16,
    load_u32,
    load_u64,
    minimum_16,
    opaque,
    signed,
    store_u16,
    store_u32,
    store_u64,
    trailing_zeros,
)
from pairloom.operators.kernels.simd import bytes_between, leading_zeros
from pairloom.operators.models.bpe.kernels.linear import encode_linear
from pairloom.operators.models.bpe.kernels.word import NO_RANK, pair_rank

__all__ = ["MOST_RUN", "ROOM", "cut_words", "fill_cuts", "fill_seams", "first_joined", "join_tokens"]

Int = int | np.int64

MOST_RUN = 32
ROOM = 64
_MIX = 0x9E3779B97F4A7C15
# What `state` of `cut_words` holds: the piece, and the position in the text.
PIECE, PLACE = 0, 1


@kernel
def first_joined(data: Any, offsets: Any, products: Any) -> int:
    """The first merge whose token has a space right after a letter of ASCII; the number of merges where there is none."""
    for k in range(len(products)):
        token = products[k]
        for i in range(offsets[token] + 1, offsets[token + 1]):
            letter = data[i - 1] | 32
            if data[i] == 32 and 97 <= letter <= 122:
                return k
    return len(products)


@kernel
def fill_cuts(data: Any, offsets: Any, products: Any, cuts: Any) -> None:
    """Clear the cuts between every two bytes that stand side by side in a token of `products`."""
    for k in range(len(products)):
        token = products[k]
        for i in range(offsets[token] + 1, offsets[token + 1]):
            cuts[np.int64(data[i - 1]) << 8 | np.int64(data[i])] = 0


@inner
def _seam(left: Int, right: Int, shift: Int) -> Any:
    key = (np.uint64(left) << np.uint64(21)) ^ np.uint64(right)
    return np.int64((key * np.uint64(_MIX)) >> np.uint64(shift))


@kernel
def fill_seams(late: Any, products: Any, tokens: int, seams: Any) -> None:
    """Set a bit of `seams` for every two early tokens that meet in a late one."""
    shift = 58
    while (1 << (64 - shift)) < 64 * len(seams):
        shift -= 1
    # The first and the last of the early tokens that each token is made of.
    heads = np.arange(tokens)
    tails = np.arange(tokens)
    for k in range(len(late)):
        left, right = late[k, 0], late[k, 1]
        heads[products[k]] = heads[left]
        tails[products[k]] = tails[right]
        place = _seam(tails[left], heads[right], shift)
        seams[place >> 6] |= np.uint64(1) << np.uint64(place & 63)


@kernel
def cut_words(data: int, ends: Any, cuts: Any, state: Any, finer: Any, goes_on: Any) -> int:
    """Cut pieces of text between bytes that no early token holds side by side.

    `data` is the address of the text, `ends` (int64) where its pieces end, `state` (int64[2]) where to go on
    from. Writes the ends of words to `finer` (int64), of which `ROOM` stay free at least, and to `goes_on` (uint8) whether the
    piece goes on after them; returns how many. None are left where it returns 0. Between small letters of ASCII it does not
    look for cuts, which are rare there.
    """
    table = address(cuts)
    piece, at = state[PIECE], state[PLACE]
    total = ends[len(ends) - 1]
    count, most = signed(0), len(finer) - ROOM
    while at < total and count <= most:
        # The 64 places from the one before byte `at + 1` on.
        width = min(np.int64(64), total - at)
        last = np.uint64(0)
        while piece < len(ends) and ends[piece] <= at + width:
            last |= np.uint64(1) << np.uint64(ends[piece] - at - 1)
            piece += 1
        if at + 65 <= total:
            small = bytes_between(data + at, 97, 26) & bytes_between(data + at + 1, 97, 26)
            todo = ~small | last
        else:
            todo = np.uint64(0xFFFFFFFFFFFFFFFF) >> np.uint64(64 - width)
        while todo != np.uint64(0):
            i = np.int64(trailing_zeros(todo))
            todo &= todo - np.uint64(1)
            # Where words end cannot be guessed: each place is taken for one, and counted where it is.
            place = at + i + 1
            ended = np.int64(last >> np.uint64(i)) & 1
            pair = np.int64(load_u8(data + at + i)) << 8 | np.int64(load_u8(data + min(place, total - 1)))
            finer[count] = place
            goes_on[count] = 1 - ended
            count += ended | signed(load_u8(table + pair))
        at += width
    state[PIECE], state[PLACE] = piece, at
    return count


@inner
def _load_id(place: Int, width: Int) -> Any:
    if width == 1:
        return np.int64(load_u16(place))
    return np.int64(load_u32(place))


@inner
def _store_id(place: Int, width: Int, token: Int) -> None:
    if width == 1:
        store_u16(place, np.uint16(token))
    else:
        store_u32(place, np.uint32(token))


@inner
def _may_join(seams: Int, shift: Int, left: Int, right: Int) -> bool:
    place = _seam(left, right, shift)
    return load_u64(seams + ((place >> 6) << 3)) >> np.uint64(place & 63) & np.uint64(1) != np.uint64(0)


@inner
def _key(rank: Any, place: Int) -> Any:
    return np.uint32(min((np.uint64(rank) << np.uint64(5)) | np.uint64(place), np.uint64(NO_RANK)))


@inner
def _merge_run(ids: Int, count: Int, slots: Int, mask: Int, shift: Int, products: Int) -> Any:
    # Merge `count` <= MOST_RUN ids (uint32 from `ids` on), the keys of whose pairs go behind them, `rank << 5 | place`. Ids stay
    # where they are; returns the mask of those that are left.
    keys = ids + 4 * MOST_RUN
    one, none = np.uint64(1), np.uint32(NO_RANK)
    for i in range(0, 4 * MOST_RUN, 8):
        store_u64(keys + i, np.uint64(0xFFFFFFFFFFFFFFFF))
    left = np.int64(load_u32(ids))
    for i in range(count - 1):
        right = np.int64(load_u32(ids + (i << 2) + 4))
        store_u32(keys + (i << 2), _key(pair_rank(slots, mask, shift, left, right), i))
        left = right
    kept = (one << np.uint64(count)) - one
    while True:
        best = minimum_16(keys) if count <= 17 else min(minimum_16(keys), minimum_16(keys + 64))
        if best == none:
            return kept
        place = np.int64(best & np.uint32(31))
        product = np.int64(load_u32(products + (np.int64(best >> np.uint32(5)) << 2)))
        gone = place + 1 + np.int64(trailing_zeros(kept >> np.uint64(place + 1)))
        kept &= ~(one << np.uint64(gone))
        store_u32(ids + (place << 2), np.uint32(product))
        store_u32(keys + (gone << 2), none)
        key = none
        beyond = kept >> np.uint64(place + 1)
        if beyond != np.uint64(0):
            right = np.int64(load_u32(ids + ((place + 1 + np.int64(trailing_zeros(beyond))) << 2)))
            key = _key(pair_rank(slots, mask, shift, product, right), place)
        store_u32(keys + (place << 2), key)
        before = kept & ((one << np.uint64(place)) - one)
        if before != np.uint64(0):
            front = 63 - leading_zeros(before)
            left = np.int64(load_u32(ids + (front << 2)))
            store_u32(keys + (front << 2), _key(pair_rank(slots, mask, shift, left, product), front))


@inner
def join_tokens(
    first: Int, out: Int, width: Int, joins: Any, scratch: Int, word: Int, length: Int, whole: Int
) -> Any:
    """Make the late merges in the early tokens of one piece, ids from the address `first` up to `out`; the new end.

    An id takes `2^width` bytes. `joins` is `JoinTable.addresses`, `scratch` the address of 8 * MOST_RUN bytes. The piece is the
    `length` bytes at `word`, and `whole` the scratch that `encode_linear` needs for it.
    """
    if first == out:
        return out
    seams, seam_shift, slots, mask, shift, products = joins[:6]
    step = np.int64(1) << width
    write, read = first, first + step
    last = _load_id(first, width)
    while True:
        joined = False
        following = last
        while read < out:
            following = _load_id(read, width)
            joined = _may_join(seams, seam_shift, last, following)
            if joined:
                break
            _store_id(write, width, last)
            write += step
            last = following
            read += step
        if not joined:
            _store_id(write, width, last)
            return write + step
        store_u32(scratch, np.uint32(last))
        run = np.int64(1)
        while joined:
            if run < MOST_RUN:
                store_u32(scratch + (run << 2), np.uint32(following))
            last = following
            run += 1
            read += step
            if read >= out:
                break
            following = _load_id(read, width)
            joined = _may_join(seams, seam_shift, last, following)
        if run == 2:
            # Nearly all runs, and whether the two are merged cannot be guessed: it is computed.
            left = np.int64(load_u32(scratch))
            rank = pair_rank(slots, mask, shift, left, last)
            apart = opaque(np.int64(rank == np.uint32(NO_RANK)))
            product = np.int64(load_u32(products + ((np.int64(rank) & (apart - 1)) << 2)))
            _store_id(write, width, left & -apart | product & (apart - 1))
            _store_id(write + step, width, last)
            write += step << apart
        elif run > MOST_RUN:
            count = encode_linear(word, length, joins[6:], whole)
            for i in range(count):
                _store_id(first + (i << width), width, np.int64(load_u32(whole + (i << 2))))
            return first + (count << width)
        else:
            kept = _merge_run(scratch, run, slots, mask, shift, products)
            while kept != np.uint64(0):
                _store_id(write, width, np.int64(load_u32(scratch + (np.int64(trailing_zeros(kept)) << 2))))
                write += step
                kept &= kept - np.uint64(1)
        if read >= out:
            return write
        last = following
        read += step
