"""Added tokens in text, and the segments that they leave."""

from typing import Any

import numpy as np

from pairloom.operators.encode.kernels.state import TEXT, TEXT_ENDS
from pairloom.operators.kernels.jit import kernel

__all__ = ["cut_segments", "find_tokens"]


@kernel
def find_tokens(
    data: Any, offsets: Any, kinds: Any, added: Any, ends: Any, ids: Any, left: Any, first: Any, found: Any
) -> Any:
    """Write (segment, place, length, id) of each added token, as far as there is room in `found`; how many there are.

    Segments of text alone are looked at (see `open_documents` for `kinds`). `added` are the bytes of the tokens, one after
    another up to `ends`, in the order of their bytes, so that those that begin in one way are neighbours, the shortest first;
    those of a first byte begin in `first`. A token that is `left` keeps others from what it spells, and is text.
    """
    count = 0
    for segment in range(offsets.size - 1):
        if kinds[segment] >= 0:
            continue
        place = offsets[segment]
        stop = offsets[segment + 1]
        while place < stop:
            byte = np.int64(data[place])
            low = first[byte]
            high = first[byte + 1]
            if low == high:
                place += 1
                continue
            token = np.int64(-1)
            depth = np.int64(1)
            while low < high:
                if ends[low + 1] - ends[low] == depth:
                    token = low
                    low += 1
                if place + depth >= stop:
                    break
                wanted = data[place + depth]
                least, most = low, high
                while least < most:
                    middle = (least + most) >> 1
                    if added[ends[middle] + depth] < wanted:
                        least = middle + 1
                    else:
                        most = middle
                low, most = least, high
                while least < most:
                    middle = (least + most) >> 1
                    if added[ends[middle] + depth] <= wanted:
                        least = middle + 1
                    else:
                        most = middle
                high = least
                depth += 1
            if token < 0:
                place += 1
                continue
            length = ends[token + 1] - ends[token]
            if left[token] == 0:
                if count < found.shape[1]:
                    found[0, count] = segment
                    found[1, count] = place
                    found[2, count] = length
                    found[3, count] = ids[token]
                count += 1
            place += length
    return count


@kernel
def cut_segments(
    ends: Any, before: Any, segment: Any, start: Any, length: Any, token: Any, offsets: Any, kinds: Any
) -> Any:
    """Write where segments end (`offsets`) and what they are (`kinds`); how many there are.

    They are those that end at `ends`, of the kinds `before`, cut at the tokens that were found in them.
    """
    used = 0
    match = 0
    offsets[0] = ends[0]
    for i in range(ends.size - 1):
        place = ends[i]
        stop = ends[i + 1]
        closed = False
        last = before[i] == TEXT_ENDS
        while match < segment.size and segment[match] == i:
            if start[match] > place:
                kinds[used] = TEXT
                used += 1
                offsets[used] = start[match]
            place = start[match] + length[match]
            closed = place == stop
            kinds[used] = np.int32(2 * token[match] + (1 if closed and last else 0))
            used += 1
            offsets[used] = place
            match += 1
        if not closed:
            kinds[used] = before[i]
            used += 1
            offsets[used] = stop
    return used
