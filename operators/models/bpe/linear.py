"""Applying merges in time linear in the text, whatever its length: from left to right, going back where need be.

A sequence of tokens is what BPE makes of its bytes exactly if that holds of every two neighbours, and it is the only one;
van Antwerpen and Neubeck describe the algorithm ("So many tokens, so little time", GitHub, 2024). So the longest token at a
place is taken that goes together with the one before it; where none does, the one before it is given up for the next
shorter. A place from which the rest of the text cannot be reached is marked, and no place is tried twice. Whether two tokens
go together is found by taking the later-made of them apart at the seam, for as long as no merge would cross it.

Tokens have ordinals here: bytes 0 to 255, the product of merge k is 256 + k, so that a smaller ordinal was made earlier.
That presupposes that each merge makes a token of its own from tokens made before it (`LinearTable.of` returns None
otherwise). Merges that never apply, because others take their parts apart first, are left out.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pairloom.operators.kernels.jit import (
    address,
    inner,
    kernel,
    load_u8,
    load_u32,
    load_u64,
    store_u8,
    store_u32,
    store_u64,
)
from pairloom.operators.models.bpe.trie import build_trie, longest_token
from pairloom.operators.vocabulary.tokens import TokenTable

Int = int | np.int64

__all__ = ["MEMO_BYTES", "LinearTable", "encode_linear", "linear_bytes"]

NONE = 0xFFFFFFFF
_MIX = 0x9E3779B97F4A7C15
# Pairs of tokens that are known to go together or not: a table of 2^15 uint64, which lies before the scratch.
_MEMO_BITS = 15
MEMO_BYTES = 8 << _MEMO_BITS


@dataclass(frozen=True, slots=True, kw_only=True)
class LinearTable:
    """The merges of a vocabulary, laid out for `encode_linear`; all arrays are read-only once built.

    By ordinal: `parts` is uint32[2n], left and right (a byte's are itself), `shorter` uint32[n] the longest token that is a
    beginning of the token, or NONE, `lengths` uint32[n] and `ids` uint32[n]. `slots` is an open-addressed table of uint64
    for the merges, as in `PairTable`, with ordinals; `trie` is that of `trie.py`.
    """

    parts: npt.NDArray[np.uint32]
    shorter: npt.NDArray[np.uint32]
    lengths: npt.NDArray[np.uint32]
    ids: npt.NDArray[np.uint32]
    slots: npt.NDArray[np.uint64]
    trie: npt.NDArray[np.uint64]

    @classmethod
    def of(
        cls,
        byte_ids: npt.NDArray[np.int64],
        merges: npt.NDArray[np.int32],
        products: npt.NDArray[np.int64],
        tokens: TokenTable,
    ) -> "LinearTable | None":
        """Lay merges out (arguments as of `PairTable.of`), or None where they are not as presupposed."""
        count = 256 + len(merges)
        if (byte_ids < 0).any() or (products < 0).any() or len(set(products.tolist())) < len(products):
            return None
        ids = np.concatenate([byte_ids, products])
        ordinals = np.full(len(tokens), -1, np.int64)
        ordinals[ids] = np.arange(count)
        pairs = ordinals[merges] if len(merges) else np.zeros((0, 2), np.int64)
        if len(set(ids.tolist())) < count or (pairs < 0).any():
            return None
        if (pairs >= np.arange(256, count)[:, None]).any():
            return None
        parts = np.concatenate([np.repeat(np.arange(256), 2), pairs.reshape(-1)]).astype(np.uint32)
        slots = np.zeros(1 << max(4, (3 * len(merges)).bit_length()), np.uint64)
        numbers = np.arange(count)
        used = np.ones(count, np.bool_)
        _fill(slots, parts, used)
        numbers[~used] = -1
        by_id = np.full(len(tokens), -1, np.int64)
        by_id[ids] = numbers
        trie = build_trie(tokens, by_id)
        shorter = np.full(count, NONE, np.uint32)
        _fill_shorter(shorter, trie, tokens.data, tokens.offsets, ids, used)
        return cls(
            parts=parts,
            shorter=shorter,
            lengths=tokens.lengths[ids].astype(np.uint32),
            ids=ids.astype(np.uint32),
            slots=slots,
            trie=trie,
        )

    @property
    def addresses(self) -> tuple[int, ...]:
        """What kernels read: the addresses of all arrays in their order, then the slots' mask and hash shift."""
        held = (self.parts, self.shorter, self.lengths, self.ids, self.slots, self.trie)
        bits = len(self.slots).bit_length() - 1
        return (*(array.ctypes.data for array in held), len(self.slots) - 1, 64 - bits)


def linear_bytes(longest: int) -> int:
    """The bytes of scratch that `encode_linear` needs for words of up to `longest` bytes."""
    return 4 * (longest + 1) + longest // 8 + 16


@inner
def _made(slots: Int, mask: Int, shift: Int, left: Int, right: Int) -> Any:
    # The ordinal of what the pair makes, or NONE.
    key = ((np.uint64(left) + np.uint64(1)) << np.uint64(21)) | np.uint64(right)
    place = np.int64((key * np.uint64(_MIX)) >> np.uint64(shift))
    while True:
        slot = load_u64(slots + (place << 3))
        if slot >> np.uint64(22) == key:
            return np.int64(slot & np.uint64(0x3FFFFF))
        if slot == np.uint64(0):
            return np.int64(NONE)
        place = (place + 1) & mask


@inner
def _together(parts: Int, slots: Int, mask: Int, shift: Int, left: Int, right: Int) -> bool:
    # Whether BPE leaves these two tokens side by side. `limit`: only merges made before it may cross the seam.
    limit = np.int64(NONE)
    while True:
        if _made(slots, mask, shift, left, right) < limit:
            return False
        # The later-made of the two comes apart; of equal ones the right one, since merging begins at the left. A byte
        # does not come apart.
        of_left = np.int64(load_u32(parts + (left << 3) + 4))
        of_right = np.int64(load_u32(parts + (right << 3)))
        if of_left != left and (left > right or of_right == right):
            limit = left
            left = of_left
        elif of_right != right:
            limit = right + 1
            right = of_right
        else:
            return True


@inner
def _known_together(memo: Int, parts: Int, slots: Int, mask: Int, shift: Int, left: Int, right: Int) -> bool:
    key = (np.uint64(left) << np.uint64(21) | np.uint64(right)) + np.uint64(1)
    entry = memo + np.int64(((key * np.uint64(_MIX)) >> np.uint64(64 - _MEMO_BITS)) << np.uint64(3))
    known = load_u64(entry)
    if known >> np.uint64(1) == key:
        return known & np.uint64(1) == np.uint64(1)
    found = _together(parts, slots, mask, shift, left, right)
    store_u64(entry, key << np.uint64(1) | np.uint64(1 if found else 0))
    return found


@kernel
def _fill(slots: Any, parts: Any, used: Any) -> None:
    mask = np.int64(slots.size - 1)
    bits = 0
    while (np.int64(1) << bits) < slots.size:
        bits += 1
    shift = np.int64(64 - bits)
    for k in range(256, len(used)):
        left, right = np.int64(parts[2 * k]), np.int64(parts[2 * k + 1])
        used[k] = (
            used[left] and used[right] and _together(address(parts), address(slots), mask, shift, left, right)
        )
        if used[k]:
            key = ((np.uint64(left) + np.uint64(1)) << np.uint64(21)) | np.uint64(right)
            place = np.int64((key * np.uint64(_MIX)) >> np.uint64(shift))
            while slots[place] != np.uint64(0):
                place = (place + 1) & mask
            slots[place] = (key << np.uint64(22)) | np.uint64(k)


@kernel
def _fill_shorter(shorter: Any, trie: Any, data: Any, offsets: Any, ids: Any, used: Any) -> None:
    base = address(data)
    for k in range(len(ids)):
        if used[k]:
            start, stop = base + offsets[ids[k]], base + offsets[ids[k] + 1]
            found = longest_token(address(trie), start, stop - 1)
            if found >= 0:
                shorter[k] = found


@inner
def encode_linear(word: Int, length: Int, table: Any, scratch: Int) -> Any:
    """Encode the `length` >= 1 bytes at address `word`; returns how many ids are left as uint32 from `scratch` on.

    `table` is `LinearTable.addresses`; `scratch` the address of `linear_bytes(length)` bytes, 8-byte aligned, with
    MEMO_BYTES before it that hold zeros or what this function has left there with the same table.
    """
    parts, shorter, lengths, ids, slots, trie, mask, shift = table
    memo = scratch - MEMO_BYTES
    dead = scratch + 4 * (length + 1)  # a bit a place
    for i in range((length >> 3) + 1):
        store_u8(dead + i, np.uint8(0))
    count = np.int64(0)
    place = np.int64(0)
    last = np.int64(-1)
    token = longest_token(trie, word, word + length)
    while place < length:
        end = place + np.int64(load_u32(lengths + (token << 2)))
        if (np.int64(load_u8(dead + (end >> 3))) >> (end & 7)) & 1 == 0 and (
            last < 0 or _known_together(memo, parts, slots, mask, shift, last, token)
        ):
            store_u32(scratch + (count << 2), np.uint32(token))
            count += 1
            last = token
            place = end
            token = longest_token(trie, word + place, word + length)
            continue
        less = np.int64(load_u32(shorter + (token << 2)))
        if less != NONE:
            token = less
            continue
        # Nothing goes on from here: the token before was wrong.
        here = dead + (place >> 3)
        store_u8(here, np.uint8(np.int64(load_u8(here)) | np.int64(1) << (place & 7)))
        count -= 1
        token = last
        place -= np.int64(load_u32(lengths + (token << 2)))
        last = np.int64(load_u32(scratch + ((count - 1) << 2))) if count else np.int64(-1)
    for i in range(count):
        store_u32(scratch + (i << 2), load_u32(ids + (np.int64(load_u32(scratch + (i << 2))) << 2)))
    return count
