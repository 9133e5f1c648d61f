"""The trie of tokens: filled, and searched for the longest token at a place; see `models/bpe/trie.py`."""

from typing import Any

import numpy as np

from pairloom.operators.kernels.jit import inner, kernel, load_u8, load_u64

__all__ = ["ROOT", "fill_trie", "longest_token"]

Int = int | np.int64

ROOT = 256
# Free slots that are tried for a node of several children before it gets a block of its own.
_TRIES = 64


@kernel
def fill_trie(slots: Any, data: Any, offsets: Any, ordered: Any, numbers: Any) -> bool:
    """Fill `slots` (uint64, zero) with the tokens `ordered` (by their bytes) and their numbers; False where there is no room."""
    # Ranges of tokens with a common prefix, in the order of their depths: first, last + 1, depth, the node's base.
    total = 0
    for token in ordered:
        total += offsets[token + 1] - offsets[token]
    ranges = np.zeros((total + 1, 4), np.int64)
    # Bases.
    taken = np.zeros(len(slots), np.uint8)
    ranges[0, 1], ranges[0, 3] = len(ordered), ROOT
    taken[ROOT] = 1
    count, at = 1, 0
    children = np.zeros(256, np.int64)
    starts = np.zeros(257, np.int64)
    low = 2 * ROOT
    if len(ordered) == 0:
        return True
    while at < count:
        first, last, depth, base = ranges[at, 0], ranges[at, 1], ranges[at, 2], ranges[at, 3]
        at += 1
        found = 0
        for i in range(first, last):
            token = ordered[i]
            byte = np.int64(data[offsets[token] + depth])
            if found == 0 or children[found - 1] != byte:
                children[found] = byte
                starts[found] = i
                found += 1
        starts[found] = last
        for k in range(found):
            byte, begin, end = children[k], starts[k], starts[k + 1]
            word = np.uint64(byte + 1)
            token = ordered[begin]
            if offsets[token + 1] - offsets[token] == depth + 1:
                word |= np.uint64(numbers[token] + 1) << np.uint64(33)
                begin += 1
            slot = base ^ byte
            if begin < end:
                # A base for the child at which all of its own children have free slots.
                one = np.int64(data[offsets[ordered[begin]] + depth + 1])
                free = low
                tried = 0
                while True:
                    while free < len(slots) and slots[free] != 0:
                        free += 1
                    if tried == 0:
                        low = free
                    if tried == _TRIES:
                        free = (free + 511) & ~255
                    if free + 256 >= len(slots):
                        return False
                    place = free ^ one
                    if place != 0 and taken[place] == 0:
                        i = begin
                        while i < end and slots[place ^ np.int64(data[offsets[ordered[i]] + depth + 1])] == 0:
                            i += 1
                        if i == end:
                            break
                    tried += 1
                    free += 1
                taken[place] = 1
                word |= np.uint64(place) << np.uint64(9)
                ranges[count, 0], ranges[count, 1] = begin, end
                ranges[count, 2], ranges[count, 3] = depth + 1, place
                count += 1
                # The slots are the child's from now on, though its own children are written when it is its turn.
                for i in range(begin, end):
                    inside = np.int64(data[offsets[ordered[i]] + depth + 1])
                    slots[place ^ inside] = np.uint64(inside + 1)
            slots[slot] = word
    return True


@inner
def longest_token(slots: Int, text: Int, stop: Int) -> Any:
    """The number of the longest token that the text at the address `text` begins with, before `stop`; -1 for none."""
    base = np.int64(ROOT)
    best = np.int64(-1)
    while text < stop:
        byte = np.int64(load_u8(text))
        word = load_u64(slots + ((base ^ byte) << 3))
        if np.int64(word & np.uint64(511)) != byte + 1:
            break
        number = np.int64(word >> np.uint64(33))
        if number:
            best = number - 1
        base = np.int64(word >> np.uint64(9)) & 0xFFFFFF
        if base == 0:
            break
        text += 1
    return best
