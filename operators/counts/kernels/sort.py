"""Words out of a hash table, ascending by bytes.

numpy sorts the first eight bytes of every word as one integer; words that agree in them are then put in order by a merge
sort over the rest. Comparisons are bounded by the words' own bytes, so that no input makes this quadratic.
"""

import numpy as np
import numpy.typing as npt

from pairloom.operators.counts.kernels.table import HEADER, LONG, SLOT
from pairloom.operators.kernels.jit import address, byte_swap, inner, kernel, load_u64, signed, store_u64

__all__ = ["list_words", "order_ties", "write_words"]

_ZERO = np.uint64(0)
_TOP = np.uint64(56)
_LONG = np.uint64(LONG)
_PLACE = np.uint64((1 << 56) - 1)
# Up to here insertion beats merging.
_SHORT_RUN = 12


@kernel
def list_words(
    table: npt.NDArray[np.uint64],
    arena: npt.NDArray[np.uint8],
    slots: npt.NDArray[np.int64],
    heads: npt.NDArray[np.uint64],
) -> int:
    """Every word's slot and first eight bytes (big-endian, zero-padded); returns the words' bytes together."""
    base, held = address(table), address(arena)
    n = 0
    total = 0
    for i in range(len(table) // 3):
        high = load_u64(base + SLOT * i + 8)
        if high == _ZERO:
            continue
        slots[n] = i
        if high >> _TOP == _LONG:
            word = held + signed(high & _PLACE)
            heads[n] = byte_swap(load_u64(word + HEADER))
            total += signed(load_u64(word))
        else:
            heads[n] = byte_swap(load_u64(base + SLOT * i))
            total += signed(high >> _TOP)
        n += 1
    return total


@inner
def _after(table: int, arena: int, left: int, right: int) -> bool:
    """Whether the word in slot `left` comes after the one in slot `right`; their first eight bytes agree."""
    one, two = load_u64(table + SLOT * left + 8), load_u64(table + SLOT * right + 8)
    one_long, two_long = one >> _TOP == _LONG, two >> _TOP == _LONG
    one_word, two_word = arena + signed(one & _PLACE), arena + signed(two & _PLACE)
    one_next = load_u64(one_word + HEADER + 8) if one_long else one & _PLACE
    two_next = load_u64(two_word + HEADER + 8) if two_long else two & _PLACE
    if one_next != two_next:
        return bool(byte_swap(one_next) > byte_swap(two_next))
    one_length = signed(load_u64(one_word)) if one_long else signed(one >> _TOP)
    two_length = signed(load_u64(two_word)) if two_long else signed(two >> _TOP)
    if one_long and two_long:
        common = min(one_length, two_length)
        i = 16
        # The arena pads words with zeros to a multiple of eight.
        while i < common:
            a, b = load_u64(one_word + HEADER + i), load_u64(two_word + HEADER + i)
            if a != b:
                return bool(byte_swap(a) > byte_swap(b))
            i += 8
    return one_length > two_length


@kernel
def order_ties(
    table: npt.NDArray[np.uint64],
    arena: npt.NDArray[np.uint8],
    heads: npt.NDArray[np.uint64],
    slots: npt.NDArray[np.int64],
    spare: npt.NDArray[np.int64],
) -> None:
    """Sort each run of equal `heads` by the whole word, in place in `slots`."""
    base, held = address(table), address(arena)
    n = len(slots)
    low = 0
    while low < n:
        high = low + 1
        while high < n and heads[high] == heads[low]:
            high += 1
        # Insertion in stretches, then merges of stretches, doubling.
        at = low
        while at < high:
            stop = min(at + _SHORT_RUN, high)
            for i in range(at + 1, stop):
                word = slots[i]
                k = i
                while k > at and _after(base, held, slots[k - 1], word):
                    slots[k] = slots[k - 1]
                    k -= 1
                slots[k] = word
            at = stop
        width = _SHORT_RUN
        while width < high - low:
            at = low
            while at + width < high:
                middle, stop = at + width, min(at + 2 * width, high)
                for i in range(at, middle):
                    spare[i] = slots[i]
                left, right, out = at, middle, at
                while left < middle:
                    if right < stop and _after(base, held, spare[left], slots[right]):
                        slots[out] = slots[right]
                        right += 1
                    else:
                        slots[out] = spare[left]
                        left += 1
                    out += 1
                at = stop
            width *= 2
        low = high


@kernel
def write_words(
    table: npt.NDArray[np.uint64],
    arena: npt.NDArray[np.uint8],
    slots: npt.NDArray[np.int64],
    data: npt.NDArray[np.uint8],
    offsets: npt.NDArray[np.int64],
    counts: npt.NDArray[np.int64],
) -> None:
    """Write the words in the order of `slots`; `data` has 16 bytes to spare at its end."""
    base, held, target = address(table), address(arena), address(data)
    end = 0
    for i in range(len(slots)):
        offsets[i] = end
        slot = base + SLOT * slots[i]
        low, high = load_u64(slot), load_u64(slot + 8)
        counts[i] = signed(load_u64(slot + 16))
        if high >> _TOP == _LONG:
            word = held + signed(high & _PLACE)
            length = signed(load_u64(word))
            k = 0
            while k < length:
                store_u64(target + end + k, load_u64(word + HEADER + k))
                k += 8
            end += length
        else:
            store_u64(target + end, low)
            store_u64(target + end + 8, high & _PLACE)
            end += signed(high >> _TOP)
    offsets[len(slots)] = end
