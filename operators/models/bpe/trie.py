"""A trie of tokens in which the longest token at a place of a text is found, one load a byte.

It is a double array (Aoe, "An efficient digital search algorithm by using a double-array structure", 1989): each node has
a base, and its child by a byte lies in the slot `base ^ byte`. Bases are distinct, so that the byte alone tells whether a
slot belongs to the node. A slot is one uint64:

    bits 8..0  byte + 1 (0: free)     bits 32..9  the child's base (0: it has no children)     bits 63..33  token + 1 or 0

The root's base is `ROOT`.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from pairloom.operators.errors import CapacityError
from pairloom.operators.kernels.jit import inner, kernel, load_u8, load_u64
from pairloom.operators.vocabulary.tokens import TokenTable

__all__ = ["ROOT", "build_trie", "longest_token"]

Int = int | np.int64

ROOT = 256
_MOST_SLOTS = 1 << 24
_TRIES = 64  # free slots that are tried for a node of several children before it gets a block of its own


def build_trie(tokens: TokenTable, numbers: npt.NDArray[np.int64]) -> npt.NDArray[np.uint64]:
    """The trie of the tokens that have a number: `numbers` is int64, one a token, -1 to leave it out.

    Raises CapacityError where the tokens have more than some 16 million different prefixes.
    """
    chosen = np.flatnonzero((numbers >= 0) & (tokens.lengths > 0))
    ordered = np.array(sorted(chosen.tolist(), key=tokens.__getitem__), np.int64)
    total = int(tokens.lengths[ordered].sum())
    slots = np.zeros(min(_MOST_SLOTS, 1 << max(12, (2 * total + 1024).bit_length())), np.uint64)
    if not _build(slots, tokens.data, tokens.offsets, ordered, numbers):
        raise CapacityError(
            f"{len(ordered)} tokens of {total} bytes have more prefixes than the encoder takes"
        )
    return slots[: int(np.flatnonzero(slots)[-1]) + 257] if len(ordered) else slots[: ROOT + 256]


@kernel
def _build(slots: Any, data: Any, offsets: Any, ordered: Any, numbers: Any) -> bool:
    # Ranges of tokens with a common prefix, in the order of their depths: first, last + 1, depth, the node's base.
    total = 0
    for token in ordered:
        total += offsets[token + 1] - offsets[token]
    ranges = np.zeros((total + 1, 4), np.int64)
    taken = np.zeros(len(slots), np.uint8)  # bases
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
