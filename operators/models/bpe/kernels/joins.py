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
    signed,
    store_u16,
    store_u32,
)
from pairloom.operators.models.bpe.kernels.linear import encode_linear
from pairloom.operators.models.bpe.kernels.word import NO_RANK, pair_rank

__all__ = ["MOST_RUN", "cut_words", "fill_cuts", "fill_seams", "first_joined", "join_tokens"]

Int = int | np.int64

MOST_RUN = 32
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
    from. Writes the ends of words to `finer` (int64) until that is full, and to `goes_on` (uint8) whether the piece goes on
    after them; returns how many. None are left where it returns 0.
    """
    table = address(cuts)
    piece, at = state[PIECE], state[PLACE]
    count, room = signed(0), len(finer)
    while piece < len(ends) and count < room:
        end = ends[piece]
        if at < end:
            before = np.int64(load_u8(data + at)) << 8
            at += 1
            while at < end and count < room - 1:
                # Where words end cannot be guessed: each byte is taken for an end, and counted where it is one.
                byte = np.int64(load_u8(data + at))
                finer[count] = at
                goes_on[count] = 1
                count += signed(load_u8(table + (before | byte)))
                before = byte << 8
                at += 1
            if at < end:
                at -= 1
                break
        finer[count] = end
        goes_on[count] = 0
        count += 1
        piece += 1
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
def _merge_run(ids: Int, count: Int, slots: Int, mask: Int, shift: Int, products: Int) -> Any:
    # Merge `count` <= MOST_RUN ids (uint32 from `ids` on), the ranks of whose pairs go behind them; how many are left.
    ranks = ids + 4 * MOST_RUN
    none = np.uint32(NO_RANK)
    for i in range(count - 1):
        left, right = np.int64(load_u32(ids + (i << 2))), np.int64(load_u32(ids + (i << 2) + 4))
        store_u32(ranks + (i << 2), pair_rank(slots, mask, shift, left, right))
    while count > 1:
        best, place = none, np.int64(0)
        for i in range(count - 1):
            rank = load_u32(ranks + (i << 2))
            if rank < best:
                best, place = rank, np.int64(i)
        if best == none:
            break
        product = np.int64(load_u32(products + (np.int64(best) << 2)))
        store_u32(ids + (place << 2), np.uint32(product))
        count -= 1
        for i in range(place + 1, count):
            store_u32(ids + (i << 2), load_u32(ids + (i << 2) + 4))
            store_u32(ranks + (i << 2) - 4, load_u32(ranks + (i << 2)))
        if place > 0:
            left = np.int64(load_u32(ids + (place << 2) - 4))
            store_u32(ranks + (place << 2) - 4, pair_rank(slots, mask, shift, left, product))
        if place < count - 1:
            right = np.int64(load_u32(ids + (place << 2) + 4))
            store_u32(ranks + (place << 2), pair_rank(slots, mask, shift, product, right))
    return count


@inner
def join_tokens(
    first: Int, out: Int, width: Int, joins: Any, scratch: Int, word: Int, length: Int, whole: Int
) -> Any:
    """Make the late merges in the early tokens of one piece, ids from the address `first` up to `out`; the new end.

    An id takes `2^width` bytes. `joins` is `JoinTable.addresses`, `scratch` the address of 8 * MOST_RUN bytes. The piece is the
    `length` bytes at `word`, and `whole` the scratch that `encode_linear` needs for it.
    """
    seams, seam_shift, slots, mask, shift, products = joins[:6]
    read = write = first
    step = np.int64(1) << width
    while read < out:
        stop = read + step
        last = _load_id(read, width)
        run = np.int64(1)
        store_u32(scratch, np.uint32(last))
        while stop < out:
            following = _load_id(stop, width)
            place = _seam(last, following, seam_shift)
            if load_u64(seams + ((place >> 6) << 3)) >> np.uint64(place & 63) & np.uint64(1) == np.uint64(0):
                break
            if run < MOST_RUN:
                store_u32(scratch + (run << 2), np.uint32(following))
            last = following
            run += 1
            stop += step
        if run > MOST_RUN:
            count = encode_linear(word, length, joins[6:], whole)
            for i in range(count):
                _store_id(first + (i << width), width, np.int64(load_u32(whole + (i << 2))))
            return first + (count << width)
        if run > 1:
            run = _merge_run(scratch, run, slots, mask, shift, products)
        for i in range(run):
            _store_id(write, width, np.int64(load_u32(scratch + (i << 2))))
            write += step
        read = stop
    return write
