"""Two sorted lists of words and counts become one."""

import numpy as np
import numpy.typing as npt

from pairloom.operators.kernels.jit import (
    address,
    byte_swap,
    inner,
    kernel,
    load_u8,
    load_u64,
    signed,
    store_u8,
    store_u64,
)

__all__ = ["MERGED", "NOT_ASCENDING", "OVERFLOW", "merge_sorted"]

# How `merge_sorted` ends.
MERGED, OVERFLOW, NOT_ASCENDING = 0, 1, 2

_ZERO = np.uint64(0)
_ONES = np.uint64(0xFFFFFFFFFFFFFFFF)
_MOST = (1 << 63) - 1


@inner
def _head(word: int, length: int, end: int) -> np.uint64:
    """The first eight bytes, big-endian and zero-padded; `end` is where the data may not be read any more."""
    if length == 0:
        return _ZERO
    if word + 8 <= end:
        head = byte_swap(load_u64(word))
        return head if length >= 8 else head & ~(_ONES >> np.uint64(8 * length))
    head = _ZERO
    for i in range(min(length, 8)):
        head |= np.uint64(load_u8(word + i)) << np.uint64(56 - 8 * i)
    return head


@inner
def _compare(left: int, left_length: int, right: int, right_length: int) -> int:
    """Below, at or above zero as the left word comes before, equals or follows the right one."""
    common = min(left_length, right_length)
    i = 0
    while i + 8 <= common:
        a, b = load_u64(left + i), load_u64(right + i)
        if a != b:
            return 1 if byte_swap(a) > byte_swap(b) else -1
        i += 8
    while i < common:
        c, d = signed(load_u8(left + i)), signed(load_u8(right + i))
        if c != d:
            return c - d
        i += 1
    return left_length - right_length


@inner
def _copy(source: int, target: int, length: int) -> None:
    i = 0
    while i + 8 <= length:
        store_u64(target + i, load_u64(source + i))
        i += 8
    while i < length:
        store_u8(target + i, load_u8(source + i))
        i += 1


@kernel
def merge_sorted(
    left_data: npt.NDArray[np.uint8],
    left_offsets: npt.NDArray[np.int64],
    left_counts: npt.NDArray[np.int64],
    right_data: npt.NDArray[np.uint8],
    right_offsets: npt.NDArray[np.int64],
    right_counts: npt.NDArray[np.int64],
    data: npt.NDArray[np.uint8],
    offsets: npt.NDArray[np.int64],
    counts: npt.NDArray[np.int64],
) -> tuple[int, int]:
    """Merge two lists of words into `data`, `offsets`, `counts`, which have room for both.

    Returns (MERGED, words), or (OVERFLOW | NOT_ASCENDING, the word of the output where it shows). Words of the output
    ascend strictly exactly when those of both inputs do.
    """
    one, two, out = address(left_data), address(right_data), address(data)
    one_end, two_end = one + len(left_data), two + len(right_data)
    n, m = len(left_counts), len(right_counts)
    i = j = k = end = 0
    last_head, last_word, last_length = _ZERO, out, -1
    offsets[0] = 0
    one_head = two_head = _ZERO
    one_length = two_length = 0
    if n:
        one_length = left_offsets[1] - left_offsets[0]
        one_head = _head(one + left_offsets[0], one_length, one_end)
    if m:
        two_length = right_offsets[1] - right_offsets[0]
        two_head = _head(two + right_offsets[0], two_length, two_end)
    while i < n or j < m:
        if j >= m:
            order = -1
        elif i >= n:
            order = 1
        elif one_head != two_head:
            order = -1 if one_head < two_head else 1
        else:
            order = _compare(one + left_offsets[i], one_length, two + right_offsets[j], two_length)
        if order <= 0:
            word, length, head, count = one + left_offsets[i], one_length, one_head, left_counts[i]
        else:
            word, length, head, count = two + right_offsets[j], two_length, two_head, right_counts[j]
        if order == 0:
            if right_counts[j] > _MOST - count:
                return OVERFLOW, k
            count += right_counts[j]
        if last_length >= 0 and (
            last_head > head or (last_head == head and _compare(last_word, last_length, word, length) >= 0)
        ):
            return NOT_ASCENDING, k
        _copy(word, out + end, length)
        counts[k] = count
        last_head, last_word, last_length = head, out + end, length
        end += length
        k += 1
        offsets[k] = end
        if order <= 0:
            i += 1
            if i < n:
                one_length = left_offsets[i + 1] - left_offsets[i]
                one_head = _head(one + left_offsets[i], one_length, one_end)
        if order >= 0:
            j += 1
            if j < m:
                two_length = right_offsets[j + 1] - right_offsets[j]
                two_head = _head(two + right_offsets[j], two_length, two_end)
    return MERGED, k
