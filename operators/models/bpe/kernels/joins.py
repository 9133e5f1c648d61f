"""Cutting pieces into words, and what joining their tokens looks up; see `models/bpe/joins.py`."""

from typing import Any

import numpy as np

from pairloom.operators.kernels.avx512 import looks_up_bytes, pairs_chosen
from pairloom.operators.kernels.jit import address, kernel, load_u8, signed, trailing_zeros
from pairloom.operators.kernels.simd import bytes_between, store_chosen, store_positions
from pairloom.operators.models.bpe.kernels.runs import seam

__all__ = ["LONGEST", "PLACE", "ROOM", "cut_words", "fill_cuts", "fill_seams", "first_joined"]

ROOM = 64
# What `state` of `cut_words` holds: the piece, the position in the text, where the piece begins, and how long the longest is of
# those that it has come to.
PIECE, PLACE, BEGUN, LONGEST = range(4)


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
    """Clear the cuts (uint8[65536]) between every two bytes that stand side by side in a token of `products`."""
    for k in range(len(products)):
        token = products[k]
        for i in range(offsets[token] + 1, offsets[token + 1]):
            cuts[np.int64(data[i - 1]) << 8 | np.int64(data[i])] = 0


@kernel
def fill_seams(late: Any, products: Any, tokens: int, seams: Any) -> None:
    """Set a bit of `seams` for every two early tokens that meet in a late one."""
    shift = 26
    while (1 << (32 - shift)) < 64 * len(seams):
        shift -= 1
    # The first and the last of the early tokens that each token is made of.
    heads = np.arange(tokens)
    tails = np.arange(tokens)
    for k in range(len(late)):
        left, right = late[k, 0], late[k, 1]
        heads[products[k]] = heads[left]
        tails[products[k]] = tails[right]
        place = seam(tails[left], heads[right], shift)
        seams[place >> 6] |= np.uint64(1) << np.uint64(place & 63)


@kernel
def cut_words(data: int, ends: Any, cuts: Any, kinds: Any, state: Any, finer: Any, goes_on: Any) -> int:
    """Cut pieces of text between bytes that no early token holds side by side.

    `data` is the address of the text, `ends` (int64) where its pieces end, `cuts` and `kinds` as of `JoinTable`, `state`
    (int64[4]) where to go on from. Writes the ends of words to `finer` (int64), of which `ROOM` stay free at least, and to
    `goes_on` (uint8) whether the piece goes on after them; returns how many. A letter of ASCII and a blank are always cut
    apart: no early merge joins them (`first_joined`). Letters, but where a capital follows a small one, and a blank before a
    letter are not looked at: cuts are rare there, and a word more or less makes no difference.
    """
    table, kind = address(cuts), address(kinds)
    finer_at, goes_on_at = address(finer), address(goes_on)
    piece, at, begun, longest = state[PIECE], state[PLACE], state[BEGUN], state[LONGEST]
    total = ends[len(ends) - 1]
    count, most = signed(0), len(finer) - ROOM
    while at < total and count <= most:
        # The 64 places from the one before byte `at + 1` on.
        width = min(np.int64(64), total - at)
        last = np.uint64(0)
        while piece < len(ends) and ends[piece] <= at + width:
            end = ends[piece]
            last |= np.uint64(1) << np.uint64(end - at - 1)
            longest = max(longest, end - begun)
            begun = end
            piece += 1
        found = last
        if at + 65 <= total and looks_up_bytes():
            found |= pairs_chosen(data + at, kind, kind + 512)
            todo = pairs_chosen(data + at, kind + 256, kind + 512) & ~found
        elif at + 65 <= total:
            here = data + at
            small, large = bytes_between(here, 97, 26), bytes_between(here, 65, 26)
            small_next, large_next = bytes_between(here + 1, 97, 26), bytes_between(here + 1, 65, 26)
            letter, letter_next = small | large, small_next | large_next
            apart = letter & bytes_between(here + 1, 32, 1)
            together = (letter & letter_next & ~(small & large_next)) | (
                bytes_between(here, 32, 1) & letter_next
            )
            found |= apart
            todo = ~(found | together)
        else:
            todo = (np.uint64(0xFFFFFFFFFFFFFFFF) >> np.uint64(64 - width)) & ~last
        while todo != np.uint64(0):
            i = np.int64(trailing_zeros(todo))
            todo &= todo - np.uint64(1)
            # The last place of all is the end of a piece.
            pair = np.int64(load_u8(data + at + i)) << 8 | np.int64(load_u8(data + at + i + 1))
            found |= np.uint64(load_u8(table + pair)) << np.uint64(i)
        store_chosen(found, ~last, goes_on_at + count)
        count += store_positions(found, at + 1, finer_at + (count << 3))
        at += width
    if piece < len(ends):
        longest = max(longest, ends[piece] - begun)
    state[PIECE], state[PLACE], state[BEGUN], state[LONGEST] = piece, at, begun, longest
    return count
