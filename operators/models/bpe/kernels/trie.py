"""The trie of tokens: filled, and searched for the longest token at a place; see `models/bpe/trie.py`."""

from typing import Any

import numpy as np

from pairloom.operators.kernels.jit import inner, kernel, load_u8, load_u64

__all__ = ["ROOT", "child", "fill_trie", "longest_token"]

Int = int | np.int64

ROOT = 256
# Free slots that are tried for a node before it gets a block of its own.
_TRIES = 64


@inner
def _first_free(slots: Any, following: Any, slot: Int) -> Int:
    """The first free slot from `slot` on; those that are taken still say which was after them."""
    while slot < len(slots) and slots[slot] != 0:
        slot = np.int64(following[slot])
    return slot


@inner
def _take(slots: Any, following: Any, before: Any, slot: Int, word: Any) -> None:
    """Write a free slot, and have it out of the list of free ones."""
    slots[slot] = word
    following[before[slot]] = following[slot]
    before[following[slot]] = before[slot]


@kernel
def fill_trie(slots: Any, data: Any, offsets: Any, ordered: Any, numbers: Any) -> bool:
    """Fill `slots` (uint64, zero) with the tokens `ordered` (by their bytes) and their numbers; False where there is no room.

    Free slots are a list. Nodes of about as many children (by powers of two) have a place in it at which they begin to look, and
    where some of them have looked in vain, none of them looks again: so that time is linear in the tokens' bytes.
    """
    if len(ordered) == 0:
        return True
    total = 0
    for token in ordered:
        total += offsets[token + 1] - offsets[token]
    # Ranges of tokens with a common prefix, in the order of their depths: first, last + 1, depth, the node's base.
    ranges = np.empty((total + 1, 4), np.int64)
    # Bases.
    taken = np.zeros(len(slots), np.uint8)
    following, before = np.empty(len(slots), np.int32), np.empty(len(slots), np.int32)
    for slot in range(len(slots)):
        following[slot], before[slot] = slot + 1, slot - 1
    ranges[0, 0], ranges[0, 1], ranges[0, 2], ranges[0, 3] = 0, len(ordered), 0, ROOT
    taken[ROOT] = 1
    count, at = 1, 0
    starts = np.zeros(257, np.int64)
    inside = np.zeros(257, np.int64)
    looked = np.full(10, 2 * ROOT, np.int64)
    fresh = 2 * ROOT  # blocks from here on are empty
    end_of_slots = len(slots) - 256
    while at < count:
        first, last, depth, base = ranges[at, 0], ranges[at, 1], ranges[at, 2], ranges[at, 3]
        at += 1
        found = 0
        last_byte = np.int64(-1)
        for i in range(first, last):
            byte = np.int64(data[offsets[ordered[i]] + depth])
            if byte != last_byte:
                starts[found] = i
                found += 1
                last_byte = byte
        starts[found] = last
        for k in range(found):
            begin, end = starts[k], starts[k + 1]
            token = ordered[begin]
            byte = np.int64(data[offsets[token] + depth])
            word = np.uint64(byte + 1)
            if offsets[token + 1] - offsets[token] == depth + 1:
                word |= np.uint64(numbers[token] + 1) << np.uint64(33)
                while begin < end and offsets[ordered[begin] + 1] - offsets[ordered[begin]] == depth + 1:
                    begin += 1
            if begin < end:
                children = 0
                last_byte = np.int64(-1)
                for i in range(begin, end):
                    byte_inside = np.int64(data[offsets[ordered[i]] + depth + 1])
                    if byte_inside != last_byte:
                        inside[children] = byte_inside
                        children += 1
                        last_byte = byte_inside
                size = 0
                while children >> size > 1:
                    size += 1
                # A base at which all children have free slots.
                free = _first_free(slots, following, looked[size])
                looked[size] = free
                place = np.int64(0)
                tried = 0
                while tried < _TRIES and free < end_of_slots:
                    place = free ^ inside[0]
                    if taken[place] == 0:
                        i = 1
                        while i < children and slots[place ^ inside[i]] == 0:
                            i += 1
                        if i == children:
                            break
                    tried += 1
                    free = np.int64(following[free])
                if tried == _TRIES or free >= end_of_slots:
                    if fresh >= end_of_slots:
                        return False
                    looked[size] = min(free, fresh)
                    place = fresh ^ inside[0]
                fresh = max(fresh, (place | 255) + 1)
                taken[place] = 1
                word |= np.uint64(place) << np.uint64(9)
                ranges[count, 0], ranges[count, 1] = begin, end
                ranges[count, 2], ranges[count, 3] = depth + 1, place
                count += 1
                # The slots are the child's from now on, though its own children are written when it is its turn.
                for i in range(children):
                    _take(slots, following, before, place ^ inside[i], np.uint64(inside[i] + 1))
            slots[base ^ byte] = word
    return True


@inner
def child(slots: Int, base: Int, text: Int) -> Any:
    """Where the byte at the address `text` leads from the node of this base.

    Returns (whether it leads anywhere, the number of the token that ends there or -1, the base there: 0 where nothing goes on).
    """
    byte = np.int64(load_u8(text))
    word = load_u64(slots + ((base ^ byte) << 3))
    return (
        np.int64(word & np.uint64(511)) == byte + 1,
        np.int64(word >> np.uint64(33)) - 1,
        np.int64(word >> np.uint64(9)) & 0xFFFFFF,
    )


@inner
def longest_token(slots: Int, text: Int, stop: Int) -> Any:
    """The number of the longest token that the text at the address `text` begins with, before `stop`; -1 for none."""
    base = np.int64(ROOT)
    best = np.int64(-1)
    while text < stop:
        there, number, base = child(slots, base, text)
        if not there:
            break
        if number >= 0:
            best = number
        if base == 0:
            break
        text += 1
    return best
