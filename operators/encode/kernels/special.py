"""Special tokens in text, and the segments that they leave."""

from typing import Any

import numpy as np

from pairloom.operators.encode.kernels.state import NULL, TEXT, TEXT_ENDS
from pairloom.operators.kernels.jit import kernel

__all__ = ["cut_segments", "find_tokens"]


@kernel
def find_tokens(data: Any, offsets: Any, special: Any, ends: Any, ids: Any, first: Any, found: Any) -> Any:
    """Write (document, place, length, id) of each special token, as far as there is room in `found`; how many there are.

    `special` are their bytes, one after another up to `ends`, in the order of the first byte, at which those of a byte begin
    in `first`, and the longest first.
    """
    count = 0
    for document in range(offsets.size - 1):
        place = offsets[document]
        stop = offsets[document + 1]
        while place < stop:
            byte = np.int64(data[place])
            step = np.int64(1)
            for token in range(first[byte], first[byte + 1]):
                length = ends[token + 1] - ends[token]
                if length > stop - place:
                    continue
                same = np.int64(1)
                while same < length and special[ends[token] + same] == data[place + same]:
                    same += 1
                if same == length:
                    if count < found.shape[1]:
                        found[0, count] = document
                        found[1, count] = place
                        found[2, count] = length
                        found[3, count] = ids[token]
                    count += 1
                    step = length
                    break
            place += step
    return count


@kernel
def cut_segments(
    ends: Any, valid: Any, document: Any, start: Any, length: Any, token: Any, offsets: Any, kinds: Any
) -> Any:
    """Write where segments end (`offsets`) and what they are (`kinds`), of documents that end at `ends`; how many there are."""
    used = 0
    match = 0
    offsets[0] = ends[0]
    for i in range(ends.size - 1):
        place = ends[i]
        stop = ends[i + 1]
        closed = False
        while match < document.size and document[match] == i:
            if start[match] > place:
                kinds[used] = TEXT
                used += 1
                offsets[used] = start[match]
            place = start[match] + length[match]
            closed = place == stop
            kinds[used] = np.int32(2 * token[match] + (1 if closed else 0))
            used += 1
            offsets[used] = place
            match += 1
        if not closed:
            kinds[used] = TEXT_ENDS if valid[i] else NULL
            used += 1
            offsets[used] = stop
    return used
