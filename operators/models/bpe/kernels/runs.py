"""Joining the tokens of words: the late merges of a vocabulary, in the runs of tokens that they could join; see `joins.py`.

Tokens are taken 64 at a time, and what can be said of a window is said at once, in masks whose bit `i` speaks of token `i`:
whether a late token may have a seam behind it, whether a piece ends there, whether a run begins, whether it is gone. Runs of
two to four tokens, nearly all of them, are joined without a branch that depends on the text.
"""

from typing import Any

import numpy as np

from pairloom.operators.kernels.avx512 import (
    PAIR_FACTORS,
    gathers_bits,
    pairs_set_16,
    pairs_set_32,
    presses_lanes,
    store_kept_16,
    store_kept_32,
)
from pairloom.operators.kernels.jit import (
    inner,
    load_u8,
    load_u16,
    load_u32,
    load_u64,
    minimum_16,
    opaque,
    store_u8,
    store_u16,
    store_u32,
    store_u64,
    trailing_zeros,
)
from pairloom.operators.kernels.simd import leading_zeros, population
from pairloom.operators.models.bpe.kernels.linear import encode_linear
from pairloom.operators.models.bpe.kernels.word import NO_RANK, pair_rank

__all__ = ["MOST_RUN", "join_tokens", "seam"]

Int = int | np.int64

MOST_RUN = 32
_WINDOW = 64
_LEFT, _RIGHT = PAIR_FACTORS
_0 = np.uint64(0)
_1 = np.uint64(1)
_NONE = np.uint32(NO_RANK)


@inner
def seam(left: Int, right: Int, shift: Int) -> Any:
    """Which bit of the filter speaks of two tokens side by side; `shift` is 32 less its bits, as of `pairs_set_16`."""
    mixed = np.uint64(left) * np.uint64(_LEFT) + np.uint64(right) * np.uint64(_RIGHT)
    return np.int64((mixed & np.uint64(0xFFFFFFFF)) >> np.uint64(shift))


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
def _may_join(seams: Int, shift: Int, left: Int, right: Int) -> Any:
    # 1 where some late token may have a seam between the two, else 0.
    place = seam(left, right, shift)
    return (load_u64(seams + ((place >> 6) << 3)) >> np.uint64(place & 63)) & _1


@inner
def _seams_between(first: Int, count: Int, width: Int, seams: Int, shift: Int) -> Any:
    # Bit `i`: whether the tokens `i` and `i` + 1 of those from `first` on may be joined.
    found = _0
    if gathers_bits():
        for i in range(0, count - 1, 16):
            some = (_1 << np.uint64(min(np.int64(16), count - 1 - i))) - _1
            if width == 1:
                set_ = pairs_set_16(first + (i << 1), some, seams, shift)
            else:
                set_ = pairs_set_32(first + (i << 2), some, seams, shift)
            found |= set_ << np.uint64(i)
        return found
    left = _load_id(first, width)
    for i in range(1, count):
        right = _load_id(first + (i << width), width)
        found |= _may_join(seams, shift, left, right) << np.uint64(i - 1)
        left = right
    return found


@inner
def _chosen(flag: Int, one: Int, other: Int) -> Any:
    return other ^ ((one ^ other) & -flag)


@inner
def _merged(left: Int, right: Int, slots: Int, mask: Int, shift: Int, products: Int) -> Any:
    # (rank of the two, 1 if they have one, what they make).
    rank = pair_rank(slots, mask, shift, left, right)
    made = opaque(np.int64(rank != _NONE))
    return np.int64(rank), made, np.int64(load_u32(products + ((np.int64(rank) & -made) << 2)))


@inner
def _join_two(place: Int, width: Int, slots: Int, mask: Int, shift: Int, products: Int) -> Any:
    # Join the two ids at an address; returns which of the two is gone then, as a mask.
    left, right = _load_id(place, width), _load_id(place + (1 << width), width)
    _, made, product = _merged(left, right, slots, mask, shift, products)
    _store_id(place, width, _chosen(made, product, left))
    return np.uint64(made) << _1


@inner
def _joined_three(
    first: Int, second: Int, third: Int, slots: Int, mask: Int, shift: Int, products: Int
) -> Any:
    # (the first id then, the second, 1 if two are left at most, 1 if one is).
    rank, made, product = _merged(first, second, slots, mask, shift, products)
    later_rank, later_made, later = _merged(second, third, slots, mask, shift, products)
    leads = opaque(np.int64(rank <= later_rank))
    made |= later_made
    left = _chosen(leads, product, first)
    right = _chosen(leads, third, later)
    _, all_made, whole = _merged(left, right, slots, mask, shift, products)
    all_made &= made
    left = _chosen(all_made, whole, _chosen(made, left, first))
    return left, _chosen(made, right, second), made, all_made


@inner
def _join_three(place: Int, width: Int, slots: Int, mask: Int, shift: Int, products: Int) -> Any:
    # As `_join_two`, of three; ids that are left stand before those that are gone.
    step = 1 << width
    first, second = _load_id(place, width), _load_id(place + step, width)
    third = _load_id(place + 2 * step, width)
    first, second, made, all_made = _joined_three(first, second, third, slots, mask, shift, products)
    _store_id(place, width, first)
    _store_id(place + step, width, second)
    return np.uint64((made << 2) | (all_made << 1))


@inner
def _join_four(place: Int, width: Int, slots: Int, mask: Int, shift: Int, products: Int) -> Any:
    # As `_join_three`, of four: the pair of the lowest rank first, which leaves three.
    step = 1 << width
    first, second = _load_id(place, width), _load_id(place + step, width)
    third, fourth = _load_id(place + 2 * step, width), _load_id(place + 3 * step, width)
    rank, made, product = _merged(first, second, slots, mask, shift, products)
    rank_2, made_2, product_2 = _merged(second, third, slots, mask, shift, products)
    rank_3, made_3, product_3 = _merged(third, fourth, slots, mask, shift, products)
    made |= made_2 | made_3
    leads = opaque(np.int64(rank <= min(rank_2, rank_3)))
    trails = opaque(np.int64(rank_3 < min(rank, rank_2)))
    left = _chosen(leads, product, first)
    middle = _chosen(leads, third, _chosen(trails, second, product_2))
    right = _chosen(trails, product_3, fourth)
    left, middle, again, all_made = _joined_three(left, middle, right, slots, mask, shift, products)
    again &= made
    all_made &= made
    _store_id(place, width, _chosen(made, left, first))
    _store_id(place + step, width, _chosen(made, middle, second))
    _store_id(place + 2 * step, width, _chosen(made, right, third))
    return np.uint64((made << 3) | (again << 2) | (all_made << 1))


@inner
def _key(rank: Any, place: Int) -> Any:
    return np.uint32(min((np.uint64(rank) << np.uint64(5)) | np.uint64(place), np.uint64(NO_RANK)))


@inner
def _merge_run(ids: Int, count: Int, slots: Int, mask: Int, shift: Int, products: Int) -> Any:
    # Merge `count` <= MOST_RUN ids (uint32 from `ids` on), the keys of whose pairs go behind them, `rank << 5 | place`. Ids stay
    # where they are; returns the mask of those that are left.
    keys = ids + 4 * MOST_RUN
    for i in range(0, 4 * MOST_RUN, 8):
        store_u64(keys + i, np.uint64(0xFFFFFFFFFFFFFFFF))
    left = np.int64(load_u32(ids))
    for i in range(count - 1):
        right = np.int64(load_u32(ids + (i << 2) + 4))
        store_u32(keys + (i << 2), _key(pair_rank(slots, mask, shift, left, right), i))
        left = right
    kept = (_1 << np.uint64(count)) - _1
    while True:
        best = minimum_16(keys) if count <= 17 else min(minimum_16(keys), minimum_16(keys + 64))
        if best == _NONE:
            return kept
        place = np.int64(best & np.uint32(31))
        product = np.int64(load_u32(products + (np.int64(best >> np.uint32(5)) << 2)))
        gone = place + 1 + np.int64(trailing_zeros(kept >> np.uint64(place + 1)))
        kept &= ~(_1 << np.uint64(gone))
        store_u32(ids + (place << 2), np.uint32(product))
        store_u32(keys + (gone << 2), _NONE)
        key = _NONE
        beyond = kept >> np.uint64(place + 1)
        if beyond != _0:
            right = np.int64(load_u32(ids + ((place + 1 + np.int64(trailing_zeros(beyond))) << 2)))
            key = _key(pair_rank(slots, mask, shift, product, right), place)
        store_u32(keys + (place << 2), key)
        before = kept & ((_1 << np.uint64(place)) - _1)
        if before != _0:
            front = 63 - leading_zeros(before)
            left = np.int64(load_u32(ids + (front << 2)))
            store_u32(keys + (front << 2), _key(pair_rank(slots, mask, shift, left, product), front))


@inner
def _join_run(
    place: Int, count: Int, width: Int, scratch: Int, slots: Int, mask: Int, shift: Int, products: Int
) -> Any:
    # As `_join_two`, of up to MOST_RUN ids.
    for i in range(count):
        store_u32(scratch + (i << 2), np.uint32(_load_id(place + (i << width), width)))
    kept = _merge_run(scratch, count, slots, mask, shift, products)
    for i in range(count):
        _store_id(place + (i << width), width, np.int64(load_u32(scratch + (i << 2))))
    return ~kept & ((_1 << np.uint64(count)) - _1)


@inner
def _join_long(place: Int, count: Int, write: Int, width: Int, tables: Any, text: Int, whole: Int) -> Any:
    # Encode anew what `count` ids spell, to the address `write`; returns how many ids that are. No merge crosses the ends of a
    # run, so it has the same tokens by itself.
    data, offsets = tables[6:8]
    length = np.int64(0)
    for i in range(count):
        token = offsets + (_load_id(place + (i << width), width) << 3)
        start = np.int64(load_u64(token))
        for k in range(np.int64(load_u64(token + 8)) - start):
            store_u8(text + length, load_u8(data + start + k))
            length += 1
    left = encode_linear(text, length, tables[8:], whole)
    for i in range(left):
        _store_id(write + (i << width), width, np.int64(load_u32(whole + (i << 2))))
    return left


@inner
def _pack(read: Int, count: Int, gone: Any, write: Int, width: Int) -> Any:
    # Copy those of `count` ids, a window of them at most, that are not gone; returns where they end.
    if presses_lanes():
        kept = ~gone & (np.uint64(0xFFFFFFFFFFFFFFFF) >> np.uint64(64 - count))
        each = np.int64(64) >> width
        for _ in range(0, count, each):
            now = kept & ((_1 << np.uint64(each)) - _1)
            if width == 1:
                store_kept_16(read, now, write)
            else:
                store_kept_32(read, now, write)
            kept >>= np.uint64(each)
            read += 64
            write += np.int64(population(now)) << width
        return write
    for i in range(count):
        _store_id(write, width, _load_id(read + (i << width), width))
        write += (np.int64(gone >> np.uint64(i)) & 1 ^ 1) << width
    return write


@inner
def join_tokens(
    held: Int,
    out: Int,
    seen: Int,
    width: Int,
    tables: Any,
    scratch: Int,
    ends: Int,
    last: Int,
    text: Int,
    whole: Int,
) -> Any:
    """Make the late merges in early tokens, ids from the address `held` up to `out`; returns (the new `held`, `out` and `seen`).

    An id takes `2^width` bytes. `tables` is `JoinTable.addresses`, `scratch` the address of 8 * MOST_RUN bytes. Pieces end at
    the addresses that are held from `ends` up to `last`. Tokens that what follows may be joined to are kept from
    the new `held` on, to be given again; where these are very many, those before `seen` are known to be one run.
    `text` is room for the longest piece, and `whole` the scratch that `encode_linear` needs for it.
    """
    seams, seam_shift, slots, mask, shift, products = tables[:6]
    step = np.int64(1) << width
    read = write = held
    while read < out:
        count = min((out - read) >> width, np.int64(_WINDOW))
        edge = read + (count << width)
        stops = _0
        while ends < last and np.int64(load_u64(ends)) <= edge:
            stops |= _1 << np.uint64(((np.int64(load_u64(ends)) - read) >> width) - 1)
            ends += 8
        links = _seams_between(read, count, width, seams, seam_shift) & ~stops
        done = count
        if (stops >> np.uint64(count - 1)) & _1 == _0:
            # The last run may go on behind the window.
            done = 64 - leading_zeros(~links & ((_1 << np.uint64(count - 1)) - _1))
        if done == 0:
            if count < _WINDOW:
                break
            at = max(seen, edge - step)
            token = _load_id(at, width)
            while at + step < out and not (ends < last and np.int64(load_u64(ends)) == at + step):
                following = _load_id(at + step, width)
                if _may_join(seams, seam_shift, token, following) == _0:
                    break
                token = following
                at += step
            ended = ends < last and np.int64(load_u64(ends)) == at + step
            seen = at
            if at + step >= out and not ended:
                break
            ends += 8 if ended else 0
            at += step
            write += _join_long(read, (at - read) >> width, write, width, tables, text, whole) << width
            read, seen = at, np.int64(0)
            continue
        links &= (_1 << np.uint64(done - 1)) - _1
        starts = links & ~(links << _1)
        gone = _0
        todo = starts & ~(links >> _1)
        while todo != _0:
            i = np.int64(trailing_zeros(todo))
            todo &= todo - _1
            gone |= _join_two(read + (i << width), width, slots, mask, shift, products) << np.uint64(i)
        starts &= links >> _1
        todo = starts & ~(links >> np.uint64(2))
        while todo != _0:
            i = np.int64(trailing_zeros(todo))
            todo &= todo - _1
            place = read + (i << width)
            gone |= _join_three(place, width, slots, mask, shift, products) << np.uint64(i)
        starts &= links >> np.uint64(2)
        todo = starts & ~(links >> np.uint64(3))
        while todo != _0:
            i = np.int64(trailing_zeros(todo))
            todo &= todo - _1
            place = read + (i << width)
            gone |= _join_four(place, width, slots, mask, shift, products) << np.uint64(i)
        todo = starts & (links >> np.uint64(3))
        while todo != _0:
            i = np.int64(trailing_zeros(todo))
            todo &= todo - _1
            run = np.int64(trailing_zeros(~(links >> np.uint64(i)))) + 1
            place = read + (i << width)
            if run <= MOST_RUN:
                lost = _join_run(place, run, width, scratch, slots, mask, shift, products)
                gone |= lost << np.uint64(i)
            else:
                left = _join_long(place, run, place, width, tables, text, whole)
                if left < run:
                    gone |= ((_1 << np.uint64(run - left)) - _1) << np.uint64(i + left)
        if gone != _0 or write < read:
            write = _pack(read, done, gone, write, width)
        else:
            write += done << width
        read += done << width
    kept = (out - read) >> width
    if write < read:
        _pack_all(read, kept, write, width)
        seen -= read - write
    return write, write + (kept << width), seen


@inner
def _pack_all(read: Int, count: Int, write: Int, width: Int) -> None:
    for i in range(count):
        _store_id(write + (i << width), width, _load_id(read + (i << width), width))
